"""One WebSocket: reads into its host, writes what the host says, and closes."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from sealwire.endpoint import Endpoint
from sealwire.frames import Message, size_of
from sealwire.limits import DEFAULTS
from sealwire.outcome import Outcome

from .host import Host
from .report import Tell

# Larger than any message that is taken, so that the endpoint refuses it and not the WebSocket library.
WEBSOCKET_MAX_SIZE = 2 * DEFAULTS["messageBytes"]
_VIOLATIONS = (1002, 1007)


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
        self,
        host: Host[Any],
        websocket: Connection,
        tell: Tell,
        start: Callable[[], Outcome],
        overrun: asyncio.Event | None = None,
    ) -> None:
        """`tell` prints an event of this connection; `overrun` is set when its socket received more than it may before SR."""
        self._websocket, self.tell = websocket, tell
        self._overrun = overrun or asyncio.Event()
        self._outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self._close: tuple[int, str] | None = None
        self._closing = asyncio.Event()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.route: Callable[[Message], None] = lambda message: None  # sees the first message before the host does
        self.move(host, start)

    def move(self, host: Host[Any], start: Callable[[], Outcome]) -> None:
        """The connection is one of this host."""
        self._host, self._number = host, host.attach(self, start)

    # What the host says

    def send(self, message: Message) -> None:
        self._outgoing.put_nowait(message)

    def close(self, code: int, reason: str) -> None:
        self._close = (code, reason)
        self._closing.set()

    def note_open(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)

    def cut(self) -> None:
        """Ends the connection as a network would."""
        self._websocket.transport.abort()

    # From the 101 response to the end

    async def run(self) -> None:
        works = (self._read(), self._write(), self._closing.wait(), self._count())
        reading, writing, closing, counting = (asyncio.ensure_future(work) for work in works)
        flushing = None
        try:
            await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.is_set():
                flushing = asyncio.ensure_future(self._outgoing.join())
                await asyncio.wait({flushing, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = [task for task in (reading, writing, closing, counting, flushing) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self.opened.done():
                self.opened.cancel()
        if self._close is not None:
            await self._websocket.close(*self._close)

    async def _count(self) -> None:
        await self._overrun.wait()
        if not self.opened.done():
            self._host.do(partial(self._host.endpoint.fail, "E_TOO_BIG", "frame", self._number))

    async def _write(self) -> None:
        while True:
            message = await self._outgoing.get()
            try:
                await asyncio.wait_for(self._websocket.send(message), DEFAULTS["idleSeconds"])
            except (ConnectionClosed, TimeoutError):
                return  # the end is reported by the reading side
            self._outgoing.task_done()

    async def _read(self) -> None:
        throttle, is_first = Throttle(), True
        while True:
            try:
                message, fragments = await self._next_message()
            except ConnectionClosed as closed:
                self._host.do(partial(self._lost, closed))
                return
            if is_first:
                self.route(message)
                is_first = False
            endpoint = self._host.endpoint
            if fragments > DEFAULTS["fragments"]:
                self._host.do(partial(endpoint.fail, "E_TOO_BIG", "frame", self._number))
                return
            outcome = self._host.do(partial(endpoint.receive, message, conn=self._number))
            await throttle.spend(max(1, len(outcome.deliver) + len(outcome.refused)), size_of(message))
            await self._outgoing.join()  # a peer that does not read is not read from

    async def _next_message(self) -> tuple[Message, int]:
        """One message and the number of its fragments."""
        parts = [part async for part in self._websocket.recv_streaming()]
        empty: Any = parts[0][:0]
        return empty.join(parts), len(parts)

    def _lost(self, closed: ConnectionClosed) -> Outcome:
        """The connection is gone; a violation of RFC 6455 that the library answered is E_FRAME."""
        endpoint: Endpoint = self._host.endpoint
        if closed.sent is not None and closed.sent.code in _VIOLATIONS and not closed.rcvd_then_sent:
            return endpoint.fail("E_FRAME", "frame", self._number)
        return endpoint.drop(self._number)
