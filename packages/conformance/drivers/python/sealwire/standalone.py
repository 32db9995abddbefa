"""Standalone envelopes (envelope.md, section 13): signed, or signed and encrypted to one recipient key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from . import b64, codec, frames, jose, keys, strictjson, syntax
from .errors import CallerError, Refused
from .frames import Frame, Message
from .keys import SigningKey
from .limits import DEFAULTS
from .message import TAG, header_bytes
from .opening import check_time
from .parsed import parse_header
from .schedule import shared_secret

SIGNED, INNER, ENCRYPTED = "sealwire-env+jwt", "sealwire-envi+jwt", "sealwire-envx+jwt"
_JWS_MEMBERS = ("alg", "cty", "kid", "typ")
_JWE_MEMBERS = ("alg", "enc", "cty", "epk", "kid", "typ")
_OF_SESSIONS = ("bnd", "seq", "req", "bat", "rcv")


@dataclass
class Claims:
    iss: str
    aud: str
    jti: str
    iat: int
    exp: int
    top: str
    ref: str | None
    data: Any


@dataclass(frozen=True)
class RecipientKey:
    jwk: dict[str, str]
    thumbprint: str
    key: jose.Key


def recipient(jwk: Mapping[str, Any]) -> RecipientKey:
    """The importer of recipient keys, public or private."""
    try:
        if jwk.get("alg") != "ECDH-ES":
            raise ValueError("alg of a recipient key is ECDH-ES")
        public = keys.public(jwk)
        if (public["kty"], public["crv"]) not in keys.SUITE_CURVES.values():
            raise ValueError("a curve without key agreement")
        keys.check_point(public)
        return RecipientKey(public, keys.thumbprint(public), jose.import_key(jwk))
    except (KeyError, ValueError) as error:
        raise CallerError("a recipient key is malformed, off its curve or without alg ECDH-ES") from error


@dataclass
class Opener:
    """Who opens, and what it knows."""

    own: str
    groups: list[str]
    signers: dict[str, tuple[str, SigningKey]]  # thumbprint to identity and key
    recipients: dict[str, RecipientKey]
    max_life: int = DEFAULTS["messageTtlMax"]

    def __post_init__(self) -> None:
        if not 0 < self.max_life <= DEFAULTS["standaloneTtlMax"]:
            raise CallerError("a life longer than openers can be set to take")
        if set(self.signers) & set(self.recipients):
            raise CallerError("one key signs and decrypts")


def read_claims(data: bytes, encrypted: bool) -> Claims:
    try:
        claims = codec.decode("json", data)
        if any(name in claims for name in _OF_SESSIONS) or ("pad" in claims and not encrypted):
            raise ValueError("a claim that is to be absent")
        if "pad" in claims:
            syntax.string(claims["pad"])
        if "dat" in claims and "bin" in claims:
            raise ValueError("dat beside bin")
        content = b64.decode(syntax.string(claims["bin"])) if "bin" in claims else claims.get("dat")
        read = Claims(
            syntax.identifier(claims.get("iss")),
            syntax.identifier(claims.get("aud")),
            syntax.encoded(claims.get("jti"), 16),
            syntax.integer(claims.get("iat")),
            syntax.integer(claims.get("exp")),
            syntax.topic(claims.get("top")),
            syntax.encoded(claims["ref"], 16) if "ref" in claims else None,
            content,
        )
        if read.exp < read.iat:
            raise ValueError("exp before iat")
        return read
    except ValueError as error:
        raise Refused("E_CLAIMS", "claims") from error


def write_claims(claims: Claims) -> bytes:
    try:
        syntax.identifier(claims.iss)
        syntax.identifier(claims.aud)
        syntax.topic(claims.top)
        syntax.encoded(claims.jti, 16)
        if syntax.integer(claims.exp) < syntax.integer(claims.iat):
            raise ValueError("exp before iat")
        if claims.ref is not None:
            syntax.encoded(claims.ref, 16)
    except ValueError as error:
        raise CallerError("a claim is malformed") from error
    written: dict[str, Any] = {name: getattr(claims, name) for name in ("iss", "aud", "jti", "iat", "exp", "top")}
    if claims.ref is not None:
        written["ref"] = claims.ref
    content = codec.checked("json", claims.data)
    written |= {"bin": b64.encode(content)} if isinstance(content, bytes) else {"dat": content}
    return strictjson.write(written).encode("utf-8")


def open_envelope(message: Message, opener: Opener, now: int) -> tuple[Claims, bool]:
    """Steps `frame` to `time`. Gives the claims, and whether they were encrypted; the replay store is the caller's."""
    wire = "text" if isinstance(message, str) else "binary"
    frame = frames.decode(wire, message)
    if frame.form not in (frames.JWS, frames.JWE):
        raise Refused("E_HEADER", "header")
    encrypted = frame.form == frames.JWE
    text = frame.text or frames.compact(frame)
    owner, payload = _open_encrypted(frame, text, opener) if encrypted else _open_signed(frame, text, opener)
    claims = read_claims(payload, encrypted)
    if claims.iss != owner:
        raise Refused("E_KEY", "claims")
    if claims.aud != opener.own and (encrypted or claims.aud not in opener.groups):
        raise Refused("E_BINDING", "claims")
    check_time(claims.iat, claims.exp, now, opener.max_life, DEFAULTS["standaloneSkewSeconds"])
    return claims, encrypted


