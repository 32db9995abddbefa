"""The server: one session, and the connections that carry it or try to."""

from . import b64, keys, token
from .endpoint import Endpoint
from .errors import CallerError, Refused
from .outcome import Outcome
from .refreshing import ServerRefreshing
from .renewal import HelloKeys
from .revocation import Revocation
from .schedule import transcript_hash
from .server_handshake import ServerConnection
from .session import Session, Store
from .settings import ServerSettings


class Server(Endpoint):
    def __init__(self, settings: ServerSettings) -> None:
        super().__init__(settings)
        if settings.res and settings.order == "window":
            raise CallerError("a session in window order cannot be resumed")
        self.settings = settings
        self.identity = {key.algorithm: key for key in reversed([keys.configured(jwk) for jwk in settings.identity])}

    def start(self, protocol: str, upgrade_token: str | None = None) -> Outcome:
        """`upgrade_token` came with the upgrade, where the server is set to take one."""
        return self._begin(ServerConnection(self, len(self.connections), protocol, upgrade_token))

    def verify_token(self, text: str) -> token.Access:
        access = token.verify_token(text, list(self.settings.issuers), self.time.now(0))
        if self.settings.revocations.cover(text, access):
            raise Refused("E_TOKEN", "claims")
        return access

    def attach(self, session: Session, access: token.Access, text: str) -> None:
        """What a server adds to a session that opened."""
        session.refreshing = ServerRefreshing(session, access, text, self.verify_token)
        client = access.thumbprint or b64.encode(transcript_hash("bearer", access.issuer.encode(), access.sub.encode()))
        session.store = Store(self.settings.store, self.settings.server_id, client)

    def access_of(self, session: Session) -> token.Access:
        assert isinstance(session.refreshing, ServerRefreshing)
        return session.refreshing.access

    def find_session(self, key_id: object) -> tuple[Session, bytes, HelloKeys] | None:
        """The session whose chain this is the K of."""
        session = self.session
        found = session.chains.find(key_id) if session is not None and isinstance(key_id, str) else None
        return None if session is None or found is None else (session, *found)

    def revoke(self, revocation: Revocation) -> Outcome:
        return self._step(lambda: self._revoke(revocation))

    def _revoke(self, revocation: Revocation) -> None:
        tolerance = max(issuer.tolerance for issuer in self.settings.issuers)
        revocation = self.settings.revocations.add(revocation, self.time.now(0), tolerance)
        session = self.session
        if session is None:
            return
        assert isinstance(session.refreshing, ServerRefreshing)
        if revocation.session == session.sid:
            self.settings.revocations.add_tokens(session.refreshing.tokens)
        elif revocation.session is not None or not revocation.names(session.refreshing.access):
            return
        if self._ending is not None:
            self._ending.fail(Refused("E_REVOKED", "session"))
