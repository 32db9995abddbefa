"""What an endpoint did in one step; the machine has no other effects."""

from dataclasses import dataclass, field
from typing import Any

from .frames import Message


@dataclass
class Opened:
    """The session is open; `sub`, `scp` and `exp` are those of SR."""

    sid: str
    lvl: str
    cod: str
    sub: str
    scp: list[str]
    exp: int


@dataclass
class Delivered:
    seq: int
    index: int | None
    top: str
    data: Any
    req: bool


@dataclass
class Settled:
    """An own request ended, with data or with an error code; `index` of one in a batch."""

    seq: int
    data: Any = None
    error: str | None = None
    index: int | None = None


@dataclass
class RefusedItem:
    seq: int
    index: int | None
    error: str
    step: str


@dataclass
class Ending:
    """What ended the session; `peer` where it is the peer's word."""

    error: str
    step: str
    peer: bool = False


@dataclass
class Emitted:
    conn: int
    message: Message


@dataclass
class Closing:
    """A close that this end gave to a WebSocket."""

    conn: int
    code: int
    reason: str


@dataclass
class Undetermined:
    """An own message of which it is not known whether it was received."""

    seq: int
    top: str
    jti: str | None = None
    index: int | None = None


@dataclass
class Failed:
    """A connection ended before it carried the session; `error` is None where it was dropped."""

    conn: int
    error: Ending | None = None
    close: Closing | None = None


@dataclass
class Resumed:
    """The session took up a connection: the own highest committed number, and the one that the peer announced."""

    rcv: int
    peer: int


@dataclass
class Refreshed:
    scp: list[str]
    exp: int


@dataclass
class Epoch:
    send: int
    receive: int


@dataclass
class Ended:
    clean: bool
    truncated: bool
    dropped: int | None = None  # in window order
    missing: int | None = None


@dataclass
class Outcome:
    emit: list[Emitted] = field(default_factory=list)
    opened: Opened | None = None
    deliver: list[Delivered] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    refused: list[RefusedItem] = field(default_factory=list)
    denied: list[Settled] = field(default_factory=list)
    thrown: str | None = None
    thrown_call: int | None = None  # which call of a turn that was
    resumed: Resumed | None = None
    refreshed: Refreshed | None = None
    not_refreshed: bool = False
    soon: bool = False
    epoch: Epoch | None = None
    undetermined: list[Undetermined] = field(default_factory=list)
    failed: Failed | None = None
    superseded: Closing | None = None
    close: Closing | None = None
    error: Ending | None = None
    ended: Ended | None = None
    state: str = ""
    attempt: str | None = None
    sent_seq: int | None = None  # the number that `send` or `request` of this step took
