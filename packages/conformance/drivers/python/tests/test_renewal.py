"""Derivations of rekey and resume (lifecycle.md, sections 3 and 7), recomputed with HMAC alone."""

import hashlib
import hmac
import unittest

from sealwire import renewal
from sealwire.b64 import encode

Z, CHAIN = bytes(range(32)), bytes(range(32, 64))


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def lp(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def hkdf(salt: bytes, info: bytes, size: int) -> bytes:
    return mac(mac(salt, Z), info + b"\1")[:size]  # one block: no label is longer than 32 bytes


class Renewal(unittest.TestCase):
    def check(self, renewed: renewal.Renewed, name: bytes, transcript: bytes, labels: dict[str, int]) -> None:
        self.assertEqual(renewed.transcript, transcript)
        self.assertEqual(renewed.salt, mac(CHAIN, b"sealwire1 " + name + b"\0" + transcript))
        wanted = {
            label: hkdf(renewed.salt, b"sealwire1 " + label.encode() + b"\0" + transcript, size) for label, size in labels.items()
        }
        self.assertEqual(renewed.labels, wanted)
        self.assertEqual(renewed.traffic.chain, wanted["chain"])

    def test_rekey(self) -> None:
        transcript = hashlib.sha256(b"sealwire1 rk\0" + lp(b"proposal") + lp(b"answer")).digest()
        self.check(renewal.by_rekey(Z, CHAIN, b"proposal", b"answer"), b"rekey", transcript, LABELS)

    def test_resume(self) -> None:
        transcript = hashlib.sha256(b"sealwire1 th2\0" + lp(b"m1") + lp(b"m2")).digest()
        self.check(renewal.by_resume(Z, CHAIN, b"m1", b"m2"), b"resume", transcript, {**LABELS, "cb": 32})

    def test_keys_of_the_hellos(self) -> None:
        keys = renewal.hello_keys(CHAIN)
        self.assertEqual(keys.client, mac(CHAIN, b"sealwire1 rs c"))
        self.assertEqual(keys.server, mac(CHAIN, b"sealwire1 rs s"))
        self.assertEqual(keys.key_id, encode(mac(CHAIN, b"sealwire1 rs kid")[:16]))


LABELS = {f"{end} app {part}": size for end in "cs" for part, size in (("key", 32), ("iv", 12), ("mac", 32), ("kid", 16))}
LABELS["chain"] = 32

if __name__ == "__main__":
    unittest.main()
