"""The named syntaxes of conventions.md, section 2. Each check raises ValueError."""

import re
from typing import Any

from . import b64
from .limits import DEFAULTS, MAX_INTEGER

_IDENTIFIER = re.compile(rf"[\x21-\x7e]{{1,{DEFAULTS['identifierLength']}}}\Z")
_TOPIC = re.compile(rf"[A-Za-z0-9._:/-]{{1,{DEFAULTS['topicLength']}}}\Z")


def integer(value: Any, least: int = 0, most: int = MAX_INTEGER) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError("not an integer of the range")
    return value


def string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")
    return value


def identifier(value: Any) -> str:
    text = string(value)
    if not _IDENTIFIER.match(text):
        raise ValueError("not an identifier")
    return text


def topic(value: Any) -> str:
    text = string(value)
    if not _TOPIC.match(text):
        raise ValueError("not a topic")
    return text


def encoded(value: Any, size: int) -> str:
    """base64url of exactly `size` bytes: a key id, a hash, a nonce."""
    text = string(value)
    if len(b64.decode(text)) != size:
        raise ValueError("base64url of another length")
    return text


def hash32(value: Any) -> str:
    return encoded(value, 32)


def ref(value: Any) -> int | list[int]:
    """`seq`, or `[seq, index]` for the item of a batch."""
    if isinstance(value, list):
        if len(value) != 2:
            raise ValueError("a ref has one or two numbers")
        integer(value[1], 0, DEFAULTS["batchItems"] - 1)
        integer(value[0], 1)
        return value
    return integer(value, 1)
