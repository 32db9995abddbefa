"""The objects of the handshake: their members, as read and as written (session.md, sections 3 to 7)."""

import re
from collections.abc import Callable
from typing import Any

from . import strictjson, syntax
from .errors import Refused
from .limits import DEFAULTS

_SUBPROTOCOL = re.compile(r"sealwire\.v")
Object = dict[str, Any]


def _names(value: Any, most: int) -> list[str]:
    """An array of 1 to `most` names, none of them twice."""
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise ValueError("an array of another length")
    names = [_name(item) for item in value]
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice")
    return names


def _name(value: Any) -> str:
    name = syntax.string(value)
    if not 1 <= len(name) <= 64:
        raise ValueError("a name has 1 to 64 characters")
    return name


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _check_limits(value: Any) -> None:
    syntax.integer(_object(value).get("msg"), DEFAULTS["messageBytesMin"])


def _read(data: bytes, check: Callable[[Object], None]) -> Object:
    try:
        members = strictjson.parse_object(data)
        check(members)
        return members
    except ValueError as error:
        raise Refused("E_CLAIMS", "claims") from error


def read_client_hello(data: bytes) -> Object:
    return _read(data, _check_client_hello)


def _check_client_hello(ch: Object) -> None:
    if ch.get("typ") != "sealwire-ch":
        raise ValueError("not a client hello")
    syntax.integer(ch.get("v"))
    syntax.hash32(ch.get("rnd"))
    syntax.identifier(ch.get("aud"))
    if not all(_SUBPROTOCOL.match(name) for name in _names(ch.get("prt"), 8)):
        raise ValueError("not a subprotocol of Sealwire")
    suites = _names(ch.get("st"), 4)
    if not isinstance(ch.get("kex"), list) or len(ch["kex"]) != len(suites):
        raise ValueError("kex is as long as st")
    for name in ("lvl", "sig", "cod"):
        _names(ch.get(name), 16)
    _check_limits(ch.get("lim"))


def read_server_hello(data: bytes) -> Object:
    return _read(data, _check_server_hello)


def read_resume_client_hello(data: bytes) -> Object:
    return _read(data, _check_resume_client_hello)


def _check_resume_client_hello(ch: Object) -> None:
    _check_client_hello(ch)
    syntax.integer(_object(ch.get("rs")).get("rcv"))
    if "ath" in ch:
        syntax.hash32(ch["ath"])


def read_resume_server_hello(data: bytes) -> Object:
    return _read(data, _check_resume_server_hello)


def _check_resume_server_hello(sh: Object) -> None:
    _check_answer(sh)
    syntax.integer(_object(sh.get("rs")).get("rcv"))


def _check_server_hello(sh: Object) -> None:
    syntax.identifier(sh.get("iss"))
    _check_answer(sh)


def _check_answer(sh: Object) -> None:
    syntax.integer(sh.get("iat"))
    syntax.hash32(sh.get("th"))
    syntax.hash32(sh.get("rnd"))
    for name in ("prt", "st", "lvl", "cod"):
        _name(sh.get(name))
    _object(sh.get("epk"))
    pol = _object(sh.get("pol"))
    syntax.integer(pol.get("res"))
    if pol.get("pop") not in ("required", "optional") or pol.get("seq") not in ("strict", "window"):
        raise ValueError("pol has another value")
    _check_limits(sh.get("lim"))


def read_client_auth(data: bytes) -> Object:
    return _read(data, _check_client_auth)


def _check_client_auth(ca: Object) -> None:
    syntax.identifier(ca.get("aud"))
    if syntax.integer(ca.get("exp")) < syntax.integer(ca.get("iat")):
        raise ValueError("exp before iat")
    syntax.hash32(ca.get("th"))
    if ("at" in ca) == ("ath" in ca):
        raise ValueError("either at or ath")
    if "at" in ca:
        syntax.string(ca["at"])
    else:
        syntax.hash32(ca["ath"])


def read_server_ready(data: bytes) -> Object:
    return _read(data, _check_server_ready)


def _check_server_ready(sr: Object) -> None:
    syntax.hash32(sr.get("th"))
    if syntax.integer(sr.get("exp")) < syntax.integer(sr.get("iat")):
        raise ValueError("exp before iat")
    syntax.string(sr.get("sub"))
    if not isinstance(sr.get("scp"), list):
        raise ValueError("scp is an array")
    for scope in sr["scp"]:
        syntax.string(scope)
    if "cb" in sr:
        syntax.string(sr["cb"])  # any other string than the derived one is E_TRANSCRIPT


def read_peer_error(data: bytes) -> str:
    """The coarse name in a `sealwire-err`; any other bare JSON is E_HEADER."""
    try:
        members = strictjson.parse_object(data)
        if members.get("typ") != "sealwire-err":
            raise ValueError("another typ")
        return syntax.string(members.get("code"))
    except ValueError as error:
        raise Refused("E_HEADER", "header") from error


def write(members: Object) -> bytes:
    return strictjson.write(members).encode("utf-8")
