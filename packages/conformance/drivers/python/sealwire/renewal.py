"""New keys from the chain of an epoch: by a rekey, or by a resume (lifecycle.md, sections 3 and 7)."""

import hmac
from dataclasses import dataclass

from . import b64
from .schedule import Derivation, Traffic, transcript_hash


def _keyed(chain: bytes, label: str, *context: bytes) -> bytes:
    """HMAC(chain, "sealwire1 " || label), with 0x00 || context behind it where there is one."""
    message = b"\0".join([b"sealwire1 " + label.encode("ascii"), *context])
    return hmac.digest(chain, message, "sha256")


@dataclass(frozen=True)
class Renewed:
    transcript: bytes  # TR of a rekey, TH2 of a resume
    salt: bytes
    traffic: Traffic
    labels: dict[str, bytes]


def by_rekey(z: bytes, chain: bytes, rekey: bytes, rekeyed: bytes) -> Renewed:
    """`rekey` and `rekeyed` are the plaintexts as sent; `chain` is that of the epoch they were sent in."""
    transcript = transcript_hash("rk", rekey, rekeyed)
    return _renewed(z, _keyed(chain, "rekey", transcript), transcript, with_binding=False)


def by_resume(z: bytes, chain: bytes, m1: bytes, m2: bytes) -> Renewed:
    """`m1` and `m2` are the compact texts of the hellos."""
    transcript = transcript_hash("th2", m1, m2)
    return _renewed(z, _keyed(chain, "resume", transcript), transcript, with_binding=True)


def _renewed(z: bytes, salt: bytes, transcript: bytes, with_binding: bool) -> Renewed:
    derivation = Derivation(z, salt)
    traffic = derivation.traffic(transcript)
    if with_binding:
        derivation.derive("cb", transcript, 32)
    return Renewed(transcript, salt, traffic, derivation.labels)


@dataclass(frozen=True)
class HelloKeys:
    """What protects the two hellos of a resume."""

    client: bytes
    server: bytes
    kid: bytes

    @property
    def key_id(self) -> str:
        return b64.encode(self.kid)


def hello_keys(chain: bytes) -> HelloKeys:
    return HelloKeys(_keyed(chain, "rs c"), _keyed(chain, "rs s"), _keyed(chain, "rs kid")[:16])
