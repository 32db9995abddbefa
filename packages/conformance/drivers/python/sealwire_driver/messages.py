"""Operations on messages of a session, on replay and on keys: message.*, replay.*, kdf.derive."""

import hashlib
from typing import Any

from sealwire import keys
from sealwire.claims import Application, Outgoing, is_signed
from sealwire.control import write_control
from sealwire.errors import Refused
from sealwire.evidence import Verifier
from sealwire.limits import DEFAULTS
from sealwire.message import Direction, Profile
from sealwire.opening import Expected, Opened, Opener, check_commit, check_time
from sealwire.renewal import Renewed, by_rekey, by_resume, hello_keys
from sealwire.replay import MemoryStore, Order, Strict, Window, replay_key
from sealwire.schedule import DirectionKeys, Schedule, agree
from sealwire.sealing import Sealer

from . import sessions, values
from .basic import content_result, control, outgoing
from .values import Input, Result


def _direction(given: Input, signer: Any) -> Direction:
    parts = {name: bytes.fromhex(value) for name, value in given["keys"].items()}
    profile = Profile(given["wire"], given["level"], given["codec"])
    return Direction(profile, DirectionKeys(**parts), signer)


def _order(given: Input) -> Order:
    if given.get("order") != "window":
        return Strict(given["last"])
    window = Window(given["window"])
    for seq in given["committed"]:
        window.commit(seq)
    return window


def open_message(given: Input) -> Opened:
    signer = values.peer_key(given.get("peerKey"))
    opener = Opener(_direction(given, signer), signer)
    strict = given.get("order") != "window"
    own, peer = given.get("self", ""), given.get("peer", "")
    expected = Expected(_order(given), given["sent"], given["rcv"], own, peer, strict)
    opened = opener.open(values.message(given["message"]), expected)
    check_commit(opened, expected.order, DEFAULTS)
    if isinstance(opened.content, Application):
        check_time(opened.content.iat, opened.content.exp, given["now"])
    return opened


def message_open(given: Input) -> Result:
    opened = open_message(given)
    jws = {"jws": opened.jws} if opened.jws else {}
    return {"kind": "control" if opened.is_control else "message", **content_result(opened.content), **jws}


def _sealer(given: Input) -> Sealer:
    signer = values.own_key(given.get("signer"))
    return Sealer(_direction(given, signer), signer, given.get("self", ""), given.get("peer", ""))


def message_seal(given: Input) -> Result:
    sealer = _sealer(given)
    if "control" in given:
        sealed = sealer.seal_control(given["seq"], write_control(control(given["control"], given["seq"])))
    else:
        message = outgoing(given)
        sealed = sealer.seal(message.seq, sealer.application(message))
    return {"message": values.message_result(sealed)}


def message_accumulate(given: Input) -> Result:
    sealer, clock = _sealer(given), given["clock"]
    signer = values.peer_key(given.get("peerKey"))
    opener = Opener(_direction(given, signer), signer)
    own, peer = given.get("peer", ""), given.get("self", "")
    expected = Expected(Strict(), 0, 0, own, peer)
    digest = hashlib.sha256()
    for i in range(1, given["count"] + 1):
        x = hashlib.sha256(f"{given['seed']}{i}".encode()).hexdigest()
        message = Outgoing(i, clock + 60, "acc", {"i": i, "x": x})
        message.iat = clock if is_signed(given["level"]) else None
        sealed = sealer.seal(i, sealer.application(message))
        content = opener.open(sealed, expected).content
        assert isinstance(content, Application) and content.items[0].data == message.data
        check_time(content.iat, content.exp, clock)
        expected.order.commit(i)
        digest.update(sealed.encode("utf-8") if isinstance(sealed, str) else sealed)
    return {"digest": digest.hexdigest()}


def evidence_verify(given: Input) -> Result:
    server = given.get("server", {"id": None, "keys": {"keys": []}})
    pinned = frozenset(keys.configured(jwk).thumbprint for jwk in server["keys"]["keys"])
    issuers = [sessions.issuer(issuer, "") for issuer in given.get("issuers", [])]
    proven = Verifier(issuers, server["id"], pinned).verify(given["evidence"])
    message = proven.message
    who = {"kind": "client", "issuer": proven.issuer} if proven.issuer else {"kind": "server"}
    return {
        "signer": {**who, "id": proven.signer},
        "thumbprint": proven.thumbprint,
        "audience": message.aud,
        "seq": message.seq,
        "iat": message.iat,
        "exp": message.exp,
        "items": [{"top": item.top, "data": values.data_result(item.data)} for item in message.items],
    }


def _verdict(attempt: Any, *given: Any) -> str:
    try:
        attempt(*given)
        return "ok"
    except Refused as refusal:
        return refusal.code


def replay_window(given: Input) -> Result:
    window = Window(given["size"])
    verdicts = []
    for seq in given["seqs"]:
        verdicts.append(_verdict(window.check, seq, "sequence"))
        if verdicts[-1] == "ok":
            window.commit(seq)
    return {"verdicts": verdicts}


def replay_key_operation(given: Input) -> Result:
    return {"key": replay_key(given["receiver"], given["iss"], given["jti"]).hex()}


def replay_store(given: Input) -> Result:
    store = MemoryStore(given["capacity"], given["skew"], given.get("startedAt"))
    names = ("now", "receiver", "iss", "jti", "iat", "exp")
    return {"verdicts": [_verdict(store.insert, *(step[name] for name in names)) for step in given["steps"]]}


def kdf_derive(given: Input) -> Result:
    z = agree(given["suite"], given["own"], given["peer"])
    schedule = Schedule(z, given["m1"].encode("utf-8"), given["m2"].encode("ascii"))
    schedule.add_client_auth(given["p3"].encode("utf-8"))
    labels = {label: value.hex() for label, value in schedule.labels.items()}
    return {"th2": schedule.th2.hex(), "th3": schedule.th3.hex(), "sid": schedule.sid, "labels": labels}


def _renewed(given: Input, renew: Any, *texts: str) -> Renewed:
    z = agree(given["suite"], given["own"], given["peer"])
    renewed: Renewed = renew(z, bytes.fromhex(given["chain"]), *(given[name].encode("utf-8") for name in texts))
    return renewed


def _labels(renewed: Renewed) -> Result:
    return {label: value.hex() for label, value in renewed.labels.items()}


def kdf_rekey(given: Input) -> Result:
    renewed = _renewed(given, by_rekey, "rekey", "rekeyed")
    return {"tr": renewed.transcript.hex(), "labels": _labels(renewed)}


def kdf_resume(given: Input) -> Result:
    hellos = hello_keys(bytes.fromhex(given["chain"]))
    renewed = _renewed(given, by_resume, "m1", "m2")
    keys_of_hellos = {"clientKey": hellos.client.hex(), "serverKey": hellos.server.hex(), "kid": hellos.key_id}
    return {"th2": renewed.transcript.hex(), **keys_of_hellos, "labels": _labels(renewed)}


OPERATIONS = {
    "message.open": message_open,
    "message.seal": message_seal,
    "message.accumulate": message_accumulate,
    "evidence.verify": evidence_verify,
    "replay.window": replay_window,
    "replay.key": replay_key_operation,
    "replay.store": replay_store,
    "kdf.derive": kdf_derive,
    "kdf.rekey": kdf_rekey,
    "kdf.resume": kdf_resume,
}
