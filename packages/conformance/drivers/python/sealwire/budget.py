"""The budget of control messages (session.md, section 11, `ctl:budget`)."""

from .claims import Control, Ref
from .errors import Refused


class ControlBudget:
    """A token bucket. Free are the first `pong` to each ping and the first `err` to each item that this end sent."""

    def __init__(self, limits: dict[str, int], clock: float) -> None:
        self._rate, self._burst = limits["controlPerSecond"], limits["controlBurst"]
        self._level = float(self._burst)
        self._filled_at = clock
        self._pings: set[int] = set()
        self._named: set[tuple[int, ...]] = set()

    def expect_pong(self, seq: int) -> None:
        self._pings.add(seq)

    def spend(self, control: Control, clock: float) -> None:
        if self._is_free(control):
            return
        self._level = min(self._burst, self._level + (clock - self._filled_at) * self._rate)
        self._filled_at = clock
        if self._level < 1:
            raise Refused("E_QUOTA", "rate")
        self._level -= 1

    def _is_free(self, control: Control) -> bool:
        if control.top == "pong":
            assert isinstance(control.ref, int)
            free = control.ref in self._pings
            self._pings.discard(control.ref)
            return free
        if control.top == "err":
            named = _as_tuple(control.ref)
            free = named not in self._named
            self._named.add(named)
            return free
        return False


def _as_tuple(ref: Ref | None) -> tuple[int, ...]:
    return tuple(ref) if isinstance(ref, list) else (ref or 0,)
