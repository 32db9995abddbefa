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
    """An own request ended, with data or with an error code."""

    seq: int
    data: Any = None
    error: str | None = None


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
class Ended:
    clean: bool
    truncated: bool
    dropped: int | None = None  # in window order
    missing: int | None = None


@dataclass
class Outcome:
    emit: list[Message] = field(default_factory=list)
    opened: Opened | None = None
    deliver: list[Delivered] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    refused: list[RefusedItem] = field(default_factory=list)
    denied: list[Settled] = field(default_factory=list)
    thrown: str | None = None
    close: tuple[int, str] | None = None
    error: Ending | None = None
    ended: Ended | None = None
    state: str = ""
    sent_seq: int | None = None  # the number that `send` or `request` of this step took
