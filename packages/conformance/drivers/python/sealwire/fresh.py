"""Key pairs drawn at random: the one module that is not pure. The machines are given what is made here."""

import os
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import ec, x25519

from . import b64
from .settings import Draw


def ephemeral(crv: str) -> dict[str, str]:
    """A private JWK for key agreement."""
    if crv == "X25519":
        secret = x25519.X25519PrivateKey.generate()
        x = b64.encode(secret.public_key().public_bytes_raw())
        return {"kty": "OKP", "crv": crv, "x": x, "d": b64.encode(secret.private_bytes_raw())}
    private = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    numbers = {"x": private.public_numbers.x, "y": private.public_numbers.y, "d": private.private_value}
    return {"kty": "EC", "crv": crv} | {name: b64.encode(value.to_bytes(32, "big")) for name, value in numbers.items()}


def draws() -> Iterator[Draw]:
    while True:
        yield Draw({"p256": ephemeral("P-256"), "x25519": ephemeral("X25519")}, os.urandom(32))


def message_id() -> str:
    return b64.encode(os.urandom(16))
