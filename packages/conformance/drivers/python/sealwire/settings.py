"""What an endpoint is given, and the time it lives in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Any

from . import keys, token
from .limits import DEFAULTS
from .replay import MemoryStore
from .revocation import Revocations

Handler = Callable[[Any], Any]

WIRES = {"sealwire.v1.text": "text", "sealwire.v1.cbor": "binary"}


@dataclass
class Policy:
    """What the application decides: which topics it admits, and who answers requests on them.

    Messages on a topic that `scopes` names are authorized, in both directions, only while the session has that scope.
    """

    allow: frozenset[str] = frozenset()
    handlers: dict[str, Handler] = field(default_factory=dict)
    scopes: Mapping[str, str] = field(default_factory=dict)
    batches: bool = False  # messages of one turn share a number

    def admits(self, top: str, granted: Sequence[str]) -> bool:
        return top not in self.scopes or self.scopes[top] in granted


@dataclass
class Draw:
    """What one handshake, resume or rekey draws at random; a rekey has no `rnd`."""

    ephemeral: Mapping[str, keys.Jwk]
    rnd: bytes = b""


@dataclass
class Settings:
    """What either end is given."""

    server_id: str
    now: float  # local clock at the start
    draws: Iterator[Draw]
    msg: int = DEFAULTS["messageBytes"]
    limits: dict[str, int] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)


@dataclass
class ClientSettings(Settings):
    pinned: Sequence[Mapping[str, Any]] = ()
    offer: Mapping[str, list[str]] = field(default_factory=dict)  # prt, st, lvl, sig, cod
    token: str = ""
    proof_key: Mapping[str, Any] | None = None
    upgrade_token: bool = False  # the token goes with the upgrade
    admits_window: bool = False


@dataclass
class ServerSettings(Settings):
    identity: Sequence[Mapping[str, Any]] = ()
    support: Mapping[str, list[str]] = field(default_factory=dict)  # prt, st, lvl, cod
    pop: str = "optional"
    order: str = "strict"
    res: int = 0
    issuers: Sequence[token.Issuer] = ()
    revocations: Revocations = field(default_factory=Revocations)
    store: MemoryStore | None = None  # None: it fails


class Time:
    """Seconds since the start, and the clocks that are reckoned from them."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.clock = 0.0

    @property
    def local(self) -> float:
        return self.start + self.clock

    def now(self, offset: float) -> int:
        return floor(self.local + offset)

    def clock_at(self, server_time: float, offset: float) -> float:
        return server_time - offset - self.start


# When something falls due, its rank among what falls due at the same instant, and what to do.
Deadline = tuple[float, int, Callable[[], None]]

# An end of the session comes before everything else, and a `ping` last.
ENDS, LOSES, FAILS, SETTLES, EXPIRES, ACKNOWLEDGES, REMINDS, RENEWS, PINGS = range(9)
