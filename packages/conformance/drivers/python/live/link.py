"""Binds one endpoint to one WebSocket: its messages, its timers and its close; and tells what happened as JSON lines."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from sealwire.endpoint import Endpoint
from sealwire.frames import Message, size_of
from sealwire.limits import DEFAULTS
from sealwire.outcome import Outcome

Tell = Callable[[dict[str, Any]], None]
Command = Callable[[Endpoint], Outcome]

# Larger than any message that is taken, so that the endpoint refuses it and not the WebSocket library.
WEBSOCKET_MAX_SIZE = 2 * DEFAULTS["messageBytes"]
_VIOLATIONS = (1002, 1007)


def data_to_json(value: Any) -> Any:
    return {"$bytes": value.hex()} if isinstance(value, bytes) else value


def data_from_json(value: Any) -> Any:
    return bytes.fromhex(value["$bytes"]) if isinstance(value, dict) and set(value) == {"$bytes"} else value


def print_line(event: dict[str, Any]) -> None:
    print(json.dumps(event, separators=(",", ":")), flush=True)


class Throttle:
    """Slows reading down to the rates of the limits; nothing authentic is dropped."""

    def __init__(self) -> None:
        self._buckets = {
            "items": (DEFAULTS["itemsPerSecond"], float(DEFAULTS["itemsBurst"])),
            "bytes": (DEFAULTS["bytesPerSecond"], float(DEFAULTS["bytesPerSecond"])),
        }
        self._full = {name: level for name, (_, level) in self._buckets.items()}
        self._at = asyncio.get_running_loop().time()

    async def spend(self, items: int, size: int) -> None:
        now = asyncio.get_running_loop().time()
        wait = 0.0
        for name, cost in (("items", items), ("bytes", size)):
            rate, level = self._buckets[name]
            level = min(self._full[name], level + (now - self._at) * rate) - cost
            self._buckets[name] = (rate, level)
            wait = max(wait, -level / rate)
        self._at = now
        if wait > 0:
            await asyncio.sleep(wait)


class Link:
    def __init__(
        self, endpoint: Endpoint, websocket: Connection, tell: Tell, overrun: asyncio.Event | None = None
    ) -> None:
        """`overrun` is set when the socket has received more than a connection may before its session."""
        self._endpoint, self._websocket, self._tell = endpoint, websocket, tell
        self._overrun = overrun or asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ticked = self._loop.time()
        self._commands: asyncio.Queue[tuple[Command, asyncio.Future[Outcome]]] = asyncio.Queue()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.on_outcome: Callable[[Outcome], None] = lambda outcome: None

    async def do(self, command: Command) -> Outcome:
        """Runs a call of the application between two messages."""
        done: asyncio.Future[Outcome] = self._loop.create_future()
        self._commands.put_nowait((command, done))
        return await done

    async def run(self, protocol: str) -> None:
        """From the 101 response to the end of the connection."""
        throttle = Throttle()
        await self._show(self._endpoint.start(protocol))
        receiving = asyncio.ensure_future(self._next_message())
        asking = asyncio.ensure_future(self._commands.get())
        counting = asyncio.ensure_future(self._overrun.wait())
        try:
            while self._endpoint.state != "closed":
                await asyncio.wait(
                    {receiving, asking} if self.opened.done() else {receiving, asking, counting},
                    timeout=self._endpoint.seconds_to_deadline(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                await self._tick()
                if counting.done() and not self.opened.done():
                    await self._show(self._endpoint.fail("E_TOO_BIG", "frame"))
                elif asking.done():
                    command, done = asking.result()
                    asking = asyncio.ensure_future(self._commands.get())
                    outcome = command(self._endpoint)
                    await self._show(outcome)
                    done.set_result(outcome)
                elif receiving.done():
                    await self._receive(receiving, throttle)
                    receiving = asyncio.ensure_future(self._next_message())
        finally:
            for task in (receiving, asking, counting):
                task.cancel()
            await asyncio.gather(receiving, asking, counting, return_exceptions=True)
            self._give_up()

    async def _next_message(self) -> tuple[Message, int]:
        """One message and the number of its fragments."""
        parts = [part async for part in self._websocket.recv_streaming()]
        empty: Any = parts[0][:0]
        return empty.join(parts), len(parts)

    async def _receive(self, receiving: "asyncio.Task[tuple[Message, int]]", throttle: Throttle) -> None:
        try:
            message, fragments = receiving.result()
        except ConnectionClosed as closed:
            await self._show(self._lost(closed))
            return
        size = size_of(message)
        if fragments > DEFAULTS["fragments"]:
            await self._show(self._endpoint.fail("E_TOO_BIG", "frame"))
            return
        outcome = self._endpoint.receive(message)
        await self._show(outcome)
        await throttle.spend(max(1, len(outcome.deliver) + len(outcome.refused)), size)

    def _lost(self, closed: ConnectionClosed) -> Outcome:
        """The connection is gone; a violation of RFC 6455 that the library answered is E_FRAME."""
        if closed.sent is not None and closed.sent.code in _VIOLATIONS and not closed.rcvd_then_sent:
            return self._endpoint.fail("E_FRAME", "frame")
        return self._endpoint.drop()

    async def _tick(self) -> None:
        now = self._loop.time()
        passed, self._ticked = now - self._ticked, now
        if self._endpoint.state != "closed":
            await self._show(self._endpoint.tick(passed))

    async def _show(self, outcome: Outcome) -> None:
        for message in outcome.emit:
            try:
                await asyncio.wait_for(self._websocket.send(message), DEFAULTS["idleSeconds"])
            except (ConnectionClosed, TimeoutError):
                break  # the end is reported by the receiving side
        if outcome.opened is not None and not self.opened.done():
            self.opened.set_result(None)
        self._report(outcome)
        self.on_outcome(outcome)
        if outcome.ended is not None:
            self._give_up()
        if outcome.close is not None:
            await self._websocket.close(*outcome.close)

    def _report(self, outcome: Outcome) -> None:
        if outcome.opened is not None:
            self._tell({"event": "opened", **asdict(outcome.opened)})
        if outcome.sent_seq is not None:
            self._tell({"event": "sent", "seq": outcome.sent_seq})
        for name in ("deliver", "settled", "refused", "denied"):
            for item in getattr(outcome, name):
                members = {key: value for key, value in asdict(item).items() if value is not None}
                if "data" in asdict(item) and "error" not in members:
                    members["data"] = data_to_json(item.data)
                self._tell({"event": name, **members})
        if outcome.thrown is not None:
            self._tell({"event": "thrown", "error": outcome.thrown})
        if outcome.ended is not None:
            error = asdict(outcome.error) if outcome.error else {}
            close = {"code": outcome.close[0], "reason": outcome.close[1]} if outcome.close else {}
            ended = {name: value for name, value in asdict(outcome.ended).items() if value is not None}
            self._tell({"event": "ended", **ended, **error, **close})

    def _give_up(self) -> None:
        """Whoever still waits learns that nothing comes."""
        if not self.opened.done():
            self.opened.cancel()
        while not self._commands.empty():
            self._commands.get_nowait()[1].cancel()
