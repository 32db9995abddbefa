"""Independent generation: recomputes every byte-exact value of the published vectors from their inputs alone.

`build/venv/bin/python generate.py` prints how many values came out the same, and ends with 1 where one did not. Keys are made
anew from their labels; nothing but inputs is taken from the files. Values that are drawn at random (ES256 of a producer without
RFC 6979, ephemeral keys) are regenerated where the vectors use deterministic nonces, and left out otherwise.
"""

import hmac
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from check import difference, whole
from sealwire import b64, frames, jose
from sealwire_driver.__main__ import answer
from sealwire_driver.values import read_line, write_line
from vector_files import Expander, Vector, read, seed, vectors

Jwk = dict[str, Any]

# Operations whose accepted results are bytes that follow from the input.
EXACT = {
    "frame.decode",
    "frame.encode",
    "frame.expand",
    "key.check",
    "claims.write",
    "message.seal",
    "message.accumulate",
    "standalone.seal",
    "replay.key",
    "kdf.derive",
    "kdf.rekey",
    "kdf.resume",
    "session.run",
}


def private_key(label: str, kind: Jwk) -> Jwk:
    """The key of a label; from the file come `kty`, `crv` and `alg` alone, which say what to make of the seed."""
    secret = seed(label)
    named: Jwk = {name: kind[name] for name in ("kty", "crv", "alg") if name in kind}
    if kind["crv"] == "P-256":
        point = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()).public_key().public_numbers()
        public = {"x": b64.encode(point.x.to_bytes(32, "big")), "y": b64.encode(point.y.to_bytes(32, "big"))}
    elif kind["crv"] == "Ed25519":
        key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
        public = {"x": b64.encode(key.public_key().public_bytes_raw())}
    else:
        agreement = x25519.X25519PrivateKey.from_private_bytes(secret)
        public = {"x": b64.encode(agreement.public_key().public_bytes_raw())}
    return {**named, **public, "d": b64.encode(secret)}


def signature(alg: str, jwk: Jwk, data: bytes) -> bytes:
    if alg == "HS256":
        return hmac.digest(b64.decode(jwk["k"]), data, "sha256")
    secret = b64.decode(jwk["d"])
    if alg == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(secret).sign(data)
    key = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def compact_again(vector: Vector, private: dict[str, Jwk]) -> str | None:
    """The compact object of a jose vector from header, payload and key, or None where randomness made it."""
    given, result = vector.input, vector.result
    header, key = result["header"].encode(), given["key"]
    if vector.op == "jose.verify":
        signing_input = f"{b64.encode(header)}.{b64.encode(bytes.fromhex(result['payload']))}"
        jwk = key if "k" in key else private.get(key["x"])
        alg = read_line(result["header"])["alg"]
        return None if jwk is None else f"{signing_input}.{b64.encode(signature(alg, jwk, signing_input.encode()))}"
    if "k" not in key:
        return None
    iv = given["text"].split(".")[2]  # an input: the sealer's nonce
    jwe = jose.encrypt(header, bytes.fromhex(result["plaintext"]), b64.decode(key["k"]), b64.decode(iv))
    return frames.compact(jwe)


def regenerate(vector: Vector, private: dict[str, Jwk]) -> Iterator[str | None]:
    """None for a value that came out the same, else what differs; nothing where a vector has no determined bytes."""
    if not vector.result["ok"] and vector.op != "session.run":
        return
    if vector.op in ("jose.verify", "jose.decrypt"):
        text = compact_again(vector, private)
        if text is not None:
            yield difference(vector.input["text"], text)
    elif vector.op in EXACT and len(vector.result) > 1:
        line = write_line({"n": 0, "op": vector.op, "input": vector.input})
        got = answer(read_line(line)).get("result", {})
        yield difference(vector.result, got) or whole(vector.result.get("steps", []), got.get("steps", []))


def main() -> int:
    published = read("keys.json")["keys"]
    own = {label: private_key(label, kind) for label, kind in published.items()}
    by_point = {jwk["x"]: jwk for jwk in own.values()}
    counts: Counter[str] = Counter()
    different = []
    for label, jwk in own.items():
        counts["keys"] += 1
        if jwk != published[label]:
            different.append(f"keys.json {label}")
    for vector in vectors(Expander(own)):
        for found in regenerate(vector, by_point):
            counts[vector.id.split("/")[0]] += 1
            if found:
                different.append(f"{vector.id}: {found}")
    for line in different:
        print(f"✗ {line}")
    print(", ".join(f"{suite} {count}" for suite, count in sorted(counts.items())))
    print(f"{counts.total()} regenerated, {len(different)} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
