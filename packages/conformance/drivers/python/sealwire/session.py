"""The open session: what is sent and received between SR and the last `bye`, on one connection after the other.

Everything that ends the session is raised as Refused; the endpoint turns it into `bye`, close code and report.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .budget import Bucket
from .chains import Chains
from .channel import Channel, Terms
from .control import Control, Ref
from .delivery import Delivery
from .errors import Refused
from .frames import Message
from .opening import Expected, Opened, check_commit
from .outcome import Opened as Terse
from .outcome import Outcome, Resumed, Settled
from .refreshing import ClientRefreshing, ServerRefreshing
from .rekeying import Rekeying
from .replay import MemoryStore, Strict, Window, is_dropped_in_window
from .sending import Sending
from .settings import ACKNOWLEDGES, EXPIRES, SETTLES, Deadline, Draw, Policy, Time


@dataclass
class Store:
    """The replay store of a server, for one client; `entries` None is a store that fails."""

    entries: MemoryStore | None
    receiver: str
    client: str


class Session(Sending):
    refreshing: ServerRefreshing | ClientRefreshing

    def __init__(
        self,
        terms: Terms,
        channel: Channel,
        connection: int,
        limits: dict[str, int],
        policy: Policy,
        time: Time,
        offset: float,
        opened: Terse,
        longest_end: int,
        draw: Callable[[], Draw],
        out: Outcome,
    ) -> None:
        super().__init__(terms, channel, connection, limits, policy, opened.scp, time, offset, out)
        self.draw = draw
        self.sid, self.sub, self.end, self.longest_end = opened.sid, opened.sub, opened.exp, longest_end
        self.rekeying = Rekeying(self, channel)
        self.chains = Chains(channel.chain, terms.is_client)
        self.resumes = Bucket(limits["resumesPerMinute"] / 60, limits["resumesPerMinute"], time.clock)  # of a server
        self._dropped = 0
        self._delivery = Delivery(self)
        self.store: Store | None = None
        self.last_received = time.clock
        self.peer_bye: Control | None = None

    def do_what_is_due(self) -> None:
        """What counts, and not time, makes due; after everything that happened."""
        if self.connection is None or self.sent_bye:
            return
        self.flush()
        self.seal_gathered()
        if self.is_resumable and self.acknowledging.is_due:
            self.seal_control("ack")
        self.rekeying.propose_if_due()

    # Receiving

    def receive(self, message: Message) -> None:
        try:
            opened = self.channel.open(message, self.expected())
        except Refused as refusal:
            self._drop_or_raise(refusal)
            return
        if not self._commit(opened):
            return
        self.last_received = self.time.clock
        content = opened.content
        if content.seq <= self.delivered:
            if isinstance(content, Control):
                self.budget.spend(content, self.time.clock)
        elif isinstance(content, Control):
            self._handle_control(opened, content)
        else:
            self.acknowledging.committed(len(content.items), len(opened.claims), self.time.clock)
            self._delivery.handle(content)

    def expected(self) -> Expected:
        terms = self.terms
        own, peer = terms.identities
        return Expected(self.order, self.sent, self.peer_rcv, own, peer, terms.strict, terms.peer_role, terms.suite)

    def _drop_or_raise(self, refusal: Refused) -> None:
        dropped = is_dropped_in_window(refusal) and self._dropped < self.limits["replayDrops"]
        if self.terms.strict or not dropped:
            raise refusal
        self._dropped += 1

    def _commit(self, opened: Opened) -> bool:
        """False where a message arrived behind a `bye` that overtook it."""
        seq, channel = opened.content.seq, self.channel
        if self.peer_bye is not None:
            if seq > self.peer_bye.seq:
                raise Refused("E_STATE", "commit")
            return False
        self.rekeying.check(opened)
        if isinstance(opened.content, Control) and opened.content.top in ("auth-ok", "auth-no"):
            assert isinstance(self.refreshing, ClientRefreshing)
            self.refreshing.check(opened.content)
        used = channel.uses(opened)
        check_commit(opened, self.order, self.limits, used.base, used.bytes)
        self.order.commit(seq)
        channel.commit(opened, self.order.last, self.limits["replayWindow"])
        self.rekeying.note(opened)
        return True

    def _handle_control(self, opened: Opened, control: Control) -> None:
        if control.rcv is not None:
            self.acknowledge(control.rcv)
        self.budget.spend(control, self.time.clock)
        if control.top == "bye":
            self.peer_bye = control
        elif control.top == "err" and control.ref is not None:
            self._handle_err(control.ref, control.code)
        elif control.top == "auth-soon":
            self.out.soon = True
        elif control.top in ("auth-ok", "auth-no"):
            assert isinstance(self.refreshing, ClientRefreshing)
            self.refreshing.on_answer(control)
        elif control.top == "rekeyed":
            self.rekeying.on_rekeyed(opened, control)
        elif not self.sent_bye:
            self._answer(opened, control)

    def _answer(self, opened: Opened, control: Control) -> None:
        if control.top == "ping":
            self.seal_control("pong", ref=control.seq)
        elif control.top == "rekey":
            self.rekeying.on_rekey(opened, control)
        elif control.top == "auth":
            assert isinstance(self.refreshing, ServerRefreshing)
            self.refreshing.on_auth(control)

    def acknowledge(self, rcv: int) -> None:
        self.peer_rcv = max(self.peer_rcv, rcv)
        self.retention.acknowledge(self.peer_rcv)
        self.errs = {seq: err for seq, err in self.errs.items() if seq > self.peer_rcv}

    def _handle_err(self, ref: Ref, code: str | None) -> None:
        for place in self.named_by(ref):
            request = self.pending.pop(place, None)
            refused = self.out.denied if request is None else self.out.settled
            refused.append(Settled(place.seq, error=code, index=place.index))

    def is_new(self, jti: str, iat: int, exp: int) -> bool:
        """Inserts the replay key of a message; false where the store holds it.

        What was made in this session was never delivered before, so that a store that began empty can tell too.
        """
        store = self.store
        if store is None:  # a client
            return True
        if store.entries is None:
            raise Refused("E_REPLAY_STORE", "deliver")
        try:
            first = iat > self.terms.began
            store.entries.insert(self.now(), store.receiver, store.client, jti, None if first else iat, exp)
            return True
        except Refused as refusal:
            if refusal.code == "E_REPLAY":
                return False
            raise

    # Losing a connection and taking up another one

    def lose(self) -> None:
        self.connection = None
        if isinstance(self.refreshing, ClientRefreshing):
            self.refreshing.forget()

    def take_up(self, connection: int, channel: Channel, offset: float, own: int, peer: int) -> None:
        """`own` and `peer` are the numbers that this end and the peer announced as committed."""
        self.delivered = self.committed
        self.order = Strict(own)
        self.connection, self.channel, self.offset = connection, channel, offset
        channel.begin(self.time.clock)
        self.rekeying = Rekeying(self, channel)
        self.chains.confirmed(channel.chain)
        self.last_received = self.time.clock
        self.budget.resume()
        self.acknowledging.sent_rcv()
        self.acknowledge(peer)
        self.out.resumed = Resumed(self.committed, peer)

    # Time and end

    def deadlines(self) -> Iterator[Deadline]:
        """Those that do not end the session by themselves."""
        request = min((request.deadline for request in self.pending.values()), default=None)
        if request is not None:
            yield request, SETTLES, self._expire_requests
        expiry = self.retention.next_expiry()
        if expiry is not None:
            yield self.clock_at(expiry), EXPIRES, self._expire_messages
        yield from self.refreshing.deadlines()
        if self.connection is None:
            return
        if self.is_resumable and self.acknowledging.deadline is not None:
            yield self.acknowledging.deadline, ACKNOWLEDGES, self._acknowledge
        yield from self.rekeying.deadlines()

    def _acknowledge(self) -> None:
        self.seal_control("ack")

    def _expire_requests(self) -> None:
        for place in [place for place, request in self.pending.items() if request.deadline <= self.time.clock]:
            del self.pending[place]
            self.out.settled.append(Settled(place.seq, error="E_TIMEOUT", index=place.index))

    def _expire_messages(self) -> None:
        expired = self.retention.expire(self.now())
        self.out.undetermined += expired if self.is_resumable else []

    def finish(self, code: str) -> None:
        """Reports what can no longer come."""
        self.out.settled.extend(Settled(place.seq, error=code, index=place.index) for place in self.pending)
        self.pending.clear()
        self.out.undetermined += self.retention.undetermined() if self.is_resumable else []
        self.chains.clear()

    def window_report(self) -> tuple[int | None, int | None]:
        return (self._dropped, self.order.missing) if isinstance(self.order, Window) else (None, None)
