"""Between the JSON of the driver protocol and the values of the implementation."""

import json
from typing import Any

from sealwire import frames, keys
from sealwire.frames import Frame, Message
from sealwire.limits import MAX_INTEGER

Input = dict[str, Any]
Result = dict[str, Any]


def _integer(text: str) -> int | float:
    """Numbers of the protocol are binary64, so that a longer integer is the nearest one."""
    value = int(text) if len(text) < 20 else float(text)
    return value if abs(value) <= MAX_INTEGER else float(text)


def read_line(line: str) -> Any:
    return json.loads(line, parse_int=_integer)


def write_line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def message(value: Input) -> Message:
    return value["text"] if "text" in value else bytes.fromhex(value["binary"])


def message_result(value: Message) -> Result:
    return {"text": value} if isinstance(value, str) else {"binary": value.hex()}


def data(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"$bytes"}:
        return bytes.fromhex(value["$bytes"])
    if isinstance(value, dict):
        return {name: data(member) for name, member in value.items()}
    if isinstance(value, list):
        return [data(item) for item in value]
    return value


def data_result(value: Any) -> Any:
    return {"$bytes": value.hex()} if isinstance(value, bytes) else value


def frame(value: Input) -> Frame:
    form = value["form"]
    names = frames.PARTS[form]
    parts = {name: value[name] if name in ("h", "seq") else bytes.fromhex(value.get(name, "")) for name in names}
    return Frame(form, parts)


def frame_result(value: Frame) -> Result:
    parts = {name: part.hex() if isinstance(part, bytes) else part for name, part in value.parts.items()}
    return {"form": value.form, **parts}


def peer_key(jwk: Input | None) -> keys.SigningKey | None:
    return None if jwk is None else keys.from_jwk(jwk)


def own_key(jwk: Input | None) -> keys.SigningKey | None:
    return None if jwk is None else keys.configured(jwk)
