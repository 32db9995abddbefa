"""How a session loses its connection and how it ends (session.md, section 13; lifecycle.md, sections 1 and 7)."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from .connection import ENDED
from .errors import COARSE_NAME, PEER_ERROR, Refused, close_of
from .frames import Message
from .outcome import Closing, Ended, Ending
from .session import Session
from .settings import ENDS, LOSES, PINGS, Deadline

if TYPE_CHECKING:
    from .endpoint import Endpoint


class SessionEnding:
    """The states of one session: open, lost, closing."""

    def __init__(self, endpoint: "Endpoint", session: Session) -> None:
        self._endpoint, self.session = endpoint, session
        self._limits, self._time = session.limits, session.time
        self._initiator = False
        self._bye_deadline: float | None = None
        self._lost_at: float | None = None
        self._pinged_at = self._time.clock

    @property
    def state(self) -> str:
        if self._bye_deadline is not None:
            return "closing"
        return "open" if self.session.connection is not None else "lost"

    def receive(self, message: Message) -> None:
        self.session.receive(message)
        if self.session.peer_bye is None:
            return
        if self._bye_deadline is None:
            self.session.say_bye()
            self._begin_closing(initiator=False)
        elif self._initiator:
            self._finish((1000, "normal"), self._peer_word())

    def close(self) -> None:
        if self.session.connection is None:
            self._finish(None, Ending("E_TRUNCATED", "local"))
        elif self._bye_deadline is None:
            self.session.say_bye()
            self._begin_closing(initiator=True)

    def _begin_closing(self, initiator: bool) -> None:
        self._initiator = initiator
        self.session.chains.clear()  # `bye` is the end, also where the connection goes before the close
        self._bye_deadline = self._time.clock + self._limits["byeSeconds"]

    def drop(self) -> None:
        """The connection is gone."""
        if self.session.is_resumable and self._bye_deadline is None:
            self._lose()
        else:
            self._finish(None, self._closing_error())

    def _lose(self) -> None:
        number = self.session.connection
        assert number is not None
        self._endpoint.connections[number].state = ENDED
        self.session.lose()
        self.note_lost()

    def note_lost(self) -> None:
        self._lost_at = self._time.clock

    def found(self) -> None:
        self._lost_at, self._pinged_at = None, self._time.clock

    def fail(self, refusal: Refused) -> None:
        """A fatal error."""
        code = close_of(refusal)
        name = COARSE_NAME[code]
        session = self.session
        if session.connection is not None and self._bye_deadline is None:
            with suppress(Refused):  # where the keys are used up the connection ends without a `bye`
                session.say_bye(name)
        self._finish((code, name) if session.connection is not None else None, Ending(refusal.code, refusal.step))

    def _closing_error(self) -> Ending | None:
        """Why a connection ended that is gone, or was waited for long enough."""
        return self._peer_word() if self.session.peer_bye else Ending("E_TRUNCATED", "local")

    def _peer_word(self) -> Ending | None:
        """The error that a `bye` with a code stands for."""
        bye = self.session.peer_bye
        if bye is None or bye.code in (None, "normal"):
            return None
        return Ending(PEER_ERROR[str(bye.code)], "local", peer=True)

    def _finish(self, close: tuple[int, str] | None, error: Ending | None) -> None:
        session, out = self.session, self._endpoint.out
        away = error is not None and error.peer and error.error == "E_CLOSED"
        clean = session.sent_bye and session.peer_bye is not None and (error is None or away)
        session.finish(error.error if error else "E_CLOSED")
        if session.connection is not None:
            self._endpoint.connections[session.connection].state = ENDED
            out.close = Closing(session.connection, *close) if close else None
            session.connection = None
        out.error = error
        self._endpoint.session_ended(Ended(clean, session.peer_bye is None, *session.window_report()))

    # Time

    def deadlines(self) -> Iterator[Deadline]:
        session = self.session
        if self._bye_deadline is not None:
            yield self._bye_deadline, ENDS, self._stop_waiting
            return
        yield session.clock_at(session.end), ENDS, lambda: self.fail(Refused("E_SESSION_EXPIRED", "session"))
        if self._lost_at is not None:
            yield self._lost_at + session.terms.res, LOSES, self._give_up
        else:
            yield session.last_received + self._limits["idleSeconds"], LOSES, lambda: self._break_off("E_IDLE")
            if session.rekeying.deadline is not None:
                yield session.rekeying.deadline, LOSES, lambda: self._break_off("E_TIMEOUT_HS")
            if not session.terms.is_client:
                yield self._pinged_at + self._limits["heartbeatSeconds"], PINGS, self._ping
        yield from session.deadlines()

    def _ping(self) -> None:
        self._pinged_at = self._time.clock
        self.session.ping()

    def _break_off(self, error: str) -> None:
        """The connection is of no use any more; where the session can be resumed it goes on without it, and without `bye`."""
        number, refusal = self.session.connection, Refused(error, "local")
        if not self.session.is_resumable or number is None:
            self.fail(refusal)
            return
        self._lose()
        code = close_of(refusal)
        self._endpoint.out.close = Closing(number, code, COARSE_NAME[code])

    def _give_up(self) -> None:
        self._finish(None, Ending("E_TRUNCATED", "local"))

    def _stop_waiting(self) -> None:
        """The peer did not close in time. An end without an error of its own closes with 1000."""
        self._finish((1000, "normal"), self._closing_error())
