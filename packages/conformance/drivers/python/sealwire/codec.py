"""The two codecs of claims and the data model they share (envelope.md, section 6)."""

import math
from typing import Any

import cbor2

from . import strictjson
from .cborscan import ClaimsScan
from .errors import CallerError
from .limits import DEFAULTS, MAX_INTEGER


def decode(codec: str, data: bytes) -> dict[str, Any]:
    """The claims as a dict, or ValueError for what breaks the rules of the codec."""
    if codec == "json":
        return strictjson.parse_object(data)
    ClaimsScan(data).run()
    claims: dict[str, Any] = cbor2.loads(data)
    return claims


def encode(codec: str, claims: dict[str, Any]) -> bytes:
    if codec == "json":
        return strictjson.write(claims).encode("utf-8")
    return cbor2.dumps(claims)


def checked(codec: str, data: Any, depth: int = 1) -> Any:
    """Data in the form in which the codec writes it; CallerError for data outside the model.

    Bytes are admitted here alone, as the whole of the data. `depth` counts the containers around it.
    """
    if isinstance(data, bytes):
        return data
    count = _Count()
    return _checked(codec, data, depth + 1, count)


class _Count:
    """Values so far; the claims object is the first."""

    def __init__(self) -> None:
        self.values = 1

    def add(self) -> None:
        self.values += 1
        if self.values > DEFAULTS["claimsNodes"]:
            raise CallerError("the data has more values than a receiver takes")


def _checked(codec: str, data: Any, depth: int, count: _Count) -> Any:
    count.add()
    if data is None or isinstance(data, bool):
        return data
    if isinstance(data, (int, float)):
        return _number(codec, data)
    if isinstance(data, str):
        return _text(data)
    if not isinstance(data, (list, dict)):
        raise CallerError("a value outside the data model")
    if depth > DEFAULTS["claimsDepth"]:
        raise CallerError("the data is deeper than a receiver takes")
    if isinstance(data, list):
        return [_checked(codec, item, depth + 1, count) for item in data]
    if len(data) > DEFAULTS["claimsMembers"] or "__proto__" in data:
        raise CallerError("a forbidden member, or more members than a receiver takes")
    return {_text(name): _checked(codec, value, depth + 1, count) for name, value in data.items()}


def _number(codec: str, value: int | float) -> int | float:
    number = float(value)
    if not math.isfinite(number):
        raise CallerError("a number that is not finite")
    if not number.is_integer():
        return number
    if abs(number) <= MAX_INTEGER:
        return int(number)  # also turns negative zero into 0
    if codec == "cbor":
        raise CallerError("an integral number beyond 2^53-1")
    return number


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise CallerError("a member name that is no string")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CallerError("a lone surrogate") from error
    return text
