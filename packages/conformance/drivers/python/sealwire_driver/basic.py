"""Operations of levels L0 and L1 that need no session: frames, JOSE objects, keys, claims, errors."""

from sealwire import b64, claims, errors, frames, jose, keys, standalone
from sealwire.claims import Application, Outgoing
from sealwire.control import MEMBERS, Control, read_control, write_control
from sealwire.errors import Refused

from . import envelopes, values
from .values import Input, Result


def frame_decode(given: Input) -> Result:
    limit = {"max_bytes": given["maxBytes"]} if "maxBytes" in given else {}
    return values.frame_result(frames.decode(given["wire"], values.message(given["message"]), **limit))


def frame_encode(given: Input) -> Result:
    return {"message": values.message_result(frames.encode(given["wire"], values.frame(given)))}


def frame_expand(given: Input) -> Result:
    headers = {int(h): header.encode("utf-8") for h, header in given["headers"].items()}
    binary = values.message(given["message"])
    assert isinstance(binary, bytes)
    return {"text": frames.expand(binary, headers, bytes.fromhex(given["staticIv"]))}


def _header_of(text: str) -> str:
    return b64.decode(text.split(".")[0]).decode("utf-8")


def _imported(jwk: Input) -> jose.Key:
    try:
        return jose.import_key(jwk)
    except Exception as error:  # a key that the library does not take is a failure of its call
        raise Refused("E_CRYPTO", "crypto") from error


def jose_verify(given: Input) -> Result:
    payload = jose.verify(given["text"], _imported(given["key"]), ("HS256", *jose.SIGNATURES))
    return {"header": _header_of(given["text"]), "payload": payload.hex()}


def jose_decrypt(given: Input) -> Result:
    plaintext = jose.decrypt(given["text"], _imported(given["key"]), ("dir", "ECDH-ES", "A256GCM"))
    return {"header": _header_of(given["text"]), "plaintext": plaintext.hex()}


def key_check(given: Input) -> Result:
    jwk = keys.bare(given["jwk"])
    if given["use"] == "sign":
        keys.check_signing(jwk, "claims")
        return {"thumbprint": keys.thumbprint(jwk)}
    suite = "x25519" if jwk.get("crv") == "X25519" else "p256"
    if not keys.has_members(jwk, *keys.SUITE_CURVES[suite]):
        raise Refused("E_KEY", "claims")
    keys.check_agreement(jwk, suite)
    return {}


def content_result(content: Application | Control) -> Result:
    if isinstance(content, Control):
        return _present({name: getattr(content, name) for name in MEMBERS})
    items = [{"top": item.top, "ref": item.ref, "req": item.req, "data": values.data_result(item.data)} for item in content.items]
    optional = {name: getattr(content, name) for name in ("jti", "iat", "iss", "aud", "bnd")}
    return {"seq": content.seq, "exp": content.exp, **_present(optional), "items": items}


def _present(members: Result) -> Result:
    return {name: value for name, value in members.items() if value is not None}


def claims_read(given: Input) -> Result:
    data = bytes.fromhex(given["bytes"])
    if given["kind"] == "control":
        return content_result(read_control(data))
    if given["kind"] == "standalone":
        return envelopes.claims_result(standalone.read_claims(data, given["encrypted"]))
    return content_result(claims.read_application(given["codec"], given["level"], data))


def outgoing(given: Input) -> Outgoing:
    message = Outgoing(given["seq"], given["exp"], given.get("top", ""), values.data(given.get("data")))
    message.jti, message.iat = given.get("jti"), given.get("iat")
    message.ref = given.get("ref")
    message.req = bool(given.get("req"))
    message.bat = values.data(given.get("bat"))
    message.signed = {name: given[name] for name in ("iss", "aud", "bnd") if name in given}
    return message


def control(given: Input, seq: int) -> Control:
    return Control(seq, **{name: given[name] for name in MEMBERS[1:] if name in given})


def claims_write(given: Input) -> Result:
    if given["kind"] == "control":
        return {"bytes": write_control(control(given, given["seq"])).hex()}
    if given["kind"] == "standalone":
        return {"bytes": standalone.write_claims(envelopes.claims_of(given)).hex()}
    return {"bytes": claims.write_application(given["codec"], outgoing(given)).hex()}


def error_info(given: Input) -> Result:
    info = errors.ERRORS[given["code"]]
    name = errors.COARSE_NAME[info.close] if info.close else None
    return {"steps": list(info.steps), "fatal": info.fatal, "close": info.close, "name": name}


OPERATIONS = {
    "frame.decode": frame_decode,
    "frame.encode": frame_encode,
    "frame.expand": frame_expand,
    "jose.verify": jose_verify,
    "jose.decrypt": jose_decrypt,
    "key.check": key_check,
    "claims.read": claims_read,
    "claims.write": claims_write,
    "error.info": error_info,
}
