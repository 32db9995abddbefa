"""The two wires (envelope.md, sections 3 and 11): a WebSocket message to a form with its parts, and back."""

from collections.abc import Mapping
from dataclasses import dataclass

import cbor2

from . import b64
from .cborscan import scan_frame
from .errors import CallerError, Refused
from .limits import DEFAULTS, MAX_INTEGER

BARE, JWS, JWE, SEALED, SIGNED = range(5)

PARTS: dict[int, tuple[str, ...]] = {
    BARE: ("json",),
    JWS: ("protected", "payload", "signature"),
    JWE: ("protected", "key", "iv", "ciphertext", "tag"),
    SEALED: ("h", "seq", "data"),
    SIGNED: ("h", "payload", "signature"),
}
_NUMBERS = frozenset({"h", "seq"})
Part = bytes | int
Message = str | bytes  # one WebSocket message, by its opcode


@dataclass(frozen=True)
class Frame:
    form: int
    parts: Mapping[str, Part]
    text: str | None = None  # what the text wire carried; signatures and additional data are computed over it

    def data(self, name: str) -> bytes:
        value = self.parts[name]
        assert isinstance(value, bytes)
        return value

    def number(self, name: str) -> int:
        value = self.parts[name]
        assert isinstance(value, int)
        return value


def size_of(message: Message) -> int:
    return len(message.encode("utf-8")) if isinstance(message, str) else len(message)


def decode(wire: str, message: Message, max_bytes: int = DEFAULTS["messageBytes"]) -> Frame:
    if isinstance(message, str) != (wire == "text"):
        raise Refused("E_FRAME", "frame")
    if size_of(message) > max_bytes:
        raise Refused("E_TOO_BIG", "frame")
    return _decode_text(message) if isinstance(message, str) else _decode_binary(message)


def _decode_text(message: str) -> Frame:
    if message.startswith("{"):
        return Frame(BARE, {"json": message.encode("utf-8")}, message)
    return decode_compact(message, "encoding")


def decode_inner(plaintext: bytes) -> Frame:
    """The compact JWS that is the plaintext of a JWE. Claims without a signature begin with `{` and are no JWS."""
    text = plaintext.decode("latin-1")
    frame = decode_compact(text, "inner") if not text.startswith("{") else None
    if frame is None or frame.form != JWS:
        raise Refused("E_MALFORMED", "inner")
    return frame


def decode_compact(text: str, step: str) -> Frame:
    segments = text.split(".")
    if len(segments) not in (3, 5) or not segments[0]:
        raise Refused("E_MALFORMED", step)
    if len(segments) == 5 and segments[1]:
        raise Refused("E_MALFORMED", step)
    form = JWS if len(segments) == 3 else JWE
    try:
        return Frame(form, dict(zip(PARTS[form], map(b64.decode, segments), strict=True)), text)
    except ValueError as error:
        raise Refused("E_B64", step) from error


def _decode_binary(message: bytes) -> Frame:
    try:
        scan_frame(message)
        form, *values = cbor2.loads(message)
        names = PARTS[form]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Refused("E_CBOR", "encoding") from error
    if len(values) != len(names):
        raise Refused("E_CBOR", "encoding")
    for name, value in zip(names, values):
        if isinstance(value, int) != (name in _NUMBERS) or (isinstance(value, int) and value > MAX_INTEGER):
            raise Refused("E_CBOR", "encoding")
    parts = dict(zip(names, values))
    if parts.get("key"):
        raise Refused("E_CBOR", "encoding")
    return Frame(form, parts)


def encode(wire: str, frame: Frame) -> Message:
    if wire == "binary":
        return cbor2.dumps([frame.form, *(frame.parts[name] for name in PARTS[frame.form])])
    if frame.form == BARE:
        return frame.data("json").decode("utf-8")
    if frame.form not in (JWS, JWE):
        raise CallerError("forms 3 and 4 exist on the binary wire alone")
    return compact(frame)


def compact(frame: Frame) -> str:
    return ".".join(b64.encode(frame.data(name)) for name in PARTS[frame.form])


def nonce(static_iv: bytes, seq: int) -> bytes:
    return bytes(a ^ b for a, b in zip(static_iv, b"\0\0\0\0" + seq.to_bytes(8, "big")))


def full_form(frame: Frame, header: bytes, static_iv: bytes) -> Frame:
    """A frame of form 3 or 4 with the header and IV that it leaves out."""
    if frame.form == SIGNED:
        parts = {"protected": header, "payload": frame.data("payload"), "signature": frame.data("signature")}
        return Frame(JWS, parts)
    data = frame.data("data")
    iv = nonce(static_iv, frame.number("seq"))
    parts = {"protected": header, "key": b"", "iv": iv, "ciphertext": data[:-16], "tag": data[-16:]}
    return Frame(JWE, parts)


def expand(message: bytes, headers: dict[int, bytes], static_iv: bytes) -> str:
    frame = decode("binary", message)
    if frame.form == SEALED and len(frame.data("data")) < 16:
        raise CallerError("data without a whole tag")
    if frame.form == BARE:
        return frame.data("json").decode("utf-8")
    if frame.form in (JWS, JWE):
        return compact(frame)
    header = headers.get(frame.number("h"))
    if header is None:
        raise CallerError("the headers hold no such h")
    return compact(full_form(frame, header, static_iv))
