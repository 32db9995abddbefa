"""A decrypted CA, checked in the order of session.md, section 5: the access token is the first signature that is verified."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import b64, frames, hello, jose, keys, token
from .errors import Refused
from .frames import Frame
from .keys import SigningKey
from .opening import check_time
from .parsed import parse_header


@dataclass(frozen=True)
class ClientAuth:
    access: token.Access
    token: str
    proof: SigningKey | None


@dataclass
class ClientAuthCheck:
    server_id: str
    th2: bytes
    now: int
    limits: Mapping[str, int]
    pop: str
    verify_token: Callable[[str], token.Access]
    upgrade_token: str | None

    def run(self, plaintext: bytes, proved: bool) -> ClientAuth:
        if not proved:
            ca = hello.read_client_auth(plaintext)
            return ClientAuth(self._check_bearer(ca), ca["at"], None)
        frame = frames.decode_inner(plaintext)
        assert frame.text is not None
        proof = _proof_key(frame)
        access, presented = self._check_bound(hello.read_client_auth(frame.data("payload")))
        if access.thumbprint != proof.thumbprint:
            raise Refused("E_POP", "claims")
        jose.verify(frame.text, proof.key, (proof.algorithm,), "claims", "E_POP")
        return ClientAuth(access, presented, proof)

    def _check_bearer(self, ca: Mapping[str, Any]) -> token.Access:
        self._check_claims(ca)
        if "ath" in ca:
            raise Refused("E_POP", "claims")
        if self.upgrade_token is not None and ca["at"] != self.upgrade_token:
            raise Refused("E_TOKEN", "claims")
        access = self.verify_token(ca["at"])
        if access.thumbprint is not None or self.pop == "required":
            raise Refused("E_POP", "claims")
        return access

    def _check_bound(self, ca: Mapping[str, Any]) -> tuple[token.Access, str]:
        self._check_claims(ca)
        if "at" in ca:
            presented = ca["at"]
        elif self.upgrade_token is not None and ca["ath"] == token.token_hash(self.upgrade_token):
            presented = self.upgrade_token
        else:
            raise Refused("E_TOKEN", "claims")
        access = self.verify_token(presented)
        bound_upgrade = self.upgrade_token is not None and token.has_bound_key(self.upgrade_token)
        if access.thumbprint is None or ("at" in ca and bound_upgrade):
            raise Refused("E_POP", "claims")
        return access, presented

    def _check_claims(self, ca: Mapping[str, Any]) -> None:
        if ca["th"] != b64.encode(self.th2):
            raise Refused("E_TRANSCRIPT", "claims")
        if ca["aud"] != self.server_id:
            raise Refused("E_BINDING", "claims")
        try:
            check_time(ca["iat"], ca["exp"], self.now, self.limits["clientAuthLifeSeconds"], self.limits["skewSeconds"])
        except Refused as refusal:
            raise Refused("E_POP", "claims") from refusal


def _proof_key(frame: Frame) -> SigningKey:
    """The inner header keeps the step name `header`, although it is read after decryption."""
    header = parse_header(frame.data("protected"), ("alg", "cty", "jwk", "typ"), "sealwire-auth+jwt")
    jwk = header.get("jwk")
    algorithm = keys.check_signing(jwk, "header")
    assert isinstance(jwk, dict)
    if header.get("alg") != algorithm:
        raise Refused("E_ALG", "header")
    if "cty" in header:
        raise Refused("E_CTY", "header")
    return keys.from_jwk(jwk, algorithm)
