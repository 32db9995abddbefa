"""What happened, as JSON lines (README.md)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from sealwire.outcome import Outcome

Event = dict[str, Any]
Tell = Callable[[Event], None]


def data_to_json(value: Any) -> Any:
    return {"$bytes": value.hex()} if isinstance(value, bytes) else value


def data_from_json(value: Any) -> Any:
    return bytes.fromhex(value["$bytes"]) if isinstance(value, dict) and set(value) == {"$bytes"} else value


def print_line(event: Event) -> None:
    print(json.dumps(event, separators=(",", ":")), flush=True)


def events(outcome: Outcome) -> Iterator[Event]:
    """Everything but the ends of connections that carried no session."""
    for name in ("opened", "resumed", "epoch", "refreshed"):
        value = getattr(outcome, name)
        if value is not None:
            yield {"event": name, **asdict(value)}
    if outcome.not_refreshed:
        yield {"event": "notRefreshed"}
    if outcome.soon:
        yield {"event": "soon"}
    if outcome.sent_seq is not None:
        yield {"event": "sent", "seq": outcome.sent_seq}
    for name in ("deliver", "settled", "refused", "denied", "undetermined"):
        for item in getattr(outcome, name):
            members = _present(asdict(item))
            if "data" in asdict(item) and "error" not in members:
                members["data"] = data_to_json(item.data)
            yield {"event": name, **members}
    if outcome.thrown is not None:
        yield {"event": "thrown", "error": outcome.thrown}
    if outcome.ended is not None:
        error = asdict(outcome.error) if outcome.error else {}
        close = {"code": outcome.close.code, "reason": outcome.close.reason} if outcome.close else {}
        yield {"event": "ended", **_present(asdict(outcome.ended)), **error, **close}


def failed(outcome: Outcome) -> Event | None:
    """A connection that did not come to carry the session."""
    if outcome.failed is None:
        return None
    error = asdict(outcome.failed.error) if outcome.failed.error else {}
    return {"event": "attempt", **error}


def _present(members: Event) -> Event:
    return {name: value for name, value in members.items() if value is not None}