def _open_signed(frame: Frame, text: str, opener: Opener, typ: str = SIGNED) -> tuple[str, bytes]:
    header = parse_header(frame.data("protected"), _JWS_MEMBERS, typ)
    kid = header.get("kid")
    owner, key = opener.signers.get(kid, (None, None)) if isinstance(kid, str) else (None, None)
    if owner is None or key is None:
        raise Refused("E_KEY", "header")
    if header.get("alg") != key.algorithm:
        raise Refused("E_ALG", "header")
    if "cty" in header:
        raise Refused("E_CTY", "header")
    return owner, jose.verify(text, key.key, (key.algorithm,))


def _open_encrypted(frame: Frame, text: str, opener: Opener) -> tuple[str, bytes]:
    header = parse_header(frame.data("protected"), _JWE_MEMBERS, ENCRYPTED)
    kid, epk = header.get("kid"), header.get("epk")
    key = opener.recipients.get(kid) if isinstance(kid, str) else None
    try:
        if key is None or not isinstance(epk, dict) or not keys.has_members(epk, key.jwk["kty"], key.jwk["crv"]):
            raise ValueError("no key")
        keys.check_point(epk)
    except ValueError as error:
        raise Refused("E_KEY", "header") from error
    if header.get("alg") != "ECDH-ES" or header.get("enc") != "A256GCM":
        raise Refused("E_ALG", "header")
    if header.get("cty") != "JWT":
        raise Refused("E_CTY", "header")
    if len(frame.data("iv")) != 12 or len(frame.data("tag")) != TAG:
        raise Refused("E_CRYPTO", "crypto")
    inner = frames.decode_inner(jose.decrypt(text, key.key, ("ECDH-ES", "A256GCM")))
    assert inner.text is not None
    try:
        return _open_signed(inner, inner.text, opener, INNER)
    except Refused as error:  # until the signature verifies, the sender of an encrypted envelope is nobody: one code
        raise Refused("E_CRYPTO", "inner") from error


def seal_signed(wire: str, signer: SigningKey, claims: Claims) -> Message:
    text = _signed_text(SIGNED, signer, claims)
    return text if wire == "text" else frames.encode(wire, frames.decode_compact(text, "encoding"))


def seal_encrypted(
    wire: str, signer: SigningKey, claims: Claims, to: RecipientKey, ephemeral: Mapping[str, str], iv: bytes
) -> Message:
    """`ephemeral` is a private JWK and `iv` 12 bytes, both drawn for this envelope alone."""
    if to.thumbprint == signer.thumbprint:
        raise CallerError("one key signs and decrypts")
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "epk": keys.public(ephemeral)}
    protected = header_bytes(header | {"kid": to.thumbprint, "typ": ENCRYPTED})
    inner = _signed_text(INNER, signer, claims).encode("ascii")
    return frames.encode(wire, jose.encrypt(protected, inner, _content_key(ephemeral, to.jwk), iv))


def _signed_text(typ: str, signer: SigningKey, claims: Claims) -> str:
    header = {"alg": signer.algorithm, "kid": signer.thumbprint, "typ": typ}
    return jose.sign(header, write_claims(claims), signer.key)


def _content_key(ephemeral: Mapping[str, str], to: Mapping[str, str]) -> bytes:
    empty = (0).to_bytes(4, "big")
    info = (7).to_bytes(4, "big") + b"A256GCM" + empty + empty + (256).to_bytes(4, "big")
    return ConcatKDFHash(SHA256(), 32, info).derive(shared_secret(ephemeral, to))
