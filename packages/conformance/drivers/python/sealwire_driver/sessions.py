"""session.run: one endpoint, driven by a script in virtual time."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from sealwire.client import Client
from sealwire.endpoint import Call, requesting, sending
from sealwire.errors import Refused
from sealwire.limits import DEFAULTS
from sealwire.outcome import Closing, Ending, Outcome
from sealwire.replay import MemoryStore
from sealwire.revocation import Revocation
from sealwire.server import Server
from sealwire.settings import ClientSettings, Draw, Policy, ServerSettings
from sealwire.token import Issuer

from . import values
from .values import Input, Result


def _fail(_: Any) -> Any:
    raise RuntimeError("this handler fails")


def _echo(data: Any) -> Any:
    return data


HANDLERS: dict[str, Callable[[Any], Any]] = {"echo": _echo, "fail": _fail}


def _draws(init: Input) -> Iterator[Draw]:
    yield Draw(init["ephemeral"], bytes.fromhex(init["rnd"]))
    for more in init.get("more", []):
        yield Draw(more["ephemeral"], bytes.fromhex(more.get("rnd", "")))


def _common(init: Input) -> dict[str, Any]:
    handlers = {top: HANDLERS[kind] for top, kind in init.get("handlers", {}).items()}
    return {
        "server_id": init["serverId"],
        "now": init["now"],
        "draws": _draws(init),
        "msg": init.get("msg", DEFAULTS["messageBytes"]),
        "limits": init.get("limits", {}),
        "policy": Policy(frozenset(init.get("allow", ())), handlers, init.get("scopes", {}), init.get("batch", False)),
    }


def _client(init: Input) -> Client:
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


def _server(init: Input) -> Server:
    limits = {**DEFAULTS, **init.get("limits", {})}
    return Server(
        ServerSettings(
            **_common(init),
            identity=init["identity"],
            support=init["support"],
            pop=init["pop"],
            order=init.get("order", "strict"),
            res=init.get("res", 0),
            issuers=[issuer(given, init["serverId"]) for given in init["issuers"]],
            store=_store(limits, init),
        )
    )


def _store(limits: dict[str, int], init: Input) -> MemoryStore | None:
    given = init.get("store", [])
    if given == "down":
        return None
    return _Store(limits, [], init["now"]) if given == "new" else _Store(limits, given)


class _Store(MemoryStore):
    """A store that holds some numbers from the start, of whichever client; `started_at` where it began empty then."""

    def __init__(self, limits: dict[str, int], held: list[str], started_at: int | None = None) -> None:
        super().__init__(limits["replayEntries"], limits["skewSeconds"], started_at)
        self._from_start = frozenset(held)

    def insert(self, now: int, receiver: str, iss: str, jti: str, iat: int | None, exp: int) -> None:
        if jti in self._from_start:
            raise Refused("E_REPLAY", "deliver")
        super().insert(now, receiver, iss, jti, iat, exp)


def _revocation(by: Input) -> Revocation:
    names = {"session": "session", "tokenId": "token_id", "issuer": "issuer", "subject": "subject"}
    more = {"issuedBefore": "issued_before", "thumbprint": "thumbprint"}
    return Revocation(**{member: by[name] for name, member in (names | more).items() if name in by})


def _apply(endpoint: Client | Server, init: Input, step: Input) -> Outcome:
    op, conn = step["op"], step.get("conn")
    if op == "start":
        if isinstance(endpoint, Client):
            return endpoint.start(step["protocol"], step.get("resume"))
        return endpoint.start(step["protocol"], step.get("upgradeToken", init.get("upgradeToken")))
    if op == "recv":
        messages = step["messages"] if "messages" in step else [step["message"]]
        return endpoint.receive(*map(values.message, messages), conn=conn)
    if op == "send":
        return endpoint.send(step["top"], values.data(step["data"]), step.get("ttl"), step.get("idempotent"))
    if op == "request":
        return endpoint.request(step["top"], values.data(step["data"]), step.get("ttl"))
    if op == "turn":
        return endpoint.turn([_call(call) for call in step["calls"]])
    if op == "tick":
        return endpoint.tick(step["seconds"])
    if op == "rekey":
        return endpoint.rekey()
    if isinstance(endpoint, Client) and op == "auth":
        return endpoint.auth(step["at"])
    if isinstance(endpoint, Server) and op == "revoke":
        return endpoint.revoke(_revocation(step["by"]))
    return endpoint.close(conn) if op == "close" else endpoint.drop(conn)


def _call(step: Input) -> Call:
    if step["op"] == "send":
        return sending(step["top"], values.data(step["data"]), step.get("ttl"), step.get("idempotent"))
    return requesting(step["top"], values.data(step["data"])) if step["op"] == "request" else None


# Operations whose messages leave on the connection that the session is on; those of the others on the step's own.
_ON_SESSION = frozenset("send request turn close auth rekey revoke tick".split())


def _emitted(endpoint: Client | Server, step: Input, on: int | None, outcome: Outcome) -> list[Result]:
    newest = len(endpoint.connections) - 1
    shown = {on if step["op"] in _ON_SESSION and on is not None else step.get("conn", newest)}
    if outcome.failed is not None:
        shown.add(outcome.failed.conn)
    return [values.message_result(sent.message) for sent in outcome.emit if sent.conn in shown]


def _present(members: Result) -> Result:
    return {name: value for name, value in members.items() if value is not None}


def _step(endpoint: Client | Server, init: Input, step: Input) -> Result:
    on = endpoint.session.connection if endpoint.session else None
    outcome = _apply(endpoint, init, step)
    if step["op"] in _ON_SESSION:
        outcome.attempt = None
    return outcome_result(outcome, _emitted(endpoint, step, on, outcome))


def outcome_result(outcome: Outcome, emitted: list[Result]) -> Result:
    result: Result = {
        "emit": emitted,
        "opened": asdict(outcome.opened) if outcome.opened else None,
        "deliver": [_delivered(item) for item in outcome.deliver],
        "settled": [_settled(item) for item in outcome.settled],
        "refused": [_present(asdict(item)) for item in outcome.refused],
        "denied": [_settled(item) for item in outcome.denied],
        "thrown": _present({"error": outcome.thrown, "call": outcome.thrown_call}) if outcome.thrown else None,
        "resumed": asdict(outcome.resumed) if outcome.resumed else None,
        "refreshed": asdict(outcome.refreshed) if outcome.refreshed else None,
        "notRefreshed": outcome.not_refreshed,
        "soon": outcome.soon,
        "epoch": asdict(outcome.epoch) if outcome.epoch else None,
        "undetermined": [_present(asdict(item)) for item in outcome.undetermined],
        "failed": _failed(outcome),
        "superseded": asdict(outcome.superseded) if outcome.superseded else None,
        "close": _close(outcome.close),
        "error": _error(outcome.error),
        "ended": _present(asdict(outcome.ended)) if outcome.ended else None,
        "attempt": outcome.attempt,
    }
    return {name: value for name, value in result.items() if value} | {"state": outcome.state}


def _close(close: Closing | None) -> Result | None:
    return {"code": close.code, "reason": close.reason} if close else None


def _failed(outcome: Outcome) -> Result | None:
    failed = outcome.failed
    if failed is None:
        return None
    return {"conn": failed.conn, **(_error(failed.error) or {}), **_present({"close": _close(failed.close)})}


def _delivered(item: Any) -> Result:
    index = {} if item.index is None else {"index": item.index}
    req = {"req": True} if item.req else {}
    return {"seq": item.seq, **index, "top": item.top, "data": values.data_result(item.data), **req}


def _settled(item: Any) -> Result:
    place = _present({"seq": item.seq, "index": item.index})
    if item.error is not None:
        return place | {"error": item.error}
    return place | {"data": values.data_result(item.data)}


def _error(ending: Ending | None) -> Result | None:
    if ending is None:
        return None
    return {"error": ending.error, "step": ending.step, **({"peer": True} if ending.peer else {})}


def session_run(given: Input) -> Result:
    endpoint = (_client if given["role"] == "client" else _server)(given["init"])
    outcomes = [_step(endpoint, given["init"], step) for step in given["steps"]]
    last = outcomes[-1] if outcomes else {}
    error = last.get("error") or last.get("failed", {})
    if "error" in error:
        return {"ok": False, "error": error["error"], "step": error["step"], "fatal": True, "steps": outcomes}
    return {"steps": outcomes}


OPERATIONS = {"session.run": session_run}
