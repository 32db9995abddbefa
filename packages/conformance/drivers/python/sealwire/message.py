"""What one direction fixes for an epoch: headers and keys (envelope.md, sections 4 and 8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import claims, jose, strictjson
from .keys import SigningKey
from .schedule import DirectionKeys

Header = dict[str, str]
APPLICATION, CONTROL = 0, 1  # the kind of a message; h = 2 · epoch + kind
TAG = 16


def encrypted_header(typ: str, kid: str, cty: str | None = None) -> Header:
    header = {"alg": "dir", "enc": "A256GCM"}
    return header | ({"cty": cty} if cty else {}) | {"kid": kid, "typ": typ}


def signed_header(algorithm: str, kid: str, codec: str) -> Header:
    cty = {"cty": "sealwire+cbor"} if codec == "cbor" else {}
    return {"alg": algorithm} | cty | {"kid": kid, "typ": "sealwire+jwt"}


def header_bytes(header: Mapping[str, Any]) -> bytes:
    return strictjson.write(header).encode("ascii")


@dataclass(frozen=True)
class Profile:
    """What the handshake fixed for both directions."""

    wire: str
    level: str
    codec: str


class Direction:
    """The constants of one direction in one epoch: its headers and keys."""

    def __init__(self, profile: Profile, keys: DirectionKeys, signer: SigningKey | None, epoch: int = 0) -> None:
        self.profile = profile
        self.epoch = epoch
        self.keys = keys
        self.key_id = keys.key_id
        self.control = encrypted_header("sealwire-ctl+jwt", self.key_id)
        self.inner: Header | None = None
        level, codec = profile.level, profile.codec
        if signer is not None and claims.is_signed(level):
            self.inner = signed_header(signer.algorithm, signer.thumbprint, codec)
        if level == "mac":
            self.application = signed_header("HS256", self.key_id, codec)
        elif level == "sig":
            assert self.inner is not None
            self.application = self.inner
        else:
            cty = "JWT" if level == "nest" else ("sealwire+cbor" if codec == "cbor" else None)
            self.application = encrypted_header("sealwire+jwt", self.key_id, cty)
        self.protected = {APPLICATION: header_bytes(self.application), CONTROL: header_bytes(self.control)}
        self.inner_protected = header_bytes(self.inner) if self.inner else b""
        self.encrypts = level in ("aead", "nest")
        self.content_key = keys.content_key
        self.mac_key = jose.symmetric(keys.mac) if keys.mac else None

    def h(self, kind: int) -> int:
        return 2 * self.epoch + kind
