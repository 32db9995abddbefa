"""Public keys and thumbprints (conventions.md, section 5)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import b64, jose
from .errors import CallerError, Refused

Jwk = Mapping[str, Any]

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_P25519 = 2**255 - 19
# The values of small order in section 5, as integers: u of X25519 and y of Ed25519.
_SMALL_X25519 = frozenset(
    {
        0,
        1,
        0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
        _P25519 - 1,
        _P25519,
        _P25519 + 1,
    }
)
_SMALL_ED25519 = frozenset(
    {
        0,
        1,
        _P25519 - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)

EC = ("kty", "crv", "x", "y")
OKP = ("kty", "crv", "x")
SUITE_CURVES = {"p256": ("EC", "P-256"), "x25519": ("OKP", "X25519")}
ALGORITHM_OF_CURVE = {"P-256": "ES256", "Ed25519": "Ed25519"}


def _coordinate(value: Any) -> bytes:
    try:
        data = b64.decode(value)
    except (ValueError, TypeError):
        data = b""
    if len(data) != 32:
        raise ValueError("a coordinate is canonical base64url of 32 bytes")
    return data


def check_point(jwk: Jwk) -> None:
    """Raises ValueError for a point that is none, or one of small order."""
    if jwk["crv"] == "P-256":
        x = int.from_bytes(_coordinate(jwk.get("x")), "big")
        y = int.from_bytes(_coordinate(jwk.get("y")), "big")
        if x >= _P or y >= _P or (y * y - x**3 + 3 * x - _B) % _P:
            raise ValueError("not on the curve")
        return
    value = int.from_bytes(_coordinate(jwk.get("x")), "little") % 2**255  # the last bit is no part of the number
    if value in (_SMALL_X25519 if jwk["crv"] == "X25519" else _SMALL_ED25519):
        raise ValueError("a point of small order")
    if jwk["crv"] == "Ed25519" and value >= _P25519:
        raise ValueError("y is not below p")


def has_members(jwk: Any, kty: str, crv: str) -> bool:
    """Exactly the members of the table, in any order of the received text, all strings."""
    names = EC if kty == "EC" else OKP
    return (
        isinstance(jwk, dict)
        and set(jwk) == set(names)
        and all(isinstance(value, str) for value in jwk.values())
        and (jwk["kty"], jwk["crv"]) == (kty, crv)
    )


def algorithm_of(jwk: Any) -> str | None:
    """The signature algorithm of a JWK with exactly the members of the table, else None."""
    if has_members(jwk, "EC", "P-256"):
        return "ES256"
    if has_members(jwk, "OKP", "Ed25519"):
        return "Ed25519"
    return None


def bare(jwk: Any) -> dict[str, Any]:
    """The members of the point; others are left out."""
    names = EC if isinstance(jwk, dict) and jwk.get("kty") == "EC" else OKP
    return {name: jwk[name] for name in names if name in jwk} if isinstance(jwk, dict) else {}


def thumbprint(jwk: Jwk) -> str:
    names = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("crv", "kty", "x")
    text = "{" + ",".join(f'"{name}":"{jwk[name]}"' for name in names) + "}"
    return b64.encode(hashlib.sha256(text.encode("ascii")).digest())


def public(jwk: Jwk) -> dict[str, str]:
    return {name: jwk[name] for name in (EC if jwk["kty"] == "EC" else OKP)}


def check_agreement(jwk: Any, suite: str, step: str = "claims") -> None:
    """A received `kex` or `epk`: members, then point."""
    if not has_members(jwk, *SUITE_CURVES[suite]):
        raise Refused("E_CLAIMS", step)
    try:
        check_point(jwk)
    except ValueError as error:
        raise Refused("E_KEY", step) from error


def check_signing(jwk: Any, step: str) -> str:
    """A received signing key: E_KEY for everything that is wrong with it; gives the algorithm."""
    algorithm = algorithm_of(jwk)
    if algorithm is None:
        raise Refused("E_KEY", step)
    try:
        check_point(jwk)
    except ValueError as error:
        raise Refused("E_KEY", step) from error
    return algorithm


@dataclass(frozen=True)
class SigningKey:
    """A key from the configuration; `key` is the library's, private or public."""

    jwk: dict[str, str]
    algorithm: str
    thumbprint: str
    key: jose.Key


def configured(jwk: Jwk) -> SigningKey:
    """The importer: `alg` has to be there and to be that of the curve; a `kid` is ignored."""
    algorithm = ALGORITHM_OF_CURVE.get(str(jwk.get("crv")))
    if algorithm is None or jwk.get("alg") != algorithm:
        raise CallerError("alg is absent, or is not the algorithm of the key type")
    return from_jwk(jwk, algorithm)


def from_jwk(jwk: Jwk, algorithm: str | None = None) -> SigningKey:
    """A signing key whose algorithm follows from its curve."""
    algorithm = algorithm or ALGORITHM_OF_CURVE.get(str(jwk.get("crv")))
    try:
        plain = public(jwk)
        if algorithm is None or algorithm_of(plain) != algorithm:
            raise ValueError("no signing key")
        check_point(plain)
        return SigningKey(plain, algorithm, thumbprint(plain), jose.import_key(jwk))
    except (KeyError, ValueError) as error:
        raise CallerError("a configured key is malformed or off its curve") from error
