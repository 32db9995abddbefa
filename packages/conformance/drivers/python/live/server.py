"""The server: echoes, reflects and prints what happened as JSON lines. See README.md for its command line."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from sealwire import fresh
from sealwire.frames import Message
from sealwire.limits import DEFAULTS
from sealwire.outcome import Outcome
from sealwire.replay import MemoryStore
from sealwire.server import Server
from sealwire.server_resume import resumed_key_id
from sealwire.settings import Policy, ServerSettings
from sealwire.token import Issuer

from .host import Host
from .link import WEBSOCKET_MAX_SIZE, Link
from .options import HANDLERS, add_profile, profile
from .report import print_line


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
    parser.add_argument("--res", type=int, default=0, help="pol.res: seconds for which a session can be resumed")
    parser.add_argument("--rekey", help="a message on this topic makes the server propose new keys")
    parser.add_argument("--cut", help="a message on this topic makes the server cut the connection")
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
        self._hosts: set[Host[Server]] = set()
        self._store = MemoryStore(DEFAULTS["replayEntries"], DEFAULTS["skewSeconds"])
        handlers = dict.fromkeys(given.echo, HANDLERS["echo"]) | dict.fromkeys(given.fail, HANDLERS["fail"])
        topics = [*given.allow, *handlers, *filter(None, (given.reflect, given.rekey, given.cut))]
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

    def _endpoint(self) -> Server:
        given = self._given
        keys = json.loads(given.jwks.read_text("utf-8"))["keys"]
        return Server(
            ServerSettings(
                server_id=given.server_id,
                now=time.time(),
                draws=fresh.draws(),
                msg=dict(given.limit).get("messageBytes", DEFAULTS["messageBytes"]),
                limits=dict(given.limit),
                policy=self._policy,
                identity=json.loads(given.identity.read_text("utf-8"))["keys"],
                support=self._profile,
                pop=given.pop,
                order=given.order,
                res=given.res,
                issuers=[Issuer(given.issuer, given.audience or given.server_id, keys)],
                store=self._store,
            )
        )

    async def handle(self, connection: ServerConnection) -> None:
        number, address = next(self._numbers), str(connection.remote_address[0])
        protocol = connection.subprotocol
        if protocol is None:
            await connection.close(4406, "negotiate")
            return

        def tell(event: dict[str, Any]) -> None:
            print_line({**event, "connection": number})

        host, token = Host(self._endpoint(), tell), self._upgrade_token(connection)
        host.on_outcome = partial(self._react, host)
        overrun = connection.overrun if isinstance(connection, CountingConnection) else None
        link = Link(host, connection, tell, partial(host.endpoint.start, protocol, token), overrun)
        link.route = partial(self._route, link, host, protocol, token)
        self._hosts.add(host)
        self._open[address] += 1
        self._waiting[address] += 1
        link.opened.add_done_callback(lambda _: self._waiting.subtract([address]))
        try:
            await link.run()
        finally:
            self._open[address] -= 1
            self._forget_ended()

    def _route(self, link: Link, host: Host[Server], protocol: str, token: str | None, message: Message) -> None:
        """A resume belongs to the host of its session, and every other first message to the host of its own connection."""
        key_id = resumed_key_id(message)
        other = next((each for each in self._hosts if each.endpoint.find_session(key_id) is not None), None)
        if other is not None:
            self._hosts.discard(host)
            host.stop()
            link.move(other, partial(other.endpoint.start, protocol, token))

    def _forget_ended(self) -> None:
        for host in [host for host in self._hosts if host.is_over]:
            self._hosts.discard(host)
            host.stop()

    def _react(self, host: Host[Server], outcome: Outcome) -> None:
        """What this application does on its own: reflects, asks, renews keys and cuts connections."""
        given, endpoint = self._given, host.endpoint
        commands: list[Callable[[], Any]] = []
        if outcome.opened is not None and given.ask:
            commands.append(partial(host.do, partial(endpoint.request, given.ask, {"from": "python"})))
        for item in outcome.deliver:
            if item.req:
                continue
            if item.top == given.reflect:
                commands.append(partial(host.do, partial(endpoint.send, item.top, item.data)))
            if item.top == given.rekey:
                commands.append(partial(host.do, endpoint.rekey))
            if item.top == given.cut and host.carrier is not None:
                commands.append(host.carrier.cut)
        for command in commands:
            asyncio.get_running_loop().call_soon(command)


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
