"""Steps `frame` to `time` of opening a message of a session (envelope.md, section 9): pure, all state is given."""

from dataclasses import dataclass

from . import claims, control, frames, jose
from .claims import Application
from .control import Control
from .errors import Refused
from .frames import Frame, Message
from .keys import SigningKey
from .limits import DEFAULTS
from .message import APPLICATION, CONTROL, TAG, Direction
from .replay import Order


@dataclass
class Opened:
    content: Application | Control
    claims: bytes  # as received
    jws: str | None = None
    epoch: int = 0

    @property
    def is_control(self) -> bool:
        return isinstance(self.content, Control)


@dataclass
class Expected:
    """The state that the steps compare with; they change nothing of it."""

    order: Order
    sent: int  # highest number that this end has sent
    rcv: int  # highest `rcv` received; in window order it is not compared
    own: str = ""
    peer: str = ""
    strict: bool = True
    sender: str | None = None  # the peer's role, where it is known
    suite: str | None = None
    first: bool = False  # the first message of a resume is due
    below: int | None = None  # the number at which the peer left this epoch (window order)
    entered: bool = True  # false: the peer has not entered this epoch with its `ack` yet


class Opener:
    """Steps `header` to `claims` of one direction in one epoch."""

    def __init__(self, direction: Direction, signer: SigningKey | None) -> None:
        self.direction = direction
        self._signer = signer

    def open(self, message: Message, expected: Expected, max_bytes: int = DEFAULTS["messageBytes"]) -> Opened:
        frame = frames.decode(self.direction.profile.wire, message, max_bytes)
        kind = self.match(frame)
        if kind is None:
            raise Refused("E_HEADER", "header")
        return self.open_frame(frame, kind, expected)

    def match(self, frame: Frame) -> int | None:
        """Compares with the receive table. On the text wire a form that does not fit has a header that does not fit."""
        direction = self.direction
        for kind, header in direction.protected.items():
            encrypted = kind == CONTROL or direction.encrypts
            if direction.profile.wire == "binary":
                form = frames.SEALED if encrypted else frames.SIGNED
                if frame.form == form and frame.parts.get("h") == direction.h(kind):
                    return kind
            elif frame.form == (frames.JWE if encrypted else frames.JWS) and header == frame.data("protected"):
                return kind
        return None

    def open_frame(self, frame: Frame, kind: int, expected: Expected) -> Opened:
        if kind == CONTROL or self.direction.encrypts:
            return self._open_encrypted(frame, kind, expected)
        return self._open_signed(frame, expected)

    def _open_encrypted(self, frame: Frame, kind: int, expected: Expected) -> Opened:
        keys = self.direction.keys
        seq = frame.number("seq") if frame.form == frames.SEALED else _sequence_of(frame.data("iv"), keys.iv)
        _check_epoch(seq, expected)
        expected.order.check(seq, "sequence")
        if frame.form == frames.SEALED:
            frame = frames.full_form(frame, self.direction.protected[kind], keys.iv)
        plaintext = decrypt(frame, self.direction.content_key)
        if kind == CONTROL:
            return self._opened(self._read_control(plaintext, seq, expected), plaintext)
        jws = None
        if self.direction.profile.level == "nest":
            jws, plaintext = self._open_inner(plaintext)
        read = self._read_application(plaintext, expected)
        _check_number(read.seq, seq)
        _check_refs(read, expected)
        return self._opened(read, plaintext, jws)

    def _opened(self, content: Application | Control, data: bytes, jws: str | None = None) -> Opened:
        return Opened(content, data, jws, self.direction.epoch)

    def _open_signed(self, frame: Frame, expected: Expected) -> Opened:
        if frame.form == frames.SIGNED:
            frame = frames.full_form(frame, self.direction.protected[APPLICATION], b"")
        text = frame.text or frames.compact(frame)
        if self.direction.profile.level == "mac":
            assert self.direction.mac_key is not None
            payload = jose.verify(text, self.direction.mac_key, ("HS256",))
        else:
            payload = self._verify(text, "crypto")
        read = self._read_application(payload, expected)
        _check_epoch(read.seq, expected)
        expected.order.check(read.seq, "claims")
        _check_refs(read, expected)
        return self._opened(read, payload, text if self.direction.profile.level == "sig" else None)

    def _open_inner(self, plaintext: bytes) -> tuple[str, bytes]:
        frame = frames.decode_inner(plaintext)
        assert frame.text is not None
        if frame.data("protected") != self.direction.inner_protected:
            raise Refused("E_CRYPTO", "inner")
        return frame.text, self._verify(frame.text, "inner")

    def _verify(self, text: str, step: str) -> bytes:
        assert self._signer is not None
        return jose.verify(text, self._signer.key, (self._signer.algorithm,), step)

    def _read_application(self, data: bytes, expected: Expected) -> Application:
        profile = self.direction.profile
        read = claims.read_application(profile.codec, profile.level, data)
        if claims.is_signed(profile.level):
            if read.iss != expected.peer:
                raise Refused("E_KEY", "claims")
            if read.aud != expected.own or read.bnd != self.direction.key_id or not expected.entered:
                raise Refused("E_BINDING", "claims")
        return read

    def _read_control(self, plaintext: bytes, seq: int, expected: Expected) -> Control:
        read = control.read_control(plaintext, expected.sender, expected.suite)
        if expected.first and read.top != "resumed":
            raise Refused("E_CLAIMS", "claims")
        _check_number(read.seq, seq)
        if read.top == "resumed" and not expected.first:
            raise Refused("E_SEQ", "claims")
        _check_control(read, expected)
        return read


