"""What both ends share: connections, the session that goes from one to the next, and the calls of the application.

A pure machine. The caller tells it what arrived and how much time passed; every call answers with an Outcome.
"""

from collections.abc import Callable, Iterator, Sequence

from .channel import Channel, Terms
from .connection import CARRIES, ENDED, Connection
from .ending import SessionEnding
from .errors import COARSE_NAME, CallerError, Refused, close_of
from .frames import Message
from .limits import DEFAULTS
from .outcome import Closing, Ended, Ending, Epoch, Failed, Opened, Outcome
from .schedule import Traffic
from .session import Session
from .settings import Deadline, Draw, Settings, Time

SUPERSEDED = (4409, "superseded")

# What the application asks of a session in a turn; None is the end of it.
Call = Callable[[Session], None] | None


def sending(top: str, data: object, ttl: int | None = None, jti: str | None = None) -> Callable[[Session], None]:
    return lambda session: session.send(top, data, ttl, req=False, jti=jti)


def requesting(top: str, data: object, ttl: int | None = None) -> Callable[[Session], None]:
    return lambda session: session.send(top, data, ttl, req=True, jti=None)


class Endpoint:
    def __init__(self, settings: Settings) -> None:
        self._common = settings
        self.limits = {**DEFAULTS, **settings.limits}
        self.time = Time(settings.now)
        self.connections: list[Connection] = []
        self.session: Session | None = None  # the newest one, also when it is over
        self._ending: SessionEnding | None = None
        self.out = Outcome()
        self.ended: Ended | None = None  # how the newest session, or the connection before any, ended

    # What the caller does. `conn` numbers connections from 0; without it the newest one is meant

    def receive(self, *messages: Message, conn: int | None = None) -> Outcome:
        return self._step(lambda: self._receive_all(self._at(conn), messages), conn)

    def tick(self, seconds: float) -> Outcome:
        return self._step(lambda: self._pass_time(self.time.clock + seconds))

    def drop(self, conn: int | None = None) -> Outcome:
        return self._step(lambda: self._drop(self._at(conn)), conn)

    def fail(self, code: str, step: str, conn: int | None = None) -> Outcome:
        """An error that the caller found, such as one of its WebSocket layer."""
        return self._step(lambda: self._end(self._at(conn), Refused(code, step)), conn)

    def close(self, conn: int | None = None) -> Outcome:
        return self._step(lambda: self._close(self._at(conn)), conn)

    def send(self, top: str, data: object, ttl: int | None = None, jti: str | None = None) -> Outcome:
        return self._step(lambda: self._attempt(sending(top, data, ttl, jti)))

    def request(self, top: str, data: object, ttl: int | None = None) -> Outcome:
        return self._step(lambda: self._attempt(requesting(top, data, ttl)))

    def rekey(self) -> Outcome:
        return self._step(self._rekey)

    def seconds_to_deadline(self) -> float | None:
        """How long the caller can wait for a message before it has to `tick`."""
        times = [at for at, _, _ in self._deadlines()]
        return max(0.0, min(times) - self.time.clock) if times else None

    # One step

    def _at(self, conn: int | None) -> Connection:
        return self.connections[-1 if conn is None else conn]

    def _begin(self, connection: Connection) -> Outcome:
        self.connections.append(connection)
        return self._step(lambda: self._guard(connection, connection.start))

    def turn(self, calls: Sequence[Call]) -> Outcome:
        """Several calls in one turn: None closes the session in order."""

        def make() -> None:
            for number, call in enumerate(calls):
                if call is None:
                    self._close(self._at(None))
                else:
                    self._attempt(call, number)

        return self._step(make)

    def _attempt(self, call: Callable[[Session], None], number: int | None = None) -> None:
        """A call of the application that can be refused without an end; of several refusals the first is told."""
        try:
            if self._ending is None:
                raise Refused("E_CLOSED", "local")
            call(self._ending.session)
        except (CallerError, Refused) as refusal:
            if self.out.thrown is None:
                self.out.thrown = "TypeError" if isinstance(refusal, CallerError) else refusal.code
                self.out.thrown_call = number
            if isinstance(refusal, Refused) and refusal.code == "E_KEY_LIMIT":
                raise

    def _step(self, action: Callable[[], None], conn: int | None = None) -> Outcome:
        self.out = out = Outcome()
        channel, before = self._channel, self._epochs()
        if self.session is not None:
            self.session.out = out
        try:
            action()
            self._do_what_is_due()
        except Refused as refusal:
            self._end(None, refusal)
        after = self._epochs()
        if channel is self._channel and before != after:
            out.epoch = after
        connection = self._at(conn)
        out.state = self.state if self.session is not None else connection.state
        out.attempt = connection.state if self.session is not None and connection.waits else None
        return out

    def _do_what_is_due(self) -> None:
        if self._ending is not None:
            self._ending.session.do_what_is_due()

    @property
    def _channel(self) -> Channel | None:
        return self._ending.session.channel if self._ending is not None else None

    def _epochs(self) -> Epoch | None:
        channel = self._channel
        return Epoch(channel.send_epoch, channel.receive_epoch) if channel is not None else None

    @property
    def state(self) -> str:
        """Of the session, or before the first one of the newest connection."""
        if self.session is None:
            return self.connections[-1].state if self.connections else ""
        return self._ending.state if self._ending is not None else ENDED

    def _guard(self, connection: Connection, action: Callable[[], None]) -> None:
        """What a connection finds before it carries the session ends that connection alone."""
        carried = connection.state == CARRIES
        try:
            action()
        except Refused as refusal:
            self._end(connection if not carried else None, refusal)

    def _receive_all(self, connection: Connection, messages: Sequence[Message]) -> None:
        for index, message in enumerate(messages):
            if connection.state == ENDED:
                return
            self._receive(connection, message, messages[index + 1 :])
            self._do_what_is_due()

    def _receive(self, connection: Connection, message: Message, behind: Sequence[Message]) -> None:
        if connection.state == CARRIES:
            assert self._ending is not None
            self._ending.receive(message)
        else:
            self._guard(connection, lambda: connection.receive(message, behind))

    def _rekey(self) -> None:
        if self._ending is not None and self._ending.state == "open":
            self._ending.session.rekeying.propose()

    # Connections

    def draw(self) -> Draw:
        return next(self._common.draws)

    def open_session(
        self, connection: Connection, terms: Terms, traffic: Traffic, offset: float, opened: Opened, longest_end: int
    ) -> Session:
        channel = Channel(terms, traffic, connection.wire, self.time.clock)
        session = Session(
            terms,
            channel,
            connection.number,
            self.limits,
            self._common.policy,
            self.time,
            offset,
            opened,
            longest_end,
            self.draw,
            self.out,
        )
        self.session, self._ending = session, SessionEnding(self, session)
        self.out.opened = opened
        connection.state = CARRIES
        return session

    def carry(self, connection: Connection) -> None:
        """The session has taken up this connection."""
        connection.state = CARRIES
        assert self._ending is not None
        self._ending.found()

    def supersede(self, session: Session) -> None:
        """Leaves the connection that the session is on."""
        if session.connection is not None:
            self.connections[session.connection].state = ENDED
            self.out.superseded = Closing(session.connection, *SUPERSEDED)
            session.lose()

    def fail_connection(self, connection: Connection, refusal: Refused) -> None:
        """A fatal error of a connection that carries no session."""
        code = close_of(refusal)
        name = COARSE_NAME[code]
        connection.tell_end(name)
        self.end_connection(connection, Ending(refusal.code, refusal.step), Closing(connection.number, code, name))

    def end_connection(self, connection: Connection, error: Ending | None, close: Closing | None) -> None:
        connection.state = ENDED
        if self.session is not None:
            self.out.failed = Failed(connection.number, error, close)
            return
        self.out.error, self.out.close = error, close
        self.out.ended = self.ended = Ended(clean=False, truncated=False)

    # Ends

    def _end(self, connection: Connection | None, refusal: Refused) -> None:
        if connection is not None and connection.waits:
            self.fail_connection(connection, refusal)
        elif self._ending is not None and (connection is None or connection.state == CARRIES):
            self._ending.fail(refusal)

    def _close(self, connection: Connection) -> None:
        if self._ending is not None:
            self._ending.close()
        elif connection.waits:
            self.end_connection(connection, None, Closing(connection.number, 1000, "normal"))

    def _drop(self, connection: Connection) -> None:
        if connection.waits:
            self.end_connection(connection, None, None)
        elif connection.state == CARRIES:
            assert self._ending is not None
            self._ending.drop()

    def session_ended(self, ended: Ended) -> None:
        self._ending = None
        self.out.ended = self.ended = ended

    # Time

    def _deadlines(self) -> Iterator[Deadline]:
        if self._ending is not None:
            yield from self._ending.deadlines()
        for connection in self.connections:
            if connection.waits:
                yield from connection.deadlines()

    def _pass_time(self, target: float) -> None:
        while due := [deadline for deadline in self._deadlines() if deadline[0] <= target]:
            at, _, action = min(due, key=lambda deadline: deadline[:2])
            self.time.clock = max(self.time.clock, at)
            try:
                action()
                self._do_what_is_due()
            except Refused as refusal:
                self._end(None, refusal)
        self.time.clock = target
