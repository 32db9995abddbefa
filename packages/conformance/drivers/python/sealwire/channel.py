"""The traffic keys of one connection: the epoch of each direction, and how far its keys are used (lifecycle.md, section 3)."""

from dataclasses import dataclass, replace

from . import frames
from .claims import is_signed
from .control import Control
from .errors import Refused
from .frames import Message
from .keys import SigningKey
from .message import APPLICATION, CONTROL, Direction, Profile
from .opening import Expected, Opened, Opener
from .schedule import Traffic
from .sealing import Sealer


@dataclass(frozen=True)
class Terms:
    """What the handshake fixed for the life of the session."""

    is_client: bool
    suite: str
    level: str
    codec: str
    signers: tuple[SigningKey | None, SigningKey | None]  # of this end, of the peer
    identities: tuple[str, str]
    msg: int  # `lim.msg` of this end
    peer_msg: int
    pop: str
    res: int
    strict: bool
    began: int  # `iat` of SH

    @property
    def peer_role(self) -> str:
        return "server" if self.is_client else "client"


@dataclass
class Usage:
    """How far the keys of one direction are used; `base` is the number before their first one."""

    base: int
    messages: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        self.messages, self.bytes = self.messages + 1, self.bytes + size


@dataclass
class Incoming:
    """The peer's direction in one epoch."""

    opener: Opener
    used: Usage | None = None  # None: the peer has not entered it yet

    @property
    def epoch(self) -> int:
        return self.opener.direction.epoch

    def uses(self, seq: int) -> Usage:
        """With the message of this number; in window order the first ones of an epoch come in any order."""
        if self.used is None:
            return Usage(seq - 1)
        return replace(self.used, base=min(self.used.base, seq - 1))


class Channel:
    def __init__(self, terms: Terms, traffic: Traffic, wire: str, clock: float, sent: int = 0, received: int = 0) -> None:
        """`sent` and `received` are the numbers below the first ones on this connection."""
        self._terms, self._wire = terms, wire
        self.chain = traffic.chain  # of the newest epoch that is held
        self.begin(clock)
        self.send_epoch = self.receive_epoch = 0
        self.sealer, self.sent = self._sealer(traffic, 0), Usage(sent)
        self._next: Sealer | None = None  # of an epoch that is derived, and not sent under yet
        self._incoming = [Incoming(self._opener(traffic, 0), Usage(received))]
        self._below: int | None = None  # s of section 3, window order

    def begin(self, clock: float) -> None:
        """From here on the age of the keys counts: of the newest, and of those that are sent under."""
        self.since = self.send_since = clock

    @property
    def received(self) -> Usage:
        return self._incoming[-1].used or Usage(0)

    @property
    def awaits_peer(self) -> bool:
        """The newest keys have not carried anything of the peer yet."""
        return self._incoming[-1].used is None

    @property
    def is_to_switch(self) -> bool:
        """The keys of the next epoch are held, and this end does not send under them yet."""
        return self._next is not None

    def derive(self, traffic: Traffic, clock: float, proposed: bool) -> None:
        """Holds the keys of the next epoch; those of the one before the current are gone."""
        epoch = self.send_epoch + 1
        self._next, self.since, self.chain = self._sealer(traffic, epoch), clock, traffic.chain
        self._incoming, self._below = [self._incoming[-1], Incoming(self._opener(traffic, epoch))], None
        if proposed and self._terms.strict:  # nothing of the old epoch can follow
            self.receive_epoch, self._incoming = epoch, self._incoming[-1:]

    def switch(self, sent: int) -> None:
        """What is sent from now on, behind the number `sent`, is sealed under the next epoch."""
        assert self._next is not None
        self.sealer, self._next = self._next, None
        self.send_epoch, self.sent, self.send_since = self.send_epoch + 1, Usage(sent), self.since

    def open(self, message: Message, expected: Expected) -> Opened:
        frame = frames.decode(self._wire, message, self._terms.msg)
        found = [(each, kind) for each in self._incoming if (kind := each.opener.match(frame)) is not None]
        if not found:
            raise Refused("E_HEADER", "header")
        incoming, kind = found[-1]
        newest = incoming is self._incoming[-1]
        if self._terms.strict and newest and self.awaits_peer and kind == APPLICATION:
            if not self._names_no_epoch:
                raise Refused("E_HEADER", "header")
            incoming, kind = found[0]  # the claim `bnd` alone tells the epoch
            return incoming.opener.open_frame(frame, kind, replace(expected, entered=incoming is not self._incoming[-1]))
        try:
            return incoming.opener.open_frame(frame, kind, self._expected(incoming, expected))
        except Refused as refusal:
            if len(found) == 1 or refusal.code != "E_BINDING":
                raise
            return found[0][0].opener.open_frame(frame, kind, self._expected(found[0][0], expected))

    def open_control(self, message: Message, expected: Expected) -> Control:
        """The first message on a connection that is taken up; another kind has a header that does not fit."""
        frame = frames.decode(self._wire, message, self._terms.msg)
        incoming = self._incoming[-1]
        if incoming.opener.match(frame) != CONTROL:
            raise Refused("E_HEADER", "header")
        opened = incoming.opener.open_frame(frame, CONTROL, expected)
        assert isinstance(opened.content, Control)
        self.received.add(len(opened.claims))
        return opened.content

    @property
    def _names_no_epoch(self) -> bool:
        return self._wire == "text" and self._terms.level == "sig"

    def _expected(self, incoming: Incoming, expected: Expected) -> Expected:
        return expected if incoming is self._incoming[-1] else replace(expected, below=self._below)

    def uses(self, opened: Opened) -> Usage:
        """How far the keys of a message were used before it."""
        return self._of(opened).uses(opened.content.seq)

    def commit(self, opened: Opened, last: int, window: int) -> None:
        """`last` is the highest number committed, `window` how far behind it one is still taken."""
        incoming, seq = self._of(opened), opened.content.seq
        incoming.used = incoming.uses(seq)
        incoming.used.add(len(opened.claims))
        if incoming is self._incoming[-1]:
            self.receive_epoch = incoming.epoch
            if self._terms.strict:
                self._incoming = self._incoming[-1:]
            elif len(self._incoming) > 1:
                self._below = seq if self._below is None else min(self._below, seq)
        if self._below is not None and last >= self._below + window:  # nothing of the old epoch is in the window any more
            self._incoming, self._below = self._incoming[-1:], None

    def is_newest(self, opened: Opened) -> bool:
        return opened.epoch == self._incoming[-1].epoch

    def _of(self, opened: Opened) -> Incoming:
        return next(each for each in self._incoming if each.epoch == opened.epoch)

    def _sealer(self, traffic: Traffic, epoch: int) -> Sealer:
        terms, signer = self._terms, self._terms.signers[0]
        return Sealer(self._direction(traffic, terms.is_client, signer, epoch), signer, *terms.identities)

    def _opener(self, traffic: Traffic, epoch: int) -> Opener:
        signer = self._terms.signers[1]
        return Opener(self._direction(traffic, not self._terms.is_client, signer, epoch), signer)

    def _direction(self, traffic: Traffic, of_client: bool, signer: SigningKey | None, epoch: int) -> Direction:
        profile = Profile(self._wire, self._terms.level, self._terms.codec)
        return Direction(profile, traffic.sent_by(of_client), signer if is_signed(profile.level) else None, epoch)