def decrypt(frame: Frame, key: jose.Key) -> bytes:
    """Step `crypto` of a JWE. The tag length is checked here, since libraries differ about short tags."""
    if len(frame.data("tag")) != TAG:
        raise Refused("E_CRYPTO", "crypto")
    return jose.decrypt(frame.text or frames.compact(frame), key)


def _sequence_of(iv: bytes, static_iv: bytes) -> int:
    if len(iv) != len(static_iv):
        raise Refused("E_IV", "sequence")
    plain = bytes(a ^ b for a, b in zip(iv, static_iv))
    seq = int.from_bytes(plain[4:], "big")
    if any(plain[:4]) or seq >= 2**53:
        raise Refused("E_IV", "sequence")
    return seq


def _check_epoch(seq: int, expected: Expected) -> None:
    """In window order an epoch ends below the first number of the next one."""
    if expected.below is not None and seq >= expected.below:
        raise Refused("E_HEADER", "header")


def _check_number(claimed: int, seq: int) -> None:
    if claimed != seq:
        raise Refused("E_SEQ", "claims")


def _seq_of_ref(ref: control.Ref) -> int:
    return ref[0] if isinstance(ref, list) else ref


def _check_refs(read: Application, expected: Expected) -> None:
    if any(item.ref is not None and _seq_of_ref(item.ref) > expected.sent for item in read.items):
        raise Refused("E_CLAIMS", "claims")


def _check_control(read: Control, expected: Expected) -> None:
    if read.ref is not None and _seq_of_ref(read.ref) > expected.sent:
        raise Refused("E_CLAIMS", "claims")
    if read.rcv is not None and (read.rcv > expected.sent or (expected.strict and read.rcv < expected.rcv)):
        raise Refused("E_SEQ", "claims")


def check_commit(opened: Opened, order: Order, limits: dict[str, int], base: int = 0, received_bytes: int = 0) -> None:
    """What step `commit` can refuse before the number is stored; what depends on a `bye` of the peer is the session's.

    `base` is the number before the first one of the epoch, `received_bytes` what arrived under its keys.
    """
    content = opened.content
    if isinstance(content, Control) and content.top == "bye" and content.seq < order.last:
        raise Refused("E_STATE", "commit")
    if content.seq - base > limits["keyMessages"] or received_bytes + len(opened.claims) > limits["keyBytes"]:
        raise Refused("E_KEY_LIMIT", "commit")


def check_time(
    iat: int | None,
    exp: int,
    now: int,
    longest: int = DEFAULTS["messageTtlMax"],
    skew: int = DEFAULTS["skewSeconds"],
) -> None:
    """Step `time` (conventions.md, section 6); `exp` before `iat` was refused with the syntax."""
    if now >= exp + skew:
        raise Refused("E_EXPIRED", "time")
    if iat is not None and iat > now + skew:
        raise Refused("E_FUTURE", "time")
    if (iat is not None and exp - iat > longest) or exp > now + longest + skew:
        raise Refused("E_TTL", "time")
