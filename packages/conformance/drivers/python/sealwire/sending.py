"""What a session sends: numbers, seals and keeps (envelope.md, section 8; lifecycle.md, section 6)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from .budget import ControlBudget
from .channel import Channel, Terms
from .claims import Item, Outgoing, can_be_item, is_signed
from .control import Control, Ref, write_control
from .errors import CallerError, Refused
from .frames import Message
from .limits import MAX_INTEGER
from .outcome import Emitted, Outcome, RefusedItem
from .replay import Order, Strict, Window
from .retention import Acknowledging, Draft, Kept, Retention
from .settings import Policy, Time

LONGEST_BYE = len(write_control(Control(MAX_INTEGER, "bye", MAX_INTEGER, "unauthorized")))


# At which the reference implementation closes a batch; so many bytes of claims fit every peer's `lim.msg` on either wire.
BATCH_MESSAGES, BATCH_BYTES = 64, 16384


class Place(NamedTuple):
    """What an own message is called: its number, and in a batch its index."""

    seq: int
    index: int | None = None


def place_of(ref: Ref) -> Place:
    return Place(ref) if isinstance(ref, int) else Place(*ref)


@dataclass
class Pending:
    top: str
    deadline: float


class Sending:
    def __init__(
        self,
        terms: Terms,
        channel: Channel,
        connection: int,
        limits: dict[str, int],
        policy: Policy,
        scopes: list[str],
        time: Time,
        offset: float,
        out: Outcome,
    ) -> None:
        self.policy, self.scopes = policy, scopes
        self.terms, self.limits, self.time, self.offset, self.out = terms, limits, time, offset, out
        self.connection: int | None = connection
        self.channel = channel
        self.sent, self.peer_rcv = 0, 0
        self.order: Order = Strict() if terms.strict else Window(limits["replayWindow"])
        self.delivered = 0  # what the peer sends again up to here was delivered on a former connection
        self.errs: dict[int, RefusedItem] = {}  # by number: sent, and not committed by the peer; of a resumable session
        self.applications: dict[int, list[Place]] = {}  # own messages that are no control messages, by number
        self.gathered: Kept | None = None  # has its number, and is sealed when nothing more can join it
        self.retention, self.acknowledging = Retention(limits), Acknowledging(limits)
        self.budget = ControlBudget(limits, time.clock)
        self.pending: dict[Place, Pending] = {}
        self.sent_bye = False

    @property
    def is_resumable(self) -> bool:
        return self.terms.res > 0

    @property
    def committed(self) -> int:
        return max(self.order.last, self.delivered)

    def now(self) -> int:
        return self.time.now(self.offset)

    def clock_at(self, server_time: float) -> float:
        return self.time.clock_at(server_time, self.offset)

    def send(self, top: str, data: Any, ttl: int | None, req: bool, jti: str | None) -> None:
        """Raises CallerError or Refused before a number is taken."""
        if self.sent_bye:
            raise Refused("E_CLOSED", "local")
        if jti is not None and not self.terms.strict:
            raise CallerError("in window order nobody knows what arrived")
        if not self.policy.admits(top, self.scopes):
            raise Refused("E_DENIED", "authorize")
        self.out.sent_seq = self.send_application(top, data, ttl, req=req, jti=jti)

    def send_application(
        self, top: str, data: Any, ttl: int | None, req: bool = False, ref: Ref | None = None, jti: str | None = None
    ) -> int | None:
        """The number, or None where the message waits for a connection or for room."""
        if ttl is None:
            ttl = min(self.limits["messageTtl"] + self.terms.res, self.limits["messageTtlMax"])
        if type(ttl) is not int or not 0 < ttl <= self.limits["messageTtlMax"]:
            raise CallerError("a life that no receiver takes")
        draft = Draft(top, data, self.now() + ttl, req, ref, jti)
        content = self._claims_that_fit(draft)
        if content is None:
            raise Refused("E_TOO_BIG", "frame")
        if self.is_resumable and (self.connection is None or self.retention.is_full or self.retention.waiting):
            self.retention.queue(draft, len(content))
            return None
        return self.put(draft)

    def _next_message(self, draft: Draft) -> Outgoing:
        """An idempotent one that is new is dated behind SH: such a message was never sent in another session.

        The server's time as a resume tells it can be a second earlier than it was reckoned when the message began to wait.
        """
        now, iat = self.now(), draft.iat
        if iat is None and draft.jti is not None:
            iat = max(now, self.terms.began + 1)
        elif iat is None and is_signed(self.terms.level):
            iat = now
        message = draft.message(self.sent + 1, iat)
        if iat is not None:
            message.exp = min(message.exp, iat + self.limits["messageTtlMax"])
        return message

    def _claims_that_fit(self, draft: Draft) -> bytes | None:
        message = self._next_message(draft)
        content = self.channel.sealer.application(message)
        return content if self.channel.sealer.size(message.seq, content) <= self.terms.peer_msg else None

    def put(self, draft: Draft) -> int:
        """Takes a number, or joins the message that has the last one and is not sealed yet."""
        item = Item(draft.top, draft.ref, draft.req, draft.data)
        can_join = self.policy.batches and draft.jti is None and can_be_item(self.channel.sealer.codec, item)
        if can_join and self._joins(item, draft.exp):
            return self.sent
        self.seal_gathered()
        message = self._next_message(draft)
        content = self.channel.sealer.application(message)
        self._use_keys(len(content))
        self.sent = message.seq
        self._gather(Kept(message, len(content)))
        if not can_join:
            self.seal_gathered()
        return message.seq

    def _joins(self, item: Item, exp: int) -> bool:
        if self.gathered is None or self.gathered.message.exp != exp:
            return False
        message = self.gathered.message.joined_by(item)
        size = len(self.channel.sealer.application(message))
        if size > BATCH_BYTES or not self._keys_take(size):
            return False
        self._gather(Kept(message, size))
        if len(message.items) == BATCH_MESSAGES:
            self.seal_gathered()
        return True

    def _gather(self, kept: Kept) -> None:
        self.gathered = kept
        if self.is_resumable:
            self.retention.keep(kept)

    def seal_gathered(self) -> None:
        """Nothing joins it any more."""
        if self.gathered is None:
            return
        message, self.gathered = self.gathered.message, None
        places = [Place(message.seq, None if message.bat is None else index) for index in range(len(message.items))]
        self.applications[message.seq] = places
        for place, item in zip(places, message.items, strict=True):
            if item.req:
                self.pending[place] = Pending(item.top, self.time.clock + self.limits["requestSeconds"])
        content = self.channel.sealer.application(message)
        self.emit(self.channel.sealer.seal(message.seq, content), len(content))
        self.budget.expect_acks(len(places))

    def named_by(self, ref: Ref) -> list[Place]:
        """Own messages: all of a batch that is named by its number."""
        place = place_of(ref)
        return [each for each in self.applications.get(place.seq, []) if each == place or place.index is None]

    def seal_control(self, top: str, seq: int | None = None, **members: Any) -> tuple[int, bytes]:
        """The number that the message took, and its claims."""
        if seq is None:
            self.seal_gathered()
        number = self.sent + 1 if seq is None else seq
        content = write_control(Control(number, top, None if top == "void" else self.committed, **members))
        if seq is None:
            self._use_keys(len(content), is_bye=top == "bye")
            self.sent = number
        if top != "void":
            self.acknowledging.sent_rcv()
        self.emit(self.channel.sealer.seal_control(number, content), len(content))
        return number, content

    def emit(self, message: Message, size: int) -> None:
        assert self.connection is not None
        self.channel.sent.add(size)
        self.out.emit.append(Emitted(self.connection, message))

    def _use_keys(self, size: int, is_bye: bool = False) -> None:
        if not self._keys_take(size, is_bye):
            raise Refused("E_KEY_LIMIT", "commit")

    def _keys_take(self, size: int, is_bye: bool = False) -> bool:
        """The last message under a key, and room for the longest claims of a `bye`, are kept for `bye`."""
        if self.connection is None:
            return True
        messages, size_limit = self.limits["keyMessages"], self.limits["keyBytes"]
        if not is_bye:
            messages, size_limit = messages - 1, size_limit - LONGEST_BYE
        return self.channel.sent.messages + 1 <= messages and self.channel.sent.bytes + size <= size_limit

    def say_bye(self, code: str | None = None) -> None:
        if not self.sent_bye:
            self.seal_control("bye", code=code)
            self.sent_bye = True

    def ping(self) -> None:
        self.budget.expect_pong(self.seal_control("ping")[0])

    def flush(self) -> None:
        """Sends what waited, or came from another session, as far as it still lives and this wire takes it."""
        while self.retention.waiting and not (self.is_resumable and self.retention.is_full):
            draft = self.retention.waiting.popleft()
            if draft.exp > self.now() and self._claims_that_fit(draft) is not None:
                self.put(draft)

    def can_send_from(self, announced: int) -> bool:
        """Whether a peer that resumes may have received just this much, and asks for no more than it takes again."""
        most = 3 * self.limits["retainedMessages"] + self.limits["controlBurst"]
        return max(self.peer_rcv, self.sent - most) <= announced <= self.sent

    def send_again(self, announced: int) -> None:
        """Everything above what the peer announced: application messages that are still wanted, `void` for all others."""
        self.out.undetermined += self.retention.expire(self.now())
        sealer, errs = self.channel.sealer, self.errs
        for seq in range(announced + 1, self.sent + 1):
            message = self.retention.get(seq)
            content = sealer.application(message) if message is not None and self._is_admitted(message) else b""
            if message is not None and content and sealer.size(seq, content) <= self.terms.peer_msg:
                self.emit(sealer.seal(seq, content), len(content))
                self.budget.expect_acks(len(message.items))
                continue
            self.seal_control("void", seq)
            if message is not None:
                self.out.undetermined += self.retention.withdraw(seq)
        self.errs = {}
        for item in errs.values():
            self.send_err(item)

    def _is_admitted(self, message: Outgoing) -> bool:
        """All of a batch or nothing of it. A reply is authorized by its request."""
        return all(item.ref is not None or self.policy.admits(item.top, self.scopes) for item in message.items)

    def send_err(self, item: RefusedItem) -> None:
        ref = item.seq if item.index is None else [item.seq, item.index]
        seq, _ = self.seal_control("err", code=item.error, ref=ref)
        self.out.refused.append(item)
        if self.is_resumable:
            self.errs[seq] = item
