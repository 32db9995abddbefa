"""What a server knows to be revoked (lifecycle.md, section 5)."""

import hashlib
from dataclasses import dataclass, field, replace

from .token import Access


@dataclass(frozen=True)
class Revocation:
    """Exactly one of: a session, a token of an issuer, a subject before a time, a proof key."""

    session: str | None = None
    token_id: str | None = None
    subject: str | None = None
    thumbprint: str | None = None
    issuer: str | None = None
    issued_before: float | None = None  # of a subject; None: whatever was issued by the time it is made known

    def names(self, access: Access) -> bool:
        """Whether it names this token, its subject or its key."""
        if self.thumbprint is not None:
            return access.thumbprint == self.thumbprint
        if access.issuer != self.issuer:
            return False
        if self.token_id is not None:
            return bool(access.jti == self.token_id)
        return access.sub == self.subject and (access.iat is None or access.iat < (self.issued_before or 0))


def signed_part(token: str) -> bytes:
    """What names a token without `jti`: a JWS has several spellings of its signature, and one of what is signed."""
    return hashlib.sha256(token.rpartition(".")[0].encode("ascii")).digest()


@dataclass
class Revocations:
    """Shared by all sessions of a server."""

    _made: list[Revocation] = field(default_factory=list)
    _tokens: set[bytes] = field(default_factory=set)

    def add(self, revocation: Revocation, now: int, tolerance: int) -> Revocation:
        """As it counts from now on. `tolerance`: seconds by which the clock of an issuer can be ahead."""
        if revocation.subject is not None and revocation.issued_before is None:
            revocation = replace(revocation, issued_before=now + tolerance + 1)  # `iat` counts whole seconds
        self._made.append(revocation)
        return revocation

    def add_tokens(self, parts: set[bytes]) -> None:
        """The tokens of a session that was revoked."""
        self._tokens |= parts

    def cover(self, token: str, access: Access) -> bool:
        if signed_part(token) in self._tokens:
            return True
        return any(revocation.session is None and revocation.names(access) for revocation in self._made)
