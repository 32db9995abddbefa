"""The access token (session.md, section 6): a JWT of a configured issuer, verified by the JOSE library."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import b64, jose
from .errors import Refused
from .limits import DEFAULTS


@dataclass(frozen=True)
class Issuer:
    issuer: str
    audience: str
    keys: list[Mapping[str, Any]]
    typ: tuple[str, ...] = ("at+jwt",)
    algorithms: tuple[str, ...] = ("ES256", "Ed25519")
    tolerance: int = DEFAULTS["skewSeconds"]


@dataclass(frozen=True)
class Access:
    """What an accepted token says. `thumbprint` is that of the key it is bound to, None for a bearer token."""

    issuer: str
    sub: str
    exp: int
    scopes: list[str]
    thumbprint: str | None
    client_id: Any = None
    jti: Any = None
    iat: float | None = None

    def is_same(self, other: "Access") -> bool:
        """Whether a session of the one can go on with the other: issuer, subject, client and class (lifecycle.md, section 4)."""
        mine, theirs = ((it.issuer, it.sub, it.client_id, it.thumbprint) for it in (self, other))
        return mine == theirs


def token_hash(token: str) -> str:
    return b64.encode(hashlib.sha256(token.encode("utf-8")).digest())


def has_bound_key(token: str) -> bool:
    """Whether a token has `cnf`, without verifying it."""
    try:
        return "cnf" in json.loads(b64.decode(token.split(".")[1]))
    except (ValueError, IndexError, TypeError, RecursionError):
        return False


def verify_token(token: str, issuers: list[Issuer], now: int | None) -> Access:
    """Raises E_TOKEN for every defect; which one stays with the server.

    Without `now`, as in evidence, time and audience do not count.
    """
    try:
        if len(token.encode("utf-8")) > DEFAULTS["tokenBytes"]:
            raise ValueError("too large")
        header, payload, _ = (b64.decode(segment) for segment in token.split("."))
        head, claims = _object(header), _object(payload)
        issuer = next(issuer for issuer in issuers if issuer.issuer == claims.get("iss"))
        if head.get("typ") not in issuer.typ or head.get("alg") not in issuer.algorithms:
            raise ValueError("typ or alg is not one of the issuer's")
        _verify_signature(token, head, issuer)
        return _check(claims, issuer, now)
    except (ValueError, TypeError, StopIteration, OverflowError, RecursionError, Refused) as error:
        raise Refused("E_TOKEN", "claims") from error


def _object(data: bytes) -> dict[str, Any]:
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _verify_signature(token: str, head: Mapping[str, Any], issuer: Issuer) -> None:
    """`kid` counts as published; without one every key of the set is a candidate."""
    candidates = [jwk for jwk in issuer.keys if "kid" not in head or jwk.get("kid") == head["kid"]]
    for jwk in candidates:
        if jwk.get("use", "sig") != "sig" or jwk.get("alg", head["alg"]) != head["alg"]:
            continue
        try:
            key = jose.import_key(jwk)
        except Exception:  # a key set can hold keys of kinds that the library does not know
            continue
        with suppress(Refused):
            jose.verify(token, key, (str(head["alg"]),))
            return
    raise ValueError("no key of the issuer verifies the token")


def _check(claims: Mapping[str, Any], issuer: Issuer, now: int | None) -> Access:
    audience = claims.get("aud")
    if now is not None and issuer.audience not in (audience if isinstance(audience, list) else [audience]):
        raise ValueError("another audience")
    exp = _date(claims.get("exp"))
    starts = [_date(claims[name]) for name in ("nbf", "iat") if name in claims]
    if now is not None and (exp <= now or any(start > now + issuer.tolerance for start in starts)):
        raise ValueError("expired, or not yet valid")
    sub = claims.get("sub")
    if not isinstance(sub, str) or len(sub) > 256:
        raise ValueError("sub is a string of at most 256 characters")
    names = claims.get("client_id"), claims.get("jti"), claims.get("iat")
    return Access(issuer.issuer, sub, int(exp), _scopes(claims), _bound_key(claims), *names)


def _date(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("not a date")
    return value


def _bound_key(claims: Mapping[str, Any]) -> str | None:
    if "cnf" not in claims:
        return None
    cnf = claims["cnf"]
    if not isinstance(cnf, dict) or set(cnf) != {"jkt"} or not isinstance(cnf["jkt"], str) or len(cnf["jkt"]) != 43:
        raise ValueError("cnf has exactly jkt")
    return cnf["jkt"]


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    value = claims["scope"] if "scope" in claims else claims.get("scp", [])
    if isinstance(value, str):
        return [scope for scope in value.split(" ") if scope]
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise ValueError("scopes are strings")
    return list(value)
