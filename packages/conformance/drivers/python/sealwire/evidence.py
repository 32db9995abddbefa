"""Evidence bundles (envelope.md, section 12): a signed message, proven to somebody who took no part in the session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import claims, frames, jose, keys, token
from .claims import Application
from .errors import Refused
from .parsed import parse_header


@dataclass(frozen=True)
class Proven:
    """Who signed: `issuer` is that of a client's token, None for a server."""

    signer: str
    issuer: str | None
    thumbprint: str
    message: Application


@dataclass(frozen=True)
class Verifier:
    issuers: Sequence[token.Issuer]
    server_id: str | None
    server_keys: frozenset[str]  # thumbprints that are pinned for the server

    def verify(self, bundle: Mapping[str, Any]) -> Proven:
        text = bundle["jws"]
        frame = frames.decode_compact(text, "encoding")
        if frame.form != frames.JWS:
            raise Refused("E_MALFORMED", "encoding")
        header = parse_header(frame.data("protected"), ("alg", "cty", "kid", "typ"), "sealwire+jwt")
        algorithm = keys.check_signing(keys.bare(bundle["jwk"]), "header")
        thumbprint = keys.thumbprint(bundle["jwk"])
        if header.get("kid") != thumbprint:
            raise Refused("E_KEY", "header")
        if header.get("alg") != algorithm:
            raise Refused("E_ALG", "header")
        if header.get("cty", "sealwire+cbor") != "sealwire+cbor":
            raise Refused("E_CTY", "header")
        payload = jose.verify(text, jose.import_key(bundle["jwk"]), (algorithm,))
        # The rules of `nest` are those of `sig` and `pad`; the JWS does not say which of the two it was.
        message = claims.read_application("cbor" if "cty" in header else "json", "nest", payload)
        if message.iss == thumbprint:
            return self._client(bundle.get("token"), thumbprint, message)
        if message.iss != self.server_id or thumbprint not in self.server_keys:
            raise Refused("E_KEY", "claims")
        return Proven(message.iss or "", None, thumbprint, message)

    def _client(self, access_token: Any, thumbprint: str, message: Application) -> Proven:
        if not isinstance(access_token, str):
            raise Refused("E_TOKEN", "claims")
        access = token.verify_token(access_token, list(self.issuers), None)
        if access.thumbprint != thumbprint:
            raise Refused("E_POP", "claims")
        return Proven(access.sub, access.issuer, thumbprint, message)
