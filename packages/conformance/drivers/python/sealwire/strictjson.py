"""JSON as the protocol reads and writes it (conventions.md, section 4).

The standard library parses; its hooks and a walk over the result add what it lacks: duplicate members, numbers that overflow,
lone surrogates, forbidden names, limits. An integer literal in canonical form becomes an int, every other number a float, so
that `type(value) is int` is the rule `json:integer`.
"""

import json
import math
import re
from json.encoder import encode_basestring
from typing import Any

from .limits import DEFAULTS, MAX_INTEGER

_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}\Z")


class JsonError(ValueError):
    """The text is not what the protocol takes for JSON."""


def _integer(text: str) -> int | float:
    if _INTEGER.fullmatch(text) and int(text) <= MAX_INTEGER:
        return int(text)
    return _number(text)


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonError("a number overflows")
    return value


def _constant(text: str) -> None:
    raise JsonError(f"{text} is no JSON")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonError("a member stands twice")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_int=_integer, parse_float=_number, parse_constant=_constant)


def check_limits(value: Any) -> None:
    """Depth, members, values and forbidden names of parsed claims; iterative, since hostile claims are deep."""
    count = 0
    queue: list[tuple[Any, int]] = [(value, 1)]
    while queue:
        item, depth = queue.pop()
        count += 1
        if count > DEFAULTS["claimsNodes"]:
            raise JsonError("too many values")
        if isinstance(item, (dict, list)):
            if depth > DEFAULTS["claimsDepth"]:
                raise JsonError("too deep")
            if isinstance(item, dict):
                _check_names(item, depth)
                queue.extend((member, depth + 1) for member in item.values())
            else:
                queue.extend((element, depth + 1) for element in item)
        elif isinstance(item, str):
            _check_text(item)


def _check_names(members: dict[str, Any], depth: int) -> None:
    if len(members) > DEFAULTS["claimsMembers"]:
        raise JsonError("too many members")
    for name in members:
        _check_text(name)
        if name == "__proto__" or (depth == 1 and name in ("constructor", "prototype")):
            raise JsonError("a forbidden name")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise JsonError("a lone surrogate") from error


def parse_object(data: bytes) -> dict[str, Any]:
    """Parses exactly one JSON object, or raises JsonError."""
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise JsonError("a byte order mark")
        value, end = _DECODER.raw_decode(text.lstrip(" \t\n\r"))
        rest = text.lstrip(" \t\n\r")[end:]
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise JsonError("no JSON") from error
    if rest.strip(" \t\n\r") or not isinstance(value, dict):
        raise JsonError("not exactly one object")
    check_limits(value)
    return value


def _format_float(value: float) -> str:
    """The shortest decimal of a binary64, in the spelling that JSON producers share (ECMAScript's)."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, exponent = f"{abs(value)!r}e0".split("e")[:2]
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) + int(exponent) - len(fraction)
    return sign + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    """digits × 10^(point − len(digits)) written plainly up to 21 digits, else with an exponent."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    head = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{head}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def write(value: Any) -> str:
    """Compact JSON, members in their given order, no escapes but those that JSON demands."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, float):
        return _format_float(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{write(name)}:{write(member)}" for name, member in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)
