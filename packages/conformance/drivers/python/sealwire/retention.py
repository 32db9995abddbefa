"""What a sender keeps until it is acknowledged, and when a receiver acknowledges (lifecycle.md, section 6)."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .claims import Outgoing
from .control import Ref
from .errors import Refused
from .outcome import Undetermined


@dataclass
class Draft:
    """What the application sends, before it has a number; its life began with the call."""

    top: str
    data: Any
    exp: int
    req: bool = False
    ref: Ref | None = None
    jti: str | None = None
    iat: int | None = None  # of a message with `jti` that had a number in another session
    size: int = 0  # bytes of the claims, while it waits

    def message(self, seq: int, iat: int | None) -> Outgoing:
        return Outgoing(seq, self.exp, self.top, self.data, self.jti, iat, self.ref, self.req)


@dataclass(frozen=True)
class Kept:
    message: Outgoing
    size: int  # bytes of the claims

    @property
    def undetermined(self) -> list[Undetermined]:
        """Each item of a batch by itself."""
        message = self.message
        if message.bat is None:
            return [Undetermined(message.seq, message.top, message.jti)]
        return [Undetermined(message.seq, item.top, index=index) for index, item in enumerate(message.items)]


class Retention:
    """Own application messages, by number; and those that wait for a connection, or until there is room for them."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._most_messages, self._most_bytes = limits["retainedMessages"], limits["retainedBytes"]
        self._most_queued, self._most_queued_bytes = limits["queuedMessages"], limits["queuedBytes"]
        self._kept: dict[int, Kept] = {}
        self._messages = self._bytes = 0
        self.waiting: deque[Draft] = deque()

    @property
    def is_full(self) -> bool:
        return self._messages >= self._most_messages or self._bytes >= self._most_bytes

    def queue(self, draft: Draft, size: int) -> None:
        """`size` is that of its claims."""
        queued = sum(each.size for each in self.waiting) + size
        if len(self.waiting) >= self._most_queued or queued > self._most_queued_bytes:
            raise Refused("E_QUEUE_FULL", "local")
        draft.size = size
        self.waiting.append(draft)

    def keep(self, kept: Kept) -> None:
        """Or what it has become, since others joined it. A batch is as many messages as it has items."""
        if kept.message.seq in self._kept:
            self._drop(kept.message.seq)
        self._kept[kept.message.seq] = kept
        self._messages += len(kept.message.items)
        self._bytes += kept.size

    def get(self, seq: int) -> Outgoing | None:
        kept = self._kept.get(seq)
        return kept.message if kept else None

    def acknowledge(self, rcv: int) -> None:
        for seq in [seq for seq in self._kept if seq <= rcv]:
            self._drop(seq)

    def expire(self, now: int) -> list[Undetermined]:
        gone = [kept for kept in self._kept.values() if kept.message.exp <= now]
        for kept in gone:
            self._drop(kept.message.seq)
        return [each for kept in gone for each in kept.undetermined]

    def next_expiry(self) -> int | None:
        return min((kept.message.exp for kept in self._kept.values()), default=None)

    def idempotent(self) -> list[Draft]:
        """What can be sent in another session, with its `jti`, its `iat` and its end."""
        messages = (kept.message for kept in self._kept.values())
        kept = [Draft(it.top, it.data, it.exp, jti=it.jti, iat=it.iat) for it in messages if it.jti is not None]
        return kept + [draft for draft in self.waiting if draft.jti is not None]

    def withdraw(self, seq: int) -> list[Undetermined]:
        """A message that is not sent again."""
        gone = self._kept[seq].undetermined
        self._drop(seq)
        return gone

    def undetermined(self) -> list[Undetermined]:
        return [each for kept in self._kept.values() for each in kept.undetermined]

    def _drop(self, seq: int) -> None:
        gone = self._kept.pop(seq)
        self._messages -= len(gone.message.items)
        self._bytes -= gone.size


class Acknowledging:
    """Counts what was committed since the last control message with `rcv`."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._most_messages, self._most_bytes = limits["ackMessages"], limits["ackBytes"]
        self._seconds = limits["ackSeconds"]
        self.sent_rcv()

    def sent_rcv(self) -> None:
        self._messages = self._bytes = 0
        self.deadline: float | None = None

    def committed(self, messages: int, size: int, clock: float) -> None:
        """A batch is as many messages as it has items."""
        self._messages, self._bytes = self._messages + messages, self._bytes + size
        if self.deadline is None:
            self.deadline = clock + self._seconds

    @property
    def is_due(self) -> bool:
        return self._messages >= self._most_messages or self._bytes >= self._most_bytes
