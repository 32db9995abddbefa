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


class Channel:
    def __init__(self, terms: Terms, traffic: Traffic, wire: str, clock: float, sent: int = 0, received: int = 0) -> None:
        """`sent` and `received` are the numbers below the first ones on this connection."""
        self._terms, self._wire = terms, wire
        self.send_epoch = 0
        self.since = clock  # when the newest keys were derived
        self.chain = traffic.chain
        self.sent, self.received = Usage(sent), Usage(received)
        self.sealer = self._sealer(traffic, 0)
        self._openers = [self._opener(traffic, 0)]
        self._entered = True  # the peer has entered the newest epoch that is held
        self._below: int | None = None  # s of section 3, window order

    @property
    def receive_epoch(self) -> int:
        """A proposer leaves the old epoch with `rekeyed`, a responder when the peer enters the new one."""
        return self._openers[-1 if self._entered else 0].direction.epoch

    @property
    def awaits_peer(self) -> bool:
        """The newest keys have not carried anything of the peer yet."""
        return not self._entered

    def enter(self, traffic: Traffic, clock: float, sent: int, received: int | None) -> None:
        """The next epoch: sends under it from now on, and holds its receive keys.

        `received` is the last number of the peer under the old keys where that is known, as it is for the proposer.
        """
        self.send_epoch += 1
        self.sealer = self._sealer(traffic, self.send_epoch)
        self.sent, self.since, self.chain = Usage(sent), clock, traffic.chain
        older = self._openers[-1]
        self._entered = received is not None and not self._terms.strict
        self._openers = [older, self._opener(traffic, self.send_epoch)]
        if received is not None:
            self.received = Usage(received)
            if self._terms.strict:
                self._openers = self._openers[-1:]  # nothing of the old epoch can follow
            else:
                self._below = received + 1

    def forget_old(self) -> None:
        """Another rekey begins: what is left of the epoch before the current one is refused."""
        if self._entered:
            self._openers, self._below = self._openers[-1:], None

    def open(self, message: Message, expected: Expected) -> Opened:
        frame = frames.decode(self._wire, message, self._terms.msg)
        found = [(opener, kind) for opener in self._openers if (kind := opener.match(frame)) is not None]
        if not found:
            raise Refused("E_HEADER", "header")
        opener, kind = found[-1]
        newest = opener is self._openers[-1]
        if self._terms.strict and newest and not self._entered and kind == APPLICATION:
            if not self._names_no_epoch:
                raise Refused("E_HEADER", "header")
            opener, kind = found[0]  # the claim `bnd` alone tells the epoch
            return opener.open_frame(frame, kind, replace(expected, entered=opener is not self._openers[-1]))
        try:
            return opener.open_frame(frame, kind, self._expected(opener, expected))
        except Refused as refusal:
            if len(found) == 1 or refusal.code != "E_BINDING":
                raise
            return found[0][0].open_frame(frame, kind, self._expected(found[0][0], expected))

    def open_control(self, message: Message, expected: Expected) -> Control:
        """The first message on a connection that is taken up; another kind has a header that does not fit."""
        frame = frames.decode(self._wire, message, self._terms.msg)
        if self._openers[-1].match(frame) != CONTROL:
            raise Refused("E_HEADER", "header")
        opened = self._openers[-1].open_frame(frame, CONTROL, expected)
        assert isinstance(opened.content, Control)
        self.received.add(len(opened.claims))
        return opened.content

    @property
    def _names_no_epoch(self) -> bool:
        return self._wire == "text" and self._terms.level == "sig"

    def _expected(self, opener: Opener, expected: Expected) -> Expected:
        return expected if opener is self._openers[-1] else replace(expected, below=self._below)

    def note(self, opened: Opened) -> bool:
        """After an authentic message: whether the peer has entered the newest epoch with it."""
        if opened.epoch != self._openers[-1].direction.epoch:
            return False
        entered = not self._entered
        if entered and self._terms.strict:
            self._openers = self._openers[-1:]
        if len(self._openers) > 1:
            seq = opened.content.seq
            self._below = seq if self._below is None else min(self._below, seq)
        if entered:
            self._entered = True
            self.received = Usage(opened.content.seq - 1)
        elif self._below is not None:
            self.received.base = self._below - 1
        return entered

    def note_committed(self, last: int, window: int) -> None:
        """The keys of the old epoch go when nothing of it can be in the window any more."""
        if self._below is not None and last >= self._below + window:
            self.forget_old()

    def is_newest(self, opened: Opened) -> bool:
        return opened.epoch == self._openers[-1].direction.epoch

    def _sealer(self, traffic: Traffic, epoch: int) -> Sealer:
        terms, signer = self._terms, self._terms.signers[0]
        return Sealer(self._direction(traffic, terms.is_client, signer, epoch), signer, *terms.identities)

    def _opener(self, traffic: Traffic, epoch: int) -> Opener:
        signer = self._terms.signers[1]
        return Opener(self._direction(traffic, not self._terms.is_client, signer, epoch), signer)

    def _direction(self, traffic: Traffic, of_client: bool, signer: SigningKey | None, epoch: int) -> Direction:
        profile = Profile(self._wire, self._terms.level, self._terms.codec)
        return Direction(profile, traffic.sent_by(of_client), signer if is_signed(profile.level) else None, epoch)
