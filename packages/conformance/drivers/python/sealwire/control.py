"""Control messages: their members as read and as written (session.md, section 11; lifecycle.md, section 2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import codec, keys, syntax
from .errors import COARSE_NAME, Refused

Ref = int | list[int]

ERR_CODES = frozenset("E_EXPIRED E_FUTURE E_TTL E_DENIED E_RATE E_REPLAY_STORE E_NO_HANDLER E_HANDLER E_INVALID".split())
CLIENT_ONLY = frozenset({"auth"})
SERVER_ONLY = frozenset({"auth-ok", "auth-no", "auth-soon"})
MEMBERS = ("seq", "top", "n", "epk", "at", "code", "ref", "exp", "scp", "rcv")  # in the order in which they are written


@dataclass
class Control:
    seq: int
    top: str
    rcv: int | None = None  # None in `void`
    code: str | None = None
    ref: Ref | None = None
    n: int | None = None
    epk: dict[str, Any] | None = None
    at: str | None = None
    exp: int | None = None
    scp: list[str] | None = None

    @property
    def answered(self) -> int:
        """The `ref` of what answers one message of the peer."""
        assert isinstance(self.ref, int)
        return self.ref


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("not an array")
    return [syntax.string(item) for item in value]


def _err_code(value: Any) -> str:
    if syntax.string(value) not in ERR_CODES:
        raise ValueError("a code that err does not carry")
    return syntax.string(value)


def _coarse_name(value: Any) -> str:
    if syntax.string(value) not in COARSE_NAME.values():
        raise ValueError("no coarse name")
    return syntax.string(value)


def _from_one(value: Any) -> int:
    return syntax.integer(value, 1)


Check = Callable[[Any], Any]
_RENEWAL: dict[str, Check] = {"n": _from_one, "epk": _object}
_SESSION: dict[str, Check] = {"exp": syntax.integer, "scp": _strings}
_TABLE: dict[str, dict[str, Check]] = {
    "err": {"code": _err_code, "ref": syntax.ref},
    "ping": {},
    "pong": {"ref": _from_one},
    "bye": {"code": _coarse_name},
    "rekey": _RENEWAL,
    "rekeyed": {**_RENEWAL, "ref": _from_one},
    "ack": {},
    "auth": {"at": syntax.string},
    "auth-ok": {"ref": _from_one, **_SESSION},
    "auth-no": {"ref": _from_one},
    "auth-soon": {},
    "resumed": _SESSION,
    "void": {},
}


def _is_optional(top: str, name: str, sender: str | None, claims: dict[str, Any]) -> bool:
    """`exp` and `scp` of `resumed` are the server's; where nobody says who sent it, both are there or neither is."""
    if top == "resumed":
        return sender == "client" or (sender is None and not ("exp" in claims or "scp" in claims))
    return (top, name) == ("bye", "code")


def read_control(data: bytes, sender: str | None = None, suite: str | None = None) -> Control:
    """Syntax, then what depends on who sent it (`client` or `server`) and on the session's suite."""
    try:
        read = _read(codec.decode("json", data), sender)
    except ValueError as error:
        raise Refused("E_CLAIMS", "claims") from error
    if read.top in {"client": SERVER_ONLY, "server": CLIENT_ONLY}.get(sender or "", ()):
        raise Refused("E_CLAIMS", "claims")
    if read.epk is not None and suite is not None:
        keys.check_agreement(read.epk, suite)
    return read


def _read(claims: dict[str, Any], sender: str | None) -> Control:
    top = syntax.string(claims.get("top"))
    table = _TABLE.get(top)
    if table is None:
        raise ValueError("an unknown control message")
    seq = syntax.integer(claims.get("seq"), 0 if top == "resumed" else 1)
    if top == "void":
        if any(name in claims for name in MEMBERS[2:]):
            raise ValueError("void has seq and top alone")
        return Control(seq, top)
    read = Control(seq, top, syntax.integer(claims.get("rcv")))
    for name, check in table.items():
        if not (_is_optional(top, name, sender, claims) and (name not in claims or top == "resumed")):
            setattr(read, name, check(claims.get(name)))
    return read


def write_control(message: Control) -> bytes:
    members = {name: getattr(message, name) for name in MEMBERS}
    return codec.encode("json", {name: value for name, value in members.items() if value is not None})
