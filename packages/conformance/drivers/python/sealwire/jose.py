"""The calls into the JOSE library: verification and decryption are joserfc's own.

Sealing a JWE takes the AES-GCM of `cryptography`, since JOSE libraries choose the IV themselves and the protocol computes it.
"""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe, jwk, jws

from . import b64
from .errors import Refused
from .frames import JWE, Frame
from .limits import DEFAULTS

SIGNATURES = ("ES256", "Ed25519")
_LARGEST = 2 * DEFAULTS["messageBytes"]

Key = jwk.Key


class _JwsRegistry(jws.JWSRegistry):
    """The library's own size limits are those of tokens; messages are larger, and their size was checked before."""

    max_header_length = _LARGEST
    max_payload_length = _LARGEST
    max_signature_length = _LARGEST


class _JweRegistry(jwe.JWERegistry):
    max_protected_header_length = _LARGEST
    max_ciphertext_length = _LARGEST


def import_key(key: Mapping[str, Any]) -> Key:
    return jwk.import_key({name: value for name, value in key.items() if name in ("kty", "crv", "x", "y", "d", "k", "n", "e")})


def symmetric(secret: bytes) -> Key:
    return import_key({"kty": "oct", "k": b64.encode(secret)})


def verify(text: str, key: Key, algorithms: tuple[str, ...], step: str = "crypto", code: str = "E_CRYPTO") -> bytes:
    """The payload of a compact JWS whose signature the library verified."""
    registry = _JwsRegistry(algorithms=list(algorithms), strict_check_header=False)
    try:
        return jws.deserialize_compact(text, key, registry=registry).payload
    except Exception as error:  # the library raises many kinds, and all of them mean: not verified
        raise Refused(code, step) from error


def decrypt(text: str, key: Key, algorithms: tuple[str, ...] = ("dir", "A256GCM")) -> bytes:
    """The plaintext of a compact JWE that the library decrypted."""
    registry = _JweRegistry(algorithms=list(algorithms), strict_check_header=False)
    try:
        plaintext = jwe.decrypt_compact(text, key, registry=registry).plaintext
    except Exception as error:
        raise Refused("E_CRYPTO", "crypto") from error
    if plaintext is None:
        raise Refused("E_CRYPTO", "crypto")
    return plaintext


def sign(header: Mapping[str, Any], payload: bytes, key: Key) -> str:
    """A compact JWS. The library writes headers compactly and in their given order, as the header table asks."""
    registry = _JwsRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jws.serialize_compact(dict(header), payload, key, registry=registry)


def encrypt(header: bytes, plaintext: bytes, key: bytes, iv: bytes) -> Frame:
    """A JWE of A256GCM with the encoded header as additional data (RFC 7516 section 5.1)."""
    sealed = AESGCM(key).encrypt(iv, plaintext, b64.encode(header).encode("ascii"))
    parts = {"protected": header, "key": b"", "iv": iv, "ciphertext": sealed[:-16], "tag": sealed[-16:]}
    return Frame(JWE, parts)
