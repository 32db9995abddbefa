"""Order within a session, and stores for envelopes outside of one (replay.md)."""

import hashlib
from typing import Protocol

from .errors import Refused
from .limits import DEFAULTS


class Order(Protocol):
    """Which sequence numbers of the peer are acceptable. `check` changes nothing; `commit` follows in step commit alone."""

    last: int  # the highest number committed

    def check(self, seq: int, step: str) -> None: ...
    def commit(self, seq: int) -> None: ...


class Strict:
    """Strictly by one."""

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def check(self, seq: int, step: str) -> None:
        if seq == 0 or seq > self.last + 1:
            raise Refused("E_SEQ", step)
        if seq <= self.last:
            raise Refused("E_REPLAY", step)

    def commit(self, seq: int) -> None:
        self.last = seq


class Window:
    """Each number once, up to `size` behind the highest one: the bitmap of RFC 6479."""

    def __init__(self, size: int = DEFAULTS["replayWindow"]) -> None:
        self.last = 0
        self.committed = 0
        self._size = size
        self._words = [0] * ((size + 30) // 32 + 1)

    def check(self, seq: int, step: str) -> None:
        if seq == 0:
            raise Refused("E_SEQ", step)
        if seq > self.last:
            return
        if self.last - seq >= self._size or self._words[self._place(seq)] >> (seq % 32) & 1:
            raise Refused("E_REPLAY", step)

    def commit(self, seq: int) -> None:
        if seq > self.last:
            steps = min(seq // 32 - self.last // 32, len(self._words))
            for step in range(1, steps + 1):
                self._words[self._place(self.last + 32 * step)] = 0
            self.last = seq
        self._words[self._place(seq)] |= 1 << (seq % 32)
        self.committed += 1

    @property
    def missing(self) -> int:
        return self.last - self.committed

    def _place(self, seq: int) -> int:
        return seq // 32 % len(self._words)


def is_dropped_in_window(refusal: Refused) -> bool:
    """The failures that window order passes over, up to limit replayDrops (replay.md, section 5.2)."""
    in_claims = (refusal.code, refusal.step) == ("E_REPLAY", "claims")
    return in_claims or refusal.step in ("header", "sequence", "crypto")


def _lp(text: str) -> bytes:
    data = text.encode("utf-8")
    return len(data).to_bytes(4, "big") + data


def replay_key(receiver: str, iss: str, jti: str) -> bytes:
    return hashlib.sha256(b"sealwire1 jti\0" + _lp(receiver) + _lp(iss) + _lp(jti)).digest()


class MemoryStore:
    """A store of one process. What ended is dropped; what could still be accepted is never dropped for room."""

    def __init__(self, capacity: int, skew: int, started_at: int | None = None) -> None:
        self._capacity = capacity
        self._skew = skew
        self._started_at = started_at
        self._latest = -1  # what ended by then may have been dropped: whoever sets the clock back finds the store closed
        self._entries: dict[bytes, tuple[int, str]] = {}
        self._of_issuer: dict[str, int] = {}

    def insert(self, now: int, receiver: str, iss: str, jti: str, iat: int | None, exp: int) -> None:
        """Raises Refused for an envelope that is not new, or of which the store cannot tell.

        `iat` is None for what cannot have been delivered before the store began.
        """
        self._latest = max(self._latest, now)
        self._drop_ended()
        key, end = replay_key(receiver, iss, jti), exp + 2 * self._skew
        if self._started_at is not None and iat is not None and iat <= self._started_at + self._skew:
            raise Refused("E_REPLAY_STORE", "deliver")
        if key in self._entries:
            raise Refused("E_REPLAY", "deliver")
        share = max(1, self._capacity * DEFAULTS["replayIssuerShare"] // 100)
        held = self._of_issuer.get(iss, 0)
        if end <= self._latest or len(self._entries) >= self._capacity or held >= share:
            raise Refused("E_REPLAY_STORE", "deliver")
        self._entries[key] = (end, iss)
        self._of_issuer[iss] = held + 1

    def _drop_ended(self) -> None:
        ended = [key for key, (end, _) in self._entries.items() if end <= self._latest]
        for key in ended:
            _, iss = self._entries.pop(key)
            self._of_issuer[iss] -= 1
