"""The budgets of control messages (session.md, section 11, `ctl:budget`; lifecycle.md, section 6) and of resumes."""

from .control import Control, Ref
from .errors import Refused


class Bucket:
    """Full at first; refills continuously, `rate` units a second."""

    def __init__(self, rate: float, size: int, clock: float) -> None:
        self._rate, self._size = rate, size
        self._level, self._filled_at = float(size), clock

    def left(self, clock: float) -> float:
        self._level = min(self._size, self._level + (clock - self._filled_at) * self._rate)
        self._filled_at = clock
        return self._level

    def check(self, clock: float) -> None:
        if self.left(clock) < 1:
            raise Refused("E_QUOTA", "rate")

    def take(self, clock: float) -> None:
        self._level = self.left(clock) - 1


class ControlBudget:
    """A bucket. Free are the first `pong` to each ping, the first `err` to each item that this end sent, one `ack` to
    each of its application messages, and after a resume the `void` of two buffers."""

    def __init__(self, limits: dict[str, int], clock: float) -> None:
        self._bucket = Bucket(limits["controlPerSecond"], limits["controlBurst"], clock)
        self._most_voids = 2 * limits["retainedMessages"]
        self._voids = 0
        self._acks = 0
        self._pings: set[int] = set()
        self._named: set[tuple[int, ...]] = set()

    def resume(self) -> None:
        """A new connection: what is free begins anew, the bucket does not."""
        self._voids = self._most_voids
        self._pings.clear()

    def expect_pong(self, seq: int) -> None:
        self._pings.add(seq)

    def expect_acks(self, messages: int) -> None:
        """So many application messages were sent."""
        self._acks += messages

    def spend(self, control: Control, clock: float) -> None:
        if self._is_free(control):
            return
        self._bucket.check(clock)
        self._bucket.take(clock)

    def _is_free(self, control: Control) -> bool:
        if control.top == "pong":
            free = control.answered in self._pings
            self._pings.discard(control.answered)
            return free
        if control.top == "err":
            named = _as_tuple(control.ref)
            free = named not in self._named
            self._named.add(named)
            return free
        if control.top == "ack":
            free = self._acks > 0
            self._acks -= free
            return free
        if control.top == "void" and self._voids > 0:
            self._voids -= 1
            return True
        return False


def _as_tuple(ref: Ref | None) -> tuple[int, ...]:
    return tuple(ref) if isinstance(ref, list) else (ref or 0,)
