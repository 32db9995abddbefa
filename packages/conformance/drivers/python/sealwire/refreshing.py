"""Refresh of the access token, from either side (lifecycle.md, section 4)."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .control import Control
from .errors import Refused
from .outcome import Refreshed
from .revocation import signed_part
from .settings import REMINDS, Deadline
from .token import Access

if TYPE_CHECKING:
    from .session import Session

Verify = Callable[[str], Access]


class ServerRefreshing:
    def __init__(self, session: "Session", access: Access, token: str, verify: Verify) -> None:
        """`verify` refuses what would not be taken in CA, revoked tokens included."""
        self._session, self._verify = session, verify
        self.access = access
        self.tokens = {signed_part(token)}  # all that the session has had
        self._remind_at: int | None = None
        self._plan()

    def _plan(self) -> None:
        """`auth-soon` is due once for each end, unless that is the end of the longest life."""
        session, before = self._session, self._session.limits["refreshSeconds"]
        lasts = session.end - session.now() > before
        self._remind_at = session.end - before if lasts and session.end != session.longest_end else None

    def deadlines(self) -> Iterator[Deadline]:
        if self._remind_at is not None:
            yield self._session.clock_at(self._remind_at), REMINDS, self._remind

    def _remind(self) -> None:
        """One that falls due without a connection is not sent."""
        self._remind_at = None
        if self._session.connection is not None:
            self._session.seal_control("auth-soon")

    def on_auth(self, control: Control) -> None:
        session, token = self._session, control.at or ""
        try:
            access = self._verify(token)
        except Refused:
            access = None
        if access is None or not access.is_same(self.access):
            session.seal_control("auth-no", ref=control.seq)
            session.out.not_refreshed = True
            return
        self.access = access
        self.tokens.add(signed_part(token))
        session.end, session.scopes = min(access.exp, session.longest_end), access.scopes
        session.seal_control("auth-ok", ref=control.seq, exp=session.end, scp=access.scopes)
        session.out.refreshed = Refreshed(access.scopes, session.end)
        self._plan()


class ClientRefreshing:
    def __init__(self, session: "Session", token: str) -> None:
        self._session = session
        self.token = token
        self._asked: tuple[int, str] | None = None

    def deadlines(self) -> Iterator[Deadline]:
        return iter(())

    def ask(self, token: str) -> None:
        if self._asked is not None:
            return
        seq, _ = self._session.seal_control("auth", at=token)
        self._asked = (seq, token)

    def forget(self) -> None:
        """The connection is gone: what the server made of the token comes with `resumed`."""
        self._asked = None

    def check(self, control: Control) -> None:
        if self._asked is None or control.ref != self._asked[0]:
            raise Refused("E_STATE", "commit")

    def on_answer(self, control: Control) -> None:
        assert self._asked is not None
        token, self._asked = self._asked[1], None
        session = self._session
        if control.top == "auth-no":
            session.out.not_refreshed = True
            return
        assert control.exp is not None and control.scp is not None
        self.token, session.end, session.scopes = token, control.exp, control.scp
        session.out.refreshed = Refreshed(control.scp, control.exp)
