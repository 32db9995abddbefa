"""session.run: one endpoint, driven by a script in virtual time."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sealwire.client import Client, ClientSettings
from sealwire.conversation import Policy
from sealwire.endpoint import Endpoint
from sealwire.limits import DEFAULTS
from sealwire.outcome import Outcome
from sealwire.server import Server, ServerSettings
from sealwire.token import Issuer

from . import values
from .values import Input, Result


def _fail(_: Any) -> Any:
    raise RuntimeError("this handler fails")


def _echo(data: Any) -> Any:
    return data


HANDLERS: dict[str, Callable[[Any], Any]] = {"echo": _echo, "fail": _fail}


def _common(init: Input) -> dict[str, Any]:
    handlers = {top: HANDLERS[kind] for top, kind in init.get("handlers", {}).items()}
    return {
        "server_id": init["serverId"],
        "now": init["now"],
        "rnd": bytes.fromhex(init["rnd"]),
        "ephemeral": init["ephemeral"],
        "msg": init.get("msg", DEFAULTS["messageBytes"]),
        "limits": init.get("limits", {}),
        "policy": Policy(frozenset(init.get("allow", ())), handlers),
    }


def _client(init: Input) -> Endpoint:
    return Client(
        ClientSettings(
            **_common(init),
            pinned=init["pinned"]["keys"],
            offer=init["offer"],
            token=init["token"],
            proof_key=init.get("proofKey"),
            upgrade_token=init.get("upgradeToken", False),
            admits_window=init.get("order") == "window",
        )
    )


def issuer(given: Input, server_id: str) -> Issuer:
    typ = given.get("typ", "at+jwt")
    return Issuer(
        given["issuer"],
        given.get("audience", server_id),
        given["keys"]["keys"],
        (typ,) if isinstance(typ, str) else tuple(typ),
        tuple(given.get("algorithms", ("ES256", "Ed25519"))),
    )


def _server(init: Input) -> Endpoint:
    return Server(
        ServerSettings(
            **_common(init),
            identity=init["identity"],
            support=init["support"],
            pop=init["pop"],
            order=init.get("order", "strict"),
            issuers=[issuer(given, init["serverId"]) for given in init["issuers"]],
            upgrade_token=init.get("upgradeToken"),
        )
    )


def _apply(endpoint: Endpoint, step: Input) -> Outcome:
    op = step["op"]
    if op == "start":
        return endpoint.start(step["protocol"])
    if op == "recv":
        messages = step["messages"] if "messages" in step else [step["message"]]
        return endpoint.receive(*map(values.message, messages))
    if op == "send":
        return endpoint.send(step["top"], values.data(step["data"]), step.get("ttl"))
    if op == "request":
        return endpoint.request(step["top"], values.data(step["data"]), step.get("ttl"))
    if op == "tick":
        return endpoint.tick(step["seconds"])
    return endpoint.close() if op == "close" else endpoint.drop()


def _present(members: Result) -> Result:
    return {name: value for name, value in members.items() if value is not None}


def outcome_result(outcome: Outcome) -> Result:
    result: Result = {
        "emit": [values.message_result(message) for message in outcome.emit],
        "opened": asdict(outcome.opened) if outcome.opened else None,
        "deliver": [_delivered(item) for item in outcome.deliver],
        "settled": [_settled(item) for item in outcome.settled],
        "refused": [_present(asdict(item)) for item in outcome.refused],
        "denied": [{"seq": item.seq, "error": item.error} for item in outcome.denied],
        "thrown": {"error": outcome.thrown} if outcome.thrown else None,
        "close": {"code": outcome.close[0], "reason": outcome.close[1]} if outcome.close else None,
        "error": _error(outcome),
        "ended": _present(asdict(outcome.ended)) if outcome.ended else None,
    }
    return {name: value for name, value in result.items() if value} | {"state": outcome.state}


def _delivered(item: Any) -> Result:
    index = {} if item.index is None else {"index": item.index}
    req = {"req": True} if item.req else {}
    return {"seq": item.seq, **index, "top": item.top, "data": values.data_result(item.data), **req}


def _settled(item: Any) -> Result:
    if item.error is not None:
        return {"seq": item.seq, "error": item.error}
    return {"seq": item.seq, "data": values.data_result(item.data)}


def _error(outcome: Outcome) -> Result | None:
    if outcome.error is None:
        return None
    peer = {"peer": True} if outcome.error.peer else {}
    return {"error": outcome.error.error, "step": outcome.error.step, **peer}


def session_run(given: Input) -> Result:
    endpoint = (_client if given["role"] == "client" else _server)(given["init"])
    outcomes = [outcome_result(_apply(endpoint, step)) for step in given["steps"]]
    error = outcomes[-1].get("error") if outcomes else None
    if error:
        return {"ok": False, "error": error["error"], "step": error["step"], "fatal": True, "steps": outcomes}
    return {"steps": outcomes}


OPERATIONS = {"session.run": session_run}
