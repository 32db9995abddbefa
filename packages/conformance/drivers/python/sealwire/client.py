"""The client: one session after the other, and the connections that carry it or try to."""

from . import keys
from .channel import Terms
from .client_handshake import ClientHandshake
from .client_resume import ClientResume
from .connection import ENDED, Connection
from .endpoint import SUPERSEDED, Endpoint
from .errors import CLOSE_OF_NAME, COARSE_NAME, PEER_ERROR, CallerError, Refused
from .outcome import Closing, Ending, Opened, Outcome
from .refreshing import ClientRefreshing
from .schedule import Traffic
from .session import Session
from .settings import ClientSettings


class Client(Endpoint):
    def __init__(self, settings: ClientSettings) -> None:
        super().__init__(settings)
        self.settings = settings
        self.pinned = {key.thumbprint: key for key in map(keys.configured, settings.pinned)}
        self.proof = keys.configured(settings.proof_key) if settings.proof_key else None
        self.offer = {name: list(settings.offer[name]) for name in ("prt", "st", "lvl", "sig", "cod")}
        if self.proof is None:
            self.offer["lvl"] = [level for level in self.offer["lvl"] if level not in ("sig", "nest")]
        if not all(self.offer.values()):
            raise CallerError("nothing to offer")

    @property
    def token(self) -> str:
        """The newest one that a server has accepted."""
        session = self.session
        if session is None:
            return self.settings.token
        assert isinstance(session.refreshing, ClientRefreshing)
        return session.refreshing.token

    def start(self, protocol: str, resume: int | None = None) -> Outcome:
        """`resume` is the place of a chain, 0 for the newest. Where it is not held, or too many are, a full handshake begins."""
        number, session = len(self.connections), self.session
        held = session.chains.held if session is not None and self._ending is not None else []
        if session is None or resume is None or resume >= len(held) or len(held) >= self.limits["resumeChains"]:
            return self._begin(ClientHandshake(self, number, protocol))
        return self._begin(ClientResume(self, number, protocol, session, held[resume]))

    def _begin(self, connection: Connection) -> Outcome:
        """Of several attempts the server would take the last and the client the first: an earlier one is given up."""
        earlier = [each for each in self.connections if each.waits]
        self.connections.append(connection)

        def begin() -> None:
            for each in earlier:
                self._give_up(each)
            self._guard(connection, connection.start)

        return self._step(begin)

    def _give_up(self, connection: Connection) -> None:
        close = Closing(connection.number, *SUPERSEDED)
        if isinstance(connection, ClientResume):
            connection.state, self.out.superseded = ENDED, close
        else:
            self.end_connection(connection, None, close)

    def place_of(self, chain: bytes) -> int | None:
        """Where a chain stands now, the newest at 0; None where it is held no more."""
        held = self.session.chains.held if self.session is not None else []
        return held.index(chain) if chain in held else None

    def auth(self, token: str) -> Outcome:
        """Hands the server a new access token."""

        def ask(session: Session) -> None:
            if session.connection is None or session.sent_bye:
                raise Refused("E_CLOSED", "local")
            assert isinstance(session.refreshing, ClientRefreshing)
            session.refreshing.ask(token)

        return self._step(lambda: self._attempt(ask) if self._ending is not None else None)

    def fail_by_peer(self, connection: Connection, name: str) -> None:
        """`sealwire-err` is not authenticated: nobody is logged out by it, and an unknown name says nothing."""
        code = PEER_ERROR.get(name, "E_CLOSED") if name != "revoked" else "E_CLOSED"
        close = CLOSE_OF_NAME.get(name, CLOSE_OF_NAME["internal"])
        ending = Ending(code, "local", peer=True)
        self.end_connection(connection, ending, Closing(connection.number, close, COARSE_NAME[close]))

    def leave(self, session: Session) -> None:
        """Nothing more of the old connection is processed once a resume begins."""
        if session.connection is not None and self._ending is not None:
            self.supersede(session)
            self._ending.note_lost()

    def open_session(
        self, connection: Connection, terms: Terms, traffic: Traffic, offset: float, opened: Opened, longest_end: int
    ) -> Session:
        token, former, carried = self.token, self._ending, []
        if self.session is not None and self.session.sub == opened.sub:
            carried = self.session.retention.idempotent()
        if former is not None:
            self.supersede(former.session)
            former.session.finish("E_CLOSED")
        session = super().open_session(connection, terms, traffic, offset, opened, longest_end)
        session.refreshing = ClientRefreshing(session, token)
        # A server whose clock is behind the one before would take a message from ahead of its SH for new [idem:ahead].
        carried = [draft for draft in carried if draft.iat is None or draft.iat <= terms.began]
        session.retention.waiting.extend(carried if terms.strict else [])
        return session
