"""One endpoint in real time: its timers, and the WebSockets of its connections."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from sealwire.endpoint import Endpoint
from sealwire.outcome import Closing, Outcome

from . import report
from .report import Tell

if TYPE_CHECKING:
    from .link import Link

E = TypeVar("E", bound=Endpoint)


class Host(Generic[E]):
    def __init__(self, endpoint: E, tell: Tell) -> None:
        """`tell` gets the events of the session while no connection carries it."""
        self.endpoint, self._tell = endpoint, tell
        self._loop = asyncio.get_running_loop()
        self._ticked = self._loop.time()
        self._links: dict[int, Link] = {}
        self._carrying: Link | None = None
        self._changed = asyncio.Event()
        self._timer = asyncio.ensure_future(self._keep_time())
        self.on_outcome: Callable[[Outcome], None] = lambda outcome: None

    def attach(self, link: "Link", start: Callable[[], Outcome]) -> int:
        """A further connection; gives its number."""
        number = len(self.endpoint.connections)
        self._links[number] = link
        self.do(start)
        return number

    @property
    def carrier(self) -> "Link | None":
        """The connection that the session is on, or was last."""
        return self._carrying

    def do(self, command: Callable[[], Outcome]) -> Outcome:
        """Runs a call into the endpoint at its time."""
        now = self._loop.time()
        passed, self._ticked = now - self._ticked, now
        if self.endpoint.connections:
            self._show(self.endpoint.tick(passed))
        outcome = command()
        self._show(outcome)
        self._changed.set()
        return outcome

    def stop(self) -> None:
        self._timer.cancel()

    @property
    def is_over(self) -> bool:
        return self.endpoint.state == "closed" and not any(connection.waits for connection in self.endpoint.connections)

    async def _keep_time(self) -> None:
        while True:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), self.endpoint.seconds_to_deadline())
            except TimeoutError:
                self.do(Outcome)

    def _show(self, outcome: Outcome) -> None:
        for sent in outcome.emit:
            self._links[sent.conn].send(sent.message)
        carrier = self.endpoint.session.connection if self.endpoint.session else len(self.endpoint.connections) - 1
        if carrier is not None:
            self._carrying = self._links.get(carrier)
        if (outcome.opened or outcome.resumed) and self._carrying is not None:
            self._carrying.note_open()
        failed = report.failed(outcome)
        if failed is not None and outcome.failed is not None:
            self._links[outcome.failed.conn].tell(failed)
        for event in report.events(outcome):
            (self._carrying.tell if self._carrying is not None else self._tell)(event)
        self.on_outcome(outcome)
        for close in (outcome.superseded, outcome.failed.close if outcome.failed else None, outcome.close):
            self._close(close)

    def _close(self, close: Closing | None) -> None:
        if close is not None:
            self._links[close.conn].close(close.code, close.reason)
