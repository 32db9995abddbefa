"""Steps `frame` to `time` of opening a message of a session (envelope.md, section 9): pure, all state is given."""

from dataclasses import dataclass

from . import claims, frames, jose
from .claims import Application, Control
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

    @property
    def is_control(self) -> bool:
        return isinstance(self.content, Control)


@dataclass
class Expected:
    """The state that steps `sequence` and `claims` compare with; they change nothing of it."""

    order: Order
    sent: int  # highest number that this end has sent
    rcv: int  # highest `rcv` received; in window order it is not compared
    own: str = ""
    peer: str = ""
    strict: bool = True


class Opener:
    """Steps `frame` to `claims` of one direction."""

    def __init__(self, direction: Direction, signer: SigningKey | None, max_bytes: int = DEFAULTS["messageBytes"]) -> None:
        self._direction = direction
        self._signer = signer
        self._max_bytes = max_bytes

    def open(self, message: Message, expected: Expected) -> Opened:
        frame = frames.decode(self._direction.profile.wire, message, self._max_bytes)
        h = self._match_header(frame)
        if h == CONTROL or self._direction.encrypts:
            return self._open_encrypted(frame, h, expected)
        return self._open_signed(frame, expected)

    def _match_header(self, frame: Frame) -> int:
        """Compares with the receive table. On the text wire a form that does not fit has a header that does not fit."""
        if self._direction.profile.wire == "binary":
            forms = {APPLICATION: frames.SEALED if self._direction.encrypts else frames.SIGNED, CONTROL: frames.SEALED}
            h = frame.parts.get("h")
            if isinstance(h, int) and forms.get(h) == frame.form:
                return h
        elif frame.form in (frames.JWS, frames.JWE):
            for h, header in self._direction.protected.items():
                encrypted = h == CONTROL or self._direction.encrypts
                if header == frame.data("protected") and encrypted == (frame.form == frames.JWE):
                    return h
        raise Refused("E_HEADER", "header")

    def _open_encrypted(self, frame: Frame, h: int, expected: Expected) -> Opened:
        keys = self._direction.keys
        seq = frame.number("seq") if frame.form == frames.SEALED else _sequence_of(frame.data("iv"), keys.iv)
        expected.order.check(seq, "sequence")
        if frame.form == frames.SEALED:
            frame = frames.full_form(frame, self._direction.protected[h], keys.iv)
        plaintext = decrypt(frame, self._direction.content_key)
        if h == CONTROL:
            control = claims.read_control(plaintext)
            _check_number(control.seq, seq)
            _check_control(control, expected)
            return Opened(control, plaintext)
        jws = None
        if self._direction.profile.level == "nest":
            jws, plaintext = self._open_inner(plaintext)
        read = self._read_application(plaintext, expected)
        _check_number(read.seq, seq)
        _check_refs(read, expected)
        return Opened(read, plaintext, jws)

    def _open_signed(self, frame: Frame, expected: Expected) -> Opened:
        if frame.form == frames.SIGNED:
            frame = frames.full_form(frame, self._direction.protected[APPLICATION], b"")
        text = frame.text or frames.compact(frame)
        if self._direction.profile.level == "mac":
            assert self._direction.mac_key is not None
            payload = jose.verify(text, self._direction.mac_key, ("HS256",))
        else:
            payload = self._verify(text, "crypto")
        read = self._read_application(payload, expected)
        expected.order.check(read.seq, "claims")
        _check_refs(read, expected)
        return Opened(read, payload, text if self._direction.profile.level == "sig" else None)

    def _open_inner(self, plaintext: bytes) -> tuple[str, bytes]:
        frame = frames.decode_inner(plaintext)
        assert frame.text is not None
        if frame.data("protected") != self._direction.inner_protected:
            raise Refused("E_CRYPTO", "inner")
        return frame.text, self._verify(frame.text, "inner")

    def _verify(self, text: str, step: str) -> bytes:
        assert self._signer is not None
        return jose.verify(text, self._signer.key, (self._signer.algorithm,), step)

    def _read_application(self, data: bytes, expected: Expected) -> Application:
        profile = self._direction.profile
        read = claims.read_application(profile.codec, profile.level, data)
        if claims.is_signed(profile.level):
            if read.iss != expected.peer:
                raise Refused("E_KEY", "claims")
            if read.aud != expected.own or read.bnd != self._direction.key_id:
                raise Refused("E_BINDING", "claims")
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


def _check_number(claimed: int, seq: int) -> None:
    if claimed != seq:
        raise Refused("E_SEQ", "claims")


def _seq_of_ref(ref: claims.Ref) -> int:
    return ref[0] if isinstance(ref, list) else ref


def _check_refs(read: Application, expected: Expected) -> None:
    if any(item.ref is not None and _seq_of_ref(item.ref) > expected.sent for item in read.items):
        raise Refused("E_CLAIMS", "claims")


def _check_control(control: Control, expected: Expected) -> None:
    if control.ref is not None and _seq_of_ref(control.ref) > expected.sent:
        raise Refused("E_CLAIMS", "claims")
    if control.rcv > expected.sent or (expected.strict and control.rcv < expected.rcv):
        raise Refused("E_SEQ", "claims")


def check_commit(opened: Opened, order: Order, received_bytes: int, limits: dict[str, int]) -> None:
    """What step `commit` can refuse before the number is stored; what depends on a `bye` of the peer is the session's."""
    content = opened.content
    if isinstance(content, Control) and content.top == "bye" and content.seq < order.last:
        raise Refused("E_STATE", "commit")
    if content.seq > limits["keyMessages"] or received_bytes + len(opened.claims) > limits["keyBytes"]:
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
