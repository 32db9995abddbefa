"""Key agreement, transcript and key schedule of the handshake (session.md, section 8)."""

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
        return jose.symmetric(self.key)


@dataclass(frozen=True)
class Traffic:
    """What one epoch has: the keys of both directions, and the chain that the next ones come from."""

    client: DirectionKeys
    server: DirectionKeys
    chain: bytes

    def sent_by(self, is_client: bool) -> DirectionKeys:
        return self.client if is_client else self.server


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
    """Z; `peer` is as received."""
    keys.check_agreement(peer, suite)
    try:
        return shared_secret(own, peer)
    except ValueError as error:  # the library refuses an output of 32 zero bytes itself
        raise Refused("E_KEY", "claims") from error


class Derivation:
    """KDF of one Z and one salt, and what it gave by label."""

    def __init__(self, z: bytes, salt: bytes) -> None:
        self._z, self._salt = z, salt
        self.labels: dict[str, bytes] = {}

    def derive(self, label: str, context: bytes, size: int) -> bytes:
        info = b"sealwire1 " + label.encode("ascii") + b"\0" + context
        self.labels[label] = HKDF(SHA256(), size, self._salt, info).derive(self._z)
        return self.labels[label]

    def direction(self, prefix: str, sizes: dict[str, int], context: bytes) -> DirectionKeys:
        return DirectionKeys(**{name: self.derive(f"{prefix} {name}", context, size) for name, size in sizes.items()})

    def traffic(self, context: bytes) -> Traffic:
        client, server = (self.direction(f"{end} app", APPLICATION_LABELS, context) for end in ("c", "s"))
        return Traffic(client, server, self.derive("chain", context, 32))


class Schedule:
    """From the two hellos, and later CA, to every key of the connection."""

    def __init__(self, z: bytes, m1: bytes, m2: bytes) -> None:
        self.th2 = transcript_hash("th2", m1, m2)
        self.sid = b64.encode(transcript_hash("sid", self.th2)[:16])
        self.th3 = b""
        self._derivation: Derivation | None = Derivation(z, self.th2)
        self.labels = self._derivation.labels
        self.client_auth = self._derivation.direction("c hs", HANDSHAKE_LABELS, self.th2)

    def add_client_auth(self, p3: bytes) -> None:
        assert self._derivation is not None
        derivation, self._derivation = self._derivation, None  # Z is not kept
        self.th3 = transcript_hash("th3", self.th2, p3)
        self.server_ready = derivation.direction("s hs", HANDSHAKE_LABELS, self.th3)
        self.traffic = derivation.traffic(self.th3)
        self.channel_binding = derivation.derive("cb", self.th3, 32)
