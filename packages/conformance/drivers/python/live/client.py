"""The client: connects, runs a script and prints what happened as JSON lines. See README.md for its command line."""

import argparse
import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from sealwire import fresh
from sealwire.client import Client
from sealwire.limits import DEFAULTS
from sealwire.outcome import Outcome
from sealwire.settings import ClientSettings, Policy

from .host import Host
from .link import WEBSOCKET_MAX_SIZE, Link
from .options import HANDLERS, add_profile, profile
from .report import data_from_json, print_line

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
    parser.add_argument("--resume", action="store_true", help="resume a session that lost its connection")
    parser.add_argument("--script", type=Path, help="JSON lines of steps")
    add_profile(parser)
    return parser.parse_args()


def script(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return DEFAULT_SCRIPT
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


class Runner:
    """Runs the steps of a script one by one; a request waits for its end before the next step."""

    def __init__(self, host: Host[Client]) -> None:
        self._host = host
        self._settled: dict[int, asyncio.Event] = {}
        self._opened = asyncio.Event()
        self._resumed = asyncio.Event()
        host.on_outcome = self._note

    def _note(self, outcome: Outcome) -> None:
        if outcome.opened is not None:
            self._opened.set()
        if outcome.opened is not None or outcome.resumed is not None:
            self._resumed.set()
        for item in outcome.settled:
            self._settled.setdefault(item.seq, asyncio.Event()).set()

    async def run(self, steps: list[dict[str, Any]]) -> None:
        await self._opened.wait()
        for step in steps:
            await self._step(step)

    async def _step(self, step: dict[str, Any]) -> None:
        host, endpoint = self._host, self._host.endpoint
        op, top, data = step["op"], step.get("top", ""), data_from_json(step.get("data"))
        if op == "wait":
            await asyncio.sleep(step["seconds"])
        elif op == "cut" and host.carrier is not None:
            host.carrier.cut()
        elif op == "send":
            jti = fresh.message_id() if step.get("idempotent") else None
            host.do(partial(endpoint.send, top, data, step.get("ttl"), jti))
        elif op == "request":
            while endpoint.state == "lost":  # without a connection it would get no number to wait for
                self._resumed.clear()
                await self._resumed.wait()
            outcome = host.do(partial(endpoint.request, top, data, step.get("ttl")))
            if outcome.sent_seq is not None:
                await self._settled.setdefault(outcome.sent_seq, asyncio.Event()).wait()
        elif op == "auth":
            host.do(partial(endpoint.auth, read_token(step["at"])))
        elif op == "rekey":
            host.do(endpoint.rekey)
        elif op == "close":
            host.do(endpoint.close)


def read_token(text: str) -> str:
    return Path(text[1:]).read_text("utf-8").strip() if text.startswith("@") else text


def client(given: argparse.Namespace, token: str) -> Client:
    settings = ClientSettings(
        server_id=given.server_id,
        now=time.time(),
        draws=fresh.draws(),
        msg=dict(given.limit).get("messageBytes", DEFAULTS["messageBytes"]),
        limits=dict(given.limit),
        policy=Policy(frozenset(given.allow), dict.fromkeys(given.echo, HANDLERS["echo"])),
        pinned=json.loads(given.pinned.read_text("utf-8"))["keys"],
        offer=profile(given) | {"sig": ["ES256", "Ed25519"]},
        token=token,
        proof_key=json.loads(given.proof_key.read_text("utf-8")) if given.proof_key else None,
        upgrade_token=given.upgrade_token is not None,
        admits_window=given.order == "window",
    )
    return Client(settings)


async def connection(given: argparse.Namespace, host: Host[Client], resume: int | None) -> None:
    """One connection from the upgrade to its end."""
    try:
        websocket = await connect(
            given.url,
            subprotocols=[Subprotocol(name) for name in profile(given)["prt"]],
            compression=None,
            origin=given.origin,
            additional_headers=_authorization(given, host.endpoint.token),
            max_size=WEBSOCKET_MAX_SIZE,
            ping_interval=None,
            close_timeout=2,
        )
    except (InvalidHandshake, OSError, EOFError) as error:
        print_line({"event": "failed", "reason": type(error).__name__})
        return
    print_line({"event": "connected", "protocol": websocket.subprotocol})
    start = partial(host.endpoint.start, str(websocket.subprotocol), resume)
    await Link(host, websocket, print_line, start).run()


def _authorization(given: argparse.Namespace, token: str) -> dict[str, str] | None:
    return {"Authorization": f"{given.upgrade_token} {token}"} if given.upgrade_token else None


async def session(given: argparse.Namespace, token: str, steps: list[dict[str, Any]]) -> bool:
    """One connection, or with `--resume` as many as it takes, until the end; true if the last session ended in order."""
    host = Host(client(given, token), print_line)
    running = asyncio.ensure_future(Runner(host).run(steps))
    try:
        await connection(given, host, None)
        while given.resume and host.endpoint.state == "lost":
            await take_up_again(given, host)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        host.stop()
    return host.endpoint.ended is not None and host.endpoint.ended.clean


async def take_up_again(given: argparse.Namespace, host: Host[Client]) -> None:
    """Each chain on a connection of its own, the newest first, and all of them twice; then a full handshake."""
    held = host.endpoint.session.chains.held if host.endpoint.session else []
    for chain in [*held, *held]:
        place = host.endpoint.place_of(chain)
        await asyncio.sleep(RETRY_SECONDS)
        if place is not None and host.endpoint.state == "lost":
            await connection(given, host, place)
    if host.endpoint.state == "lost":
        await connection(given, host, None)


async def main() -> int:
    given = options()
    token, steps = read_token(given.token), script(given.script)
    clean = await session(given, token, steps)
    while given.repeat:
        await asyncio.sleep(RETRY_SECONDS)
        clean = await session(given, token, steps)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
