"""One WebSocket connection until it carries a session: what handshake and resume share, on either side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .channel import Channel, Terms
from .control import Control, write_control
from .errors import Refused
from .frames import JWE, Frame, Message
from .message import header_bytes
from .opening import Expected, decrypt
from .outcome import Emitted
from .replay import Strict
from .schedule import DirectionKeys
from .settings import FAILS, WIRES, Deadline

if TYPE_CHECKING:
    from .endpoint import Endpoint

CARRIES, ENDED = "session", "closed"


class Connection:
    def __init__(self, endpoint: "Endpoint", number: int, protocol: str) -> None:
        self._endpoint, self._time, self._limits = endpoint, endpoint.time, endpoint.limits
        self.number, self.protocol, self.wire = number, protocol, WIRES.get(protocol, "")
        self._opened_at = endpoint.time.clock
        self.drawn = endpoint.draw()  # also where the peer is refused
        self.state = ""

    @property
    def waits(self) -> bool:
        """It carries no session yet, and may."""
        return self.state.startswith("wait")

    def start(self) -> None:
        raise NotImplementedError

    def receive(self, message: Message, behind: Sequence[Message]) -> None:
        raise NotImplementedError

    def tell_end(self, name: str) -> None:
        """Before SR a server says why it ends; a client only closes."""

    def emit(self, message: Message) -> None:
        self._endpoint.out.emit.append(Emitted(self.number, message))

    def deadlines(self) -> Iterator[Deadline]:
        yield self._opened_at + self._limits["handshakeSeconds"], FAILS, self._time_out

    def _time_out(self) -> None:
        self._endpoint.fail_connection(self, Refused("E_TIMEOUT_HS", "local"))


def open_handshake_jwe(frame: Frame, headers: Sequence[Mapping[str, str]], own: DirectionKeys) -> tuple[bytes, int]:
    """Steps `header` to `crypto` of CA and SR; also tells which of the headers it was."""
    written = [header_bytes(header) for header in headers]
    if frame.form != JWE or frame.data("protected") not in written:
        raise Refused("E_HEADER", "header")
    if frame.data("iv") != own.iv:  # seq is 0
        raise Refused("E_IV", "sequence")
    return decrypt(frame, own.content_key), written.index(frame.data("protected"))


class _Zero(Strict):
    """The number of `resumed`."""

    def check(self, seq: int, step: str) -> None:
        if seq != 0:
            raise Refused("E_SEQ", step)


def seal_resumed(channel: Channel, rcv: int, **members: Any) -> Message:
    """It has no number of its own and does not count for the limits of the keys."""
    return channel.sealer.seal_control(0, write_control(Control(0, "resumed", rcv, **members)))


def open_resumed(channel: Channel, terms: Terms, message: Message, sent: int, rcv: int) -> Control:
    """The first message under the keys of a resume (`resume:first`); `rcv` is the least one that it may have."""
    expected = Expected(_Zero(), sent, rcv, sender=terms.peer_role, suite=terms.suite, first=True)
    return channel.open_control(message, expected)
