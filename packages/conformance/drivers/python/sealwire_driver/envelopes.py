"""Operations on standalone envelopes."""

import os
from typing import Any

from sealwire import fresh, keys, standalone
from sealwire.errors import CallerError
from sealwire.limits import DEFAULTS
from sealwire.replay import MemoryStore
from sealwire.standalone import Claims, Opener

from . import values
from .values import Input, Result


def _opener(given: Input) -> Opener:
    audience = given["audience"]
    own, *groups = audience if isinstance(audience, list) else [audience]
    signers: dict[str, tuple[str, keys.SigningKey]] = {}
    for identity, key_set in given["keys"].items():
        for jwk in key_set["keys"]:
            key = keys.configured(jwk)
            if key.thumbprint in signers:
                raise CallerError("one thumbprint belongs to two identities")
            signers[key.thumbprint] = (identity, key)
    recipients = {}
    if given.get("decryptionKey"):
        recipient = standalone.recipient(given["decryptionKey"])
        recipients[recipient.thumbprint] = recipient
    return Opener(own, groups, signers, recipients, given.get("maxLife", DEFAULTS["messageTtlMax"]))


def claims_result(claims: Claims) -> Result:
    names = ("iss", "aud", "jti", "iat", "exp", "top", "ref")
    members = {name: getattr(claims, name) for name in names if getattr(claims, name) is not None}
    return {**members, "data": values.data_result(claims.data)}


def standalone_open(given: Input) -> Result:
    opener, now = _opener(given), given["now"]
    claims, encrypted = standalone.open_envelope(values.message(given["message"]), opener, now)
    store = MemoryStore(DEFAULTS["replayEntries"], DEFAULTS["standaloneSkewSeconds"])
    for iss, jti in given.get("seen", []):
        store.insert(now, opener.own, iss, jti, now, claims.exp)
    store.insert(now, opener.own, claims.iss, claims.jti, claims.iat, claims.exp)
    return {**claims_result(claims), "encrypted": encrypted}


def claims_of(given: Input) -> Claims:
    names = ("iss", "aud", "jti", "iat", "exp", "top")
    members: dict[str, Any] = {name: given[name] for name in names}
    return Claims(**members, ref=given.get("ref"), data=values.data(given.get("data")))


def standalone_seal(given: Input) -> Result:
    signer, claims = keys.configured(given["signer"]), claims_of(given)
    if given.get("encryptTo"):
        to = standalone.recipient(given["encryptTo"])
        sealed = standalone.seal_encrypted(given["wire"], signer, claims, to, fresh.ephemeral(to.jwk["crv"]), os.urandom(12))
    else:
        sealed = standalone.seal_signed(given["wire"], signer, claims)
    return {"message": values.message_result(sealed)}


OPERATIONS = {"standalone.open": standalone_open, "standalone.seal": standalone_seal}
