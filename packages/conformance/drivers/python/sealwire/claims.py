"""Claims of application messages: reading with every rule of syntax, and writing (envelope.md, sections 5 to 7)."""

from dataclasses import dataclass, field
from typing import Any

from . import b64, codec, syntax
from .control import Ref
from .errors import CallerError, Refused
from .limits import DEFAULTS

_SINGLE = ("jti", "top", "ref", "req", "dat", "bin")


@dataclass
class Item:
    top: str
    ref: Ref | None
    req: bool
    data: Any


@dataclass
class Application:
    seq: int
    exp: int
    items: list[Item]
    batch: bool
    jti: str | None = None
    iat: int | None = None
    iss: str | None = None
    aud: str | None = None
    bnd: str | None = None


def is_signed(level: str) -> bool:
    return level in ("sig", "nest")


def read_application(name: str, level: str, data: bytes) -> Application:
    try:
        return _application(codec.decode(name, data), name, level)
    except ValueError as error:
        raise Refused("E_CLAIMS", "claims") from error


def _application(claims: dict[str, Any], name: str, level: str) -> Application:
    absent = ["rcv"]
    absent += ["bin"] if name == "cbor" else []
    absent += [] if is_signed(level) else ["iss", "aud", "bnd"]
    absent += [] if level in ("aead", "nest") else ["pad"]
    if any(claim in claims for claim in absent):
        raise ValueError("a claim that is to be absent")
    if "pad" in claims:
        syntax.string(claims["pad"])
    batch = "bat" in claims
    items = _batch(claims) if batch else [_single(claims)]
    read = Application(syntax.integer(claims.get("seq"), 1), syntax.integer(claims.get("exp")), items, batch)
    if "jti" in claims:
        read.jti = syntax.encoded(claims["jti"], 16)
    if "iat" in claims or is_signed(level):
        read.iat = syntax.integer(claims.get("iat"))
        if read.exp < read.iat:
            raise ValueError("exp before iat")
    if read.jti is not None and read.iat is None:
        raise ValueError("jti without iat")
    if is_signed(level):
        read.iss = syntax.identifier(claims.get("iss"))
        read.aud = syntax.identifier(claims.get("aud"))
        read.bnd = syntax.encoded(claims.get("bnd"), 16)
    return read


def _single(claims: dict[str, Any]) -> Item:
    if "dat" in claims and "bin" in claims:
        raise ValueError("dat beside bin")
    data = b64.decode(syntax.string(claims["bin"])) if "bin" in claims else claims.get("dat")
    ref = syntax.ref(claims["ref"]) if "ref" in claims else None
    req = "req" in claims
    if req and (claims["req"] is not True or ref is not None):
        raise ValueError("req is true, and has no ref beside it")
    if "jti" in claims and (req or ref is not None):
        raise ValueError("jti stands beside neither req nor ref")
    return Item(syntax.topic(claims.get("top")), ref, req, data)


def _batch(claims: dict[str, Any]) -> list[Item]:
    items = claims["bat"]
    if any(claim in claims for claim in _SINGLE):
        raise ValueError("bat beside the claims of a single message")
    if not isinstance(items, list) or not 1 <= len(items) <= DEFAULTS["batchItems"]:
        raise ValueError("a batch is an array of 1 to 256 items")
    return [_item(item) for item in items]


def _item(item: Any) -> Item:
    if not isinstance(item, list) or len(item) not in (3, 4):
        raise ValueError("an item has three or four members")
    ref = None if item[1] is None else syntax.ref(item[1])
    req = len(item) == 4
    if req and (item[3] is not True or ref is not None):
        raise ValueError("the fourth member is true, and has no ref beside it")
    return Item(syntax.topic(item[0]), ref, req, item[2])


@dataclass
class Outgoing:
    """What an application message says, before it is written."""

    seq: int
    exp: int
    top: str = ""
    data: Any = None
    jti: str | None = None
    iat: int | None = None
    ref: Ref | None = None
    req: bool = False
    signed: dict[str, str] = field(default_factory=dict)  # iss, aud, bnd at levels sig and nest
    bat: list[list[Any]] | None = None

    @property
    def items(self) -> list[Item]:
        """A message without `bat` is a list of one."""
        return [Item(self.top, self.ref, self.req, self.data)] if self.bat is None else [_item(item) for item in self.bat]

    def joined_by(self, item: Item) -> "Outgoing":
        """A batch of what is here and one more; of `jti` there is none."""
        bat = [_entry(each) for each in (*self.items, item)]
        return Outgoing(self.seq, self.exp, iat=self.iat, signed=self.signed, bat=bat)


def write_application(name: str, message: Outgoing) -> bytes:
    claims: dict[str, Any] = {key: message.signed[key] for key in ("iss", "aud", "bnd") if key in message.signed}
    _check_numbers(message)
    claims["seq"] = message.seq
    if message.jti is not None:
        claims["jti"] = message.jti
    if message.iat is not None:
        claims["iat"] = message.iat
    claims["exp"] = message.exp
    if message.bat is not None:
        claims["bat"] = written_batch(name, message.bat)
        return codec.encode(name, claims)
    claims["top"] = _written_topic(message.top)
    if message.ref is not None:
        claims["ref"] = message.ref
    if message.req:
        claims["req"] = True
    data = codec.checked(name, message.data)
    if isinstance(data, bytes) and name == "json":
        claims["bin"] = b64.encode(data)
    else:
        claims["dat"] = data
    return codec.encode(name, claims)


def _check_numbers(message: Outgoing) -> None:
    try:
        syntax.integer(message.seq, 1)
        if syntax.integer(message.exp) < (0 if message.iat is None else syntax.integer(message.iat)):
            raise ValueError("exp before iat")
        if message.ref is not None:
            syntax.ref(message.ref)
        if message.req and message.ref is not None:
            raise ValueError("req beside ref")
        if message.jti is not None:
            syntax.encoded(message.jti, 16)
            if message.req or message.ref is not None or message.bat is not None or message.iat is None:
                raise ValueError("jti beside req, ref or bat, or without iat")
    except ValueError as error:
        raise CallerError("a claim is malformed") from error


def written_batch(name: str, items: list[list[Any]]) -> list[list[Any]]:
    try:
        read = _batch({"bat": items})
    except ValueError as error:
        raise CallerError("no batch that an opener takes") from error
    return [_written_item(name, item) for item in read]


def _written_item(name: str, item: Item) -> list[Any]:
    data = codec.checked(name, item.data, depth=3)
    if isinstance(data, bytes) and name == "json":
        raise CallerError("an item carries no bytes in codec json")
    return _entry(Item(item.top, item.ref, item.req, data))


def _entry(item: Item) -> list[Any]:
    """As it stands in `bat`."""
    return [item.top, item.ref, item.data, *([True] if item.req else [])]


def can_be_item(name: str, item: Item) -> bool:
    """Whether a message can stand in a batch: data that is too deep for an item cannot, nor can bytes in codec json."""
    try:
        written_batch(name, [_entry(item)])
    except CallerError:
        return False
    return True


def _written_topic(top: Any) -> str:
    try:
        return syntax.topic(top)
    except ValueError as error:
        raise CallerError("not a topic") from error
