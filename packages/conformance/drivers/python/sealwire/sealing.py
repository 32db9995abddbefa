"""Sealing the messages of one direction (envelope.md, section 8)."""

from . import b64, claims, frames, jose
from .claims import Outgoing
from .frames import Frame, Message
from .keys import SigningKey
from .message import APPLICATION, CONTROL, TAG, Direction

SIGNATURE_BYTES = {"HS256": 32, "ES256": 64, "Ed25519": 64}


class Sealer:
    """Seals the messages of one direction in one epoch; the caller gives each its number, once."""

    def __init__(self, direction: Direction, signer: SigningKey | None, own: str = "", peer: str = "") -> None:
        self._direction = direction
        self._signer = signer
        self._own = own
        self._peer = peer

    @property
    def codec(self) -> str:
        return self._direction.profile.codec

    def application(self, message: Outgoing) -> bytes:
        """The claims of a message; sealing them is a step of its own, since their size decides whether that happens."""
        profile = self._direction.profile
        if claims.is_signed(profile.level):
            message.signed = {"iss": self._own, "aud": self._peer, "bnd": self._direction.key_id}
        return claims.write_application(profile.codec, message)

    def size(self, seq: int, content: bytes) -> int:
        """Bytes of the WebSocket message that `seal` would make of these claims."""
        direction, level = self._direction, self._direction.profile.level
        zeros = bytes(SIGNATURE_BYTES[direction.inner["alg"]]) if direction.inner else bytes(SIGNATURE_BYTES["HS256"])
        if direction.inner and level == "nest":
            parts = {"protected": direction.inner_protected, "payload": content, "signature": zeros}
            content = frames.compact(Frame(frames.JWS, parts)).encode("ascii")
        if direction.encrypts:
            return frames.size_of(self._wrap(APPLICATION, seq, content, bytes(TAG)))
        return frames.size_of(self._as_signed(content, zeros))

    def seal(self, seq: int, content: bytes) -> Message:
        direction, level = self._direction, self._direction.profile.level
        if level == "mac":
            assert direction.mac_key is not None
            text = jose.sign(direction.application, content, direction.mac_key)
        elif direction.inner is not None:
            assert self._signer is not None
            text = jose.sign(direction.inner, content, self._signer.key)
        else:
            return self._encrypt(APPLICATION, seq, content)
        if level == "nest":
            return self._encrypt(APPLICATION, seq, text.encode("ascii"))
        return self._as_signed(content, b64.decode(text.rsplit(".", 1)[1]))

    def seal_control(self, seq: int, content: bytes) -> Message:
        return self._encrypt(CONTROL, seq, content)

    def _encrypt(self, kind: int, seq: int, plaintext: bytes) -> Message:
        keys = self._direction.keys
        iv = frames.nonce(keys.iv, seq)
        jwe = jose.encrypt(self._direction.protected[kind], plaintext, keys.key, iv)
        return self._wrap(kind, seq, jwe.data("ciphertext"), jwe.data("tag"))

    def _wrap(self, kind: int, seq: int, ciphertext: bytes, tag: bytes) -> Message:
        frame = Frame(frames.SEALED, {"h": self._direction.h(kind), "seq": seq, "data": ciphertext + tag})
        if self._direction.profile.wire == "binary":
            return frames.encode("binary", frame)
        header = self._direction.protected[kind]
        return frames.compact(frames.full_form(frame, header, self._direction.keys.iv))

    def _as_signed(self, payload: bytes, signature: bytes) -> Message:
        if self._direction.profile.wire == "binary":
            parts: dict[str, frames.Part] = {"h": self._direction.h(APPLICATION), "payload": payload, "signature": signature}
            return frames.encode("binary", Frame(frames.SIGNED, parts))
        header = self._direction.protected[APPLICATION]
        return frames.compact(Frame(frames.JWS, {"protected": header, "payload": payload, "signature": signature}))
