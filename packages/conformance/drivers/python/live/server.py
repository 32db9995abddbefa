"""The server: echoes, reflects and prints what happened as JSON lines. See README.md for its command line."""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from sealwire import fresh
from sealwire.conversation import Policy
from sealwire.endpoint import Endpoint
from sealwire.limits import DEFAULTS
from sealwire.outcome import Outcome
from sealwire.server import Server, ServerSettings
from sealwire.token import Issuer

from .link import WEBSOCKET_MAX_SIZE, Command, Link, print_line
from .options import HANDLERS, add_profile, profile


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="live.server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--server-id", required=True)
    parser.add_argument("--identity", type=Path, required=True, help="JWK Set of the server's private keys")
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--jwks", type=Path, required=True, help="JWK Set of the issuer")
    parser.add_argument("--audience", help="of tokens; the server id by default")
    parser.add_argument("--pop", choices=("required", "optional"), default="optional")
    parser.add_argument("--origin", action="append", default=[], help="an origin that is admitted")
    parser.add_argument("--accept-upgrade-token", action="store_true")
    parser.add_argument("--fail", type=lambda text: text.split(","), default=["fail"], help="topics whose handler fails")
    parser.add_argument("--reflect", help="one-way messages on this topic are sent back on it")
    parser.add_argument("--ask", help="a request on this topic is sent when a session opens")
    add_profile(parser)
    return parser.parse_args()


class CountingConnection(ServerConnection):
    """Counts what its socket receives behind the upgrade, framing and control frames included."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left = DEFAULTS["unauthenticatedBytes"]
        self.overrun = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if self.request is not None:
            self._left -= len(data)
            if self._left < 0:
                self.overrun.set()
        super().data_received(data)


class Service:
    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._profile = profile(given)
        self._numbers = count(1)
        self._open: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Future[Outcome]] = set()
        handlers = dict.fromkeys(given.echo, HANDLERS["echo"]) | dict.fromkeys(given.fail, HANDLERS["fail"])
        topics = [*given.allow, *handlers, *([given.reflect] if given.reflect else [])]
        self._policy = Policy(frozenset(topics), handlers)

    # The upgrade

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        address = str(connection.remote_address[0])
        if (
            self._open[address] >= DEFAULTS["connectionsPerAddress"]
            or self._waiting[address] >= DEFAULTS["unauthenticatedPerAddress"]
            or self._waiting.total() >= DEFAULTS["unauthenticatedTotal"]
        ):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")
        if self._given.accept_upgrade_token and len(request.headers.get_all("Authorization")) > 1:
            return connection.respond(HTTPStatus.BAD_REQUEST, "")
        return None

    def select(self, _: ServerConnection, offered: Any) -> Any:
        """The first subprotocol in the client's order; None leads to close code 4406 behind the 101 response."""
        return next((name for name in offered if name in self._profile["prt"]), None)

    def _upgrade_token(self, connection: ServerConnection) -> str | None:
        if not self._given.accept_upgrade_token or connection.request is None:
            return None
        scheme, _, token = connection.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() in ("bearer", "dpop") and token.strip() else None

    # One connection

    def _endpoint(self, connection: ServerConnection) -> Server:
        given = self._given
        keys = json.loads(given.jwks.read_text("utf-8"))["keys"]
        return Server(
            ServerSettings(
                server_id=given.server_id,
                now=time.time(),
                rnd=os.urandom(32),
                msg=dict(given.limit).get("messageBytes", DEFAULTS["messageBytes"]),
                limits=dict(given.limit),
                ephemeral=fresh.for_suites(),
                policy=self._policy,
                identity=json.loads(given.identity.read_text("utf-8"))["keys"],
                support=self._profile,
                pop=given.pop,
                order=given.order,
                issuers=[Issuer(given.issuer, given.audience or given.server_id, keys)],
                upgrade_token=self._upgrade_token(connection),
            )
        )

    async def handle(self, connection: ServerConnection) -> None:
        number, address = next(self._numbers), str(connection.remote_address[0])
        protocol = connection.subprotocol
        if protocol is None:
            await connection.close(4406, "negotiate")
            return
        endpoint = self._endpoint(connection)
        overrun = connection.overrun if isinstance(connection, CountingConnection) else None
        link = Link(endpoint, connection, lambda event: print_line({**event, "connection": number}), overrun)
        link.on_outcome = lambda outcome: self._react(link, outcome, address)
        self._open[address] += 1
        self._waiting[address] += 1
        link.opened.add_done_callback(lambda _: self._waiting.subtract([address]))
        try:
            await link.run(protocol)
        finally:
            self._open[address] -= 1

    def _react(self, link: Link, outcome: Outcome, address: str) -> None:
        """What this application does on its own: reflects and asks."""
        commands: list[Command] = []
        if outcome.opened is not None and self._given.ask:
            commands.append(partial(Endpoint.request, top=self._given.ask, data={"from": "python"}))
        for item in outcome.deliver:
            if item.top == self._given.reflect and not item.req:
                commands.append(partial(Endpoint.send, top=item.top, data=item.data))
        for command in commands:
            task = asyncio.ensure_future(link.do(command))
            self._tasks.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(self._tasks.discard)


async def main() -> None:
    given = options()
    service = Service(given)
    server = await serve(
        service.handle,
        given.host,
        given.port,
        origins=[None, *given.origin],
        select_subprotocol=service.select,
        process_request=service.admit,
        create_connection=CountingConnection,
        compression=None,
        max_size=WEBSOCKET_MAX_SIZE,
        ping_interval=None,
        close_timeout=2,
        server_header=None,
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    print_line({"event": "listening", "port": next(iter(server.sockets)).getsockname()[1]})
    await stop.wait()
    server.close(close_connections=True)
    await server.wait_closed()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
