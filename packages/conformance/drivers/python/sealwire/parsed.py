"""Headers that are parsed: SH, the inner JWS of CA and standalone envelopes (envelope.md, section 4)."""

from typing import Any

from . import strictjson
from .errors import Refused
from .limits import DEFAULTS


def parse_header(data: bytes, allowed: tuple[str, ...], typ: str) -> dict[str, Any]:
    """The first checks of every parsed header: size, JSON, allow-list, and then `typ`. Key, alg and cty are the caller's."""
    try:
        if len(data) > DEFAULTS["headerBytes"]:
            raise ValueError("too large")
        header = strictjson.parse_object(data)
        if len(header) > DEFAULTS["headerMembers"] or not set(header) <= set(allowed):
            raise ValueError("a member outside the allow-list")
    except ValueError as error:
        raise Refused("E_HEADER", "header") from error
    if header.get("typ") != typ:
        raise Refused("E_TYP", "header")
    return header
