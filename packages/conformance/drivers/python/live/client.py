"""The client: connects, runs a script and prints what happened as JSON lines. See README.md for its command line."""

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from sealwire import fresh
from sealwire.client import Client, ClientSettings
from sealwire.conversation import Policy
from sealwire.limits import DEFAULTS
from sealwire.outcome import Outcome

from .link import WEBSOCKET_MAX_SIZE, Link, data_from_json, print_line
from .options import HANDLERS, add_profile, profile

RETRY_SECONDS = 0.05
DEFAULT_SCRIPT: list[dict[str, Any]] = [
    {"op": "request", "top": "echo", "data": {"text": "hello"}},
    {"op": "send", "top": "say", "data": {"n": 1}},
    {"op": "send", "top": "say", "data": {"$bytes": "00ff10"}},
    {"op": "close"},
]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="live.client")
    parser.add_argument("--url", required=True)
    parser.add_argument("--server-id", required=True)
    parser.add_argument("--pinned", type=Path, required=True, help="JWK Set of the server")
    parser.add_argument("--token", required=True, help="the access token, or @FILE")
    parser.add_argument("--proof-key", type=Path, help="private JWK; without it the token is a bearer token")
    parser.add_argument("--upgrade-token", choices=("Bearer", "DPoP"), help="also send the token with the upgrade")
    parser.add_argument("--origin")
    parser.add_argument("--repeat", action="store_true", help="connect again and again, until stopped")
    parser.add_argument("--script", type=Path, help="JSON lines of steps")
    add_profile(parser)
    return parser.parse_args()


def script(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return DEFAULT_SCRIPT
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


class Runner:
    """Runs the steps of a script one by one; a request waits for its end before the next step."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._settled: dict[int, asyncio.Event] = {}
        link.on_outcome = self._note

    def _note(self, outcome: Outcome) -> None:
        for item in outcome.settled:
            self._settled.setdefault(item.seq, asyncio.Event()).set()

    async def run(self, steps: list[dict[str, Any]]) -> None:
        await self._link.opened
        for step in steps:
            await self._step(step)

    async def _step(self, step: dict[str, Any]) -> None:
        op, top, data = step["op"], step.get("top", ""), data_from_json(step.get("data"))
        if op == "wait":
            await asyncio.sleep(step["seconds"])
        elif op == "close":
            await self._link.do(lambda endpoint: endpoint.close())
        elif op == "send":
            await self._link.do(lambda endpoint: endpoint.send(top, data, step.get("ttl")))
        else:
            outcome = await self._link.do(lambda endpoint: endpoint.request(top, data, step.get("ttl")))
            if outcome.sent_seq is not None:
                await self._settled.setdefault(outcome.sent_seq, asyncio.Event()).wait()


def client(given: argparse.Namespace, token: str) -> Client:
    """A machine for one connection."""
    settings = ClientSettings(
        server_id=given.server_id,
        now=time.time(),
        rnd=os.urandom(32),
        msg=dict(given.limit).get("messageBytes", DEFAULTS["messageBytes"]),
        limits=dict(given.limit),
        ephemeral=fresh.for_suites(),
        policy=Policy(frozenset(given.allow), dict.fromkeys(given.echo, HANDLERS["echo"])),
        pinned=json.loads(given.pinned.read_text("utf-8"))["keys"],
        offer=profile(given) | {"sig": ["ES256", "Ed25519"]},
        token=token,
        proof_key=json.loads(given.proof_key.read_text("utf-8")) if given.proof_key else None,
        upgrade_token=given.upgrade_token is not None,
        admits_window=given.order == "window",
    )
    return Client(settings)


async def session(given: argparse.Namespace, token: str, steps: list[dict[str, Any]]) -> bool:
    """One connection from the upgrade to its end; true if it ended in order."""
    endpoint = client(given, token)
    try:
        websocket = await connect(
            given.url,
            subprotocols=[Subprotocol(name) for name in profile(given)["prt"]],
            compression=None,
            origin=given.origin,
            additional_headers={"Authorization": f"{given.upgrade_token} {token}"} if given.upgrade_token else None,
            max_size=WEBSOCKET_MAX_SIZE,
            ping_interval=None,
            close_timeout=2,
        )
    except (InvalidHandshake, OSError, EOFError) as error:
        print_line({"event": "failed", "reason": type(error).__name__})
        return False
    print_line({"event": "connected", "protocol": websocket.subprotocol})
    link = Link(endpoint, websocket, print_line)
    running = asyncio.ensure_future(Runner(link).run(steps))
    try:
        await link.run(str(websocket.subprotocol))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return endpoint.ended is not None and endpoint.ended.clean


async def main() -> int:
    given = options()
    token = Path(given.token[1:]).read_text("utf-8").strip() if given.token.startswith("@") else given.token
    steps = script(given.script)
    clean = await session(given, token, steps)
    while given.repeat:
        await asyncio.sleep(RETRY_SECONDS)
        clean = await session(given, token, steps)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
