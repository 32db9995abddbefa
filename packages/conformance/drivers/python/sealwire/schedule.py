"""Key agreement, transcript and key schedule (session.md, section 8)."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import b64, jose, keys
from .errors import Refused

HANDSHAKE_LABELS = {"key": 32, "iv": 12, "kid": 16}
APPLICATION_LABELS = {"key": 32, "iv": 12, "mac": 32, "kid": 16}


@dataclass(frozen=True)
class DirectionKeys:
    """The keys of one direction; CA and SR have no `mac`."""

    key: bytes
    iv: bytes
    kid: bytes
    mac: bytes = b""

    @property
    def key_id(self) -> str:
        return b64.encode(self.kid)

    @property
    def content_key(self) -> jose.Key:
        return jose.import_key({"kty": "oct", "k": b64.encode(self.key)})


def transcript_hash(label: str, *parts: bytes) -> bytes:
    prefixed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.sha256(b"sealwire1 " + label.encode("ascii") + b"\0" + prefixed).digest()


def shared_secret(own: keys.Jwk, peer: keys.Jwk) -> bytes:
    """ECDH of two keys of one curve; the peer's key was checked before, so that no library sees a bad one."""
    if peer["crv"] == "X25519":
        secret = x25519.X25519PrivateKey.from_private_bytes(b64.decode(own["d"]))
        return secret.exchange(x25519.X25519PublicKey.from_public_bytes(b64.decode(peer["x"])))
    private = ec.derive_private_key(int.from_bytes(b64.decode(own["d"]), "big"), ec.SECP256R1())
    x, y = (int.from_bytes(b64.decode(peer[name]), "big") for name in ("x", "y"))
    return private.exchange(ec.ECDH(), ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key())


def agree(suite: str, own: keys.Jwk, peer: keys.Jwk) -> bytes:
    """Z of a handshake; `peer` is as received."""
    keys.check_agreement(peer, suite)
    try:
        return shared_secret(own, peer)
    except ValueError as error:  # the library refuses an output of 32 zero bytes itself
        raise Refused("E_KEY", "claims") from error


class Schedule:
    """From the two hellos, and later CA, to every key of the connection."""

    def __init__(self, z: bytes, m1: bytes, m2: bytes) -> None:
        self._z = z
        self.th2 = transcript_hash("th2", m1, m2)
        self.sid = b64.encode(transcript_hash("sid", self.th2)[:16])
        self.th3 = b""
        self.labels: dict[str, bytes] = {}
        self.client_auth = self._direction("c hs", HANDSHAKE_LABELS, self.th2)

    def add_client_auth(self, p3: bytes) -> None:
        self.th3 = transcript_hash("th3", self.th2, p3)
        self.server_ready = self._direction("s hs", HANDSHAKE_LABELS, self.th3)
        self.client = self._direction("c app", APPLICATION_LABELS, self.th3)
        self.server = self._direction("s app", APPLICATION_LABELS, self.th3)
        self.channel_binding = self._derive("cb", self.th3, 32)
        self._z = b""

    def _direction(self, prefix: str, sizes: dict[str, int], context: bytes) -> DirectionKeys:
        return DirectionKeys(**{name: self._derive(f"{prefix} {name}", context, size) for name, size in sizes.items()})

    def _derive(self, label: str, context: bytes, size: int) -> bytes:
        info = b"sealwire1 " + label.encode("ascii") + b"\0" + context
        self.labels[label] = HKDF(SHA256(), size, self.th2, info).derive(self._z)
        return self.labels[label]
