"""The open session: what is sent and received between SR and the last `bye`, without the ways in which it ends.

Everything that ends the session is raised as Refused; the endpoint turns it into `bye`, close code and report.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .budget import ControlBudget
from .claims import Application, Control, Item, Outgoing, Ref, is_signed, write_control
from .errors import ERRORS, CallerError, Refused
from .frames import Message
from .limits import MAX_INTEGER
from .opening import Expected, Opened, Opener, check_commit, check_time
from .outcome import Delivered, Outcome, RefusedItem, Settled
from .replay import Order, Strict, Window, is_dropped_in_window
from .sealing import Sealer

Handler = Callable[[Any], Any]

LONGEST_BYE = len(write_control(Control(MAX_INTEGER, "bye", MAX_INTEGER, "unauthorized")))


@dataclass
class Policy:
    """What the application decides: which topics it admits, and who answers requests on them."""

    allow: frozenset[str] = frozenset()
    handlers: dict[str, Handler] = field(default_factory=dict)


@dataclass
class Pending:
    top: str
    deadline: float


class Conversation:
    def __init__(
        self,
        sealer: Sealer,
        opener: Opener,
        identities: tuple[str, str],
        level: str,
        order: Order,
        limits: dict[str, int],
        peer_msg: int,
        application: Policy,
        now: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._sealer, self._opener, self._order = sealer, opener, order
        self._identities, self._level, self._limits = identities, level, limits
        self._peer_msg, self._application = peer_msg, application
        self._now, self._clock = now, clock
        self._sent, self._sent_bytes, self._received_bytes = 0, 0, 0
        self._peer_rcv = 0
        self._dropped = 0
        self._budget = ControlBudget(limits, clock())
        self._applications: set[int] = set()  # numbers of own messages that are no control messages
        self.pending: dict[int, Pending] = {}
        self.last_received = clock()
        self.sent_bye = False
        self.peer_bye: Control | None = None
        self.out = Outcome()

    # Sending

    def send(self, top: str, data: Any, ttl: int | None, req: bool) -> None:
        """Raises CallerError or Refused before a number is taken."""
        if self.sent_bye:
            raise Refused("E_CLOSED", "local")
        seq = self._seal_application(top, data, ttl, req=req)
        if req:
            self.pending[seq] = Pending(top, self._clock() + self._limits["requestSeconds"])
        self.out.sent_seq = seq

    def _seal_application(self, top: str, data: Any, ttl: int | None, req: bool = False, ref: Ref | None = None) -> int:
        seq, now = self._sent + 1, self._now()
        life = self._limits["messageTtl"] if ttl is None else ttl
        if type(life) is not int or not 0 < life <= self._limits["messageTtlMax"]:
            raise CallerError("a life that no receiver takes")
        message = Outgoing(seq, now + life, top, data)
        message.req, message.ref = req, ref
        message.iat = now if is_signed(self._level) else None
        content = self._sealer.application(message)
        if self._sealer.size(seq, content) > self._peer_msg:
            raise Refused("E_TOO_BIG", "frame")
        self._use_keys(seq, len(content), is_bye=False)
        self._applications.add(seq)
        self.out.emit.append(self._sealer.seal(seq, content))
        return seq

    def _seal_control(self, top: str, code: str | None = None, ref: Ref | None = None) -> int:
        seq = self._sent + 1
        message = Control(seq, top, self._order.last, code, ref)
        content = self._sealer.control_claims(message)
        self._use_keys(seq, len(content), is_bye=top == "bye")
        self.out.emit.append(self._sealer.seal_control(seq, content))
        return seq

    def _use_keys(self, seq: int, size: int, is_bye: bool) -> None:
        """Takes the number. The last one, and room for the longest claims of a `bye`, are kept for `bye`."""
        messages, size_limit = self._limits["keyMessages"], self._limits["keyBytes"]
        if not is_bye:
            messages, size_limit = messages - 1, size_limit - LONGEST_BYE
        if seq > messages or self._sent_bytes + size > size_limit:
            raise Refused("E_KEY_LIMIT", "commit")
        self._sent, self._sent_bytes = seq, self._sent_bytes + size

    def say_bye(self, code: str | None = None) -> None:
        if not self.sent_bye:
            self._seal_control("bye", code)
            self.sent_bye = True

    def ping(self) -> None:
        self._budget.expect_pong(self._seal_control("ping"))

    # Receiving

    def receive(self, message: Message) -> None:
        try:
            opened = self._opener.open(message, self._expected())
        except Refused as refusal:
            self._drop_or_raise(refusal)
            return
        content = opened.content
        if not self._commit(opened):
            return
        self.last_received = self._clock()
        if isinstance(content, Control):
            self._handle_control(content)
        else:
            self._handle_application(content)

    def _expected(self) -> Expected:
        own, peer = self._identities
        return Expected(self._order, self._sent, self._peer_rcv, own, peer, isinstance(self._order, Strict))

    def _drop_or_raise(self, refusal: Refused) -> None:
        in_window = isinstance(self._order, Window)
        if not (in_window and is_dropped_in_window(refusal) and self._dropped < self._limits["replayDrops"]):
            raise refusal
        self._dropped += 1

    def _commit(self, opened: Opened) -> bool:
        """False where a message arrived behind a `bye` that overtook it."""
        content = opened.content
        if self.peer_bye is not None:
            if content.seq > self.peer_bye.seq:
                raise Refused("E_STATE", "commit")
            return False
        check_commit(opened, self._order, self._received_bytes, self._limits)
        self._order.commit(content.seq)
        self._received_bytes += len(opened.claims)
        return True

    def _handle_control(self, control: Control) -> None:
        self._peer_rcv = max(self._peer_rcv, control.rcv)
        self._budget.spend(control, self._clock())
        if control.top == "bye":
            self.peer_bye = control
        elif control.top == "ping" and not self.sent_bye:
            self._seal_control("pong", ref=control.seq)
        elif control.top == "err" and isinstance(control.ref, int):
            self._handle_err(control.ref, control.code)

    def _handle_err(self, seq: int, code: str | None) -> None:
        if self.pending.pop(seq, None) is not None:
            self.out.settled.append(Settled(seq, error=code))
        elif seq in self._applications:
            self.out.denied.append(Settled(seq, error=code))

    def _handle_application(self, message: Application) -> None:
        try:
            check_time(message.iat, message.exp, self._now(), self._limits["messageTtlMax"], self._limits["skewSeconds"])
        except Refused as refusal:
            self._refuse(message.seq, None, refusal)
            return
        for index, item in enumerate(message.items):
            place = index if message.batch else None
            try:
                self._handle_item(message.seq, place, item)
            except Refused as refusal:
                if ERRORS[refusal.code].fatal:
                    raise
                self._refuse(message.seq, place, refusal)

    def _refuse(self, seq: int, index: int | None, refusal: Refused) -> None:
        if not self.sent_bye:
            self._seal_control("err", refusal.code, _ref(seq, index))
            self.out.refused.append(RefusedItem(seq, index, refusal.code, refusal.step))

    def _handle_item(self, seq: int, index: int | None, item: Item) -> None:
        if item.ref is not None:
            self._handle_reply(item)
            return
        if item.top not in self._application.allow:
            raise Refused("E_DENIED", "authorize")
        handler = self._application.handlers.get(item.top)
        if item.req and handler is None:
            raise Refused("E_NO_HANDLER", "deliver")
        self.out.deliver.append(Delivered(seq, index, item.top, item.data, item.req))
        if item.req and handler is not None:
            self._answer(_ref(seq, index), item, handler)

    def _answer(self, ref: Ref, item: Item, handler: Handler) -> None:
        """Whatever the handler raises is E_HANDLER, and so is an answer that cannot be sent."""
        try:
            answer = handler(item.data)
        except Exception as error:
            raise Refused("E_HANDLER", "deliver") from error
        if self.sent_bye:
            return
        try:
            self._seal_application(item.top, answer, None, ref=ref)
        except CallerError as error:
            raise Refused("E_HANDLER", "deliver") from error
        except Refused as refusal:
            if refusal.code == "E_TOO_BIG":
                raise Refused("E_HANDLER", "deliver") from refusal
            raise

    def _handle_reply(self, item: Item) -> None:
        """A reply without a waiting request, or on another topic, has no effect."""
        waiting = self.pending.get(item.ref) if isinstance(item.ref, int) else None
        if waiting is not None and waiting.top == item.top:
            assert isinstance(item.ref, int)
            del self.pending[item.ref]
            self.out.settled.append(Settled(item.ref, data=item.data))

    # Time and end

    def next_deadline(self) -> float | None:
        return min((request.deadline for request in self.pending.values()), default=None)

    def expire_requests(self) -> None:
        for seq in [seq for seq, request in self.pending.items() if request.deadline <= self._clock()]:
            del self.pending[seq]
            self.out.settled.append(Settled(seq, error="E_TIMEOUT"))

    def fail_requests(self, code: str) -> None:
        self.out.settled.extend(Settled(seq, error=code) for seq in self.pending)
        self.pending.clear()

    def window_report(self) -> tuple[int | None, int | None]:
        return (self._dropped, self._order.missing) if isinstance(self._order, Window) else (None, None)


def _ref(seq: int, index: int | None) -> Ref:
    return seq if index is None else [seq, index]
