"""Rekey, from either side (lifecycle.md, section 3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import keys, renewal
from .control import Control
from .errors import Refused
from .opening import Opened
from .schedule import Traffic, agree
from .settings import FAILS, RENEWS, Deadline

if TYPE_CHECKING:
    from .channel import Channel
    from .session import Session


@dataclass
class Proposal:
    n: int
    seq: int
    claims: bytes
    ephemeral: keys.Jwk


class Rekeying:
    """The state of one connection."""

    def __init__(self, session: "Session", channel: "Channel") -> None:
        self._session, self._channel = session, channel
        self._limits, self._is_client = session.limits, session.terms.is_client
        self._proposal: Proposal | None = None
        self._answered = 0  # `n` of the newest own proposal that was answered
        self._unfinished = False  # answered, and the peer's direction is still in the old epoch
        self.deadline: float | None = None  # for the answer to the own proposal, or in strict order for the peer's `ack`

    @property
    def is_under_way(self) -> bool:
        return self._proposal is not None or self._unfinished

    # Proposing

    def propose(self) -> None:
        if self.is_under_way or self._session.sent_bye:
            return
        n, ephemeral = self._channel.send_epoch + 1, self._draw()
        seq, claims = self._session.seal_control("rekey", n=n, epk=keys.public(ephemeral))
        self._proposal = Proposal(n, seq, claims, ephemeral)
        self._wait()

    def propose_if_due(self) -> None:
        """A client waits for a tenth more of each trigger."""
        tenths = 11 if self._is_client else 10
        messages, size = (self._limits[name] * tenths for name in ("rekeyMessages", "rekeyBytes"))
        sent, received = self._channel.sent, self._channel.received
        used = max(sent.messages, received.messages), max(sent.bytes, received.bytes)
        if used[0] * 10 >= messages or used[1] * 10 >= size:
            self.propose()

    def deadlines(self) -> Iterator[Deadline]:
        """Those that do not end the connection alone."""
        seconds = self._limits["rekeySeconds"]
        yield self._channel.send_since + self._limits["keySeconds"], FAILS, self._wear_out
        if not self.is_under_way:
            yield self._channel.since + (seconds * 11 / 10 if self._is_client else seconds), RENEWS, self.propose

    def _wear_out(self) -> None:
        raise Refused("E_KEY_LIMIT", "commit")

    # Answering

    def on_rekey(self, opened: Opened, control: Control) -> None:
        if self._is_ignored(control):
            return
        self._proposal, self.deadline = None, None  # a client's own one gives way
        ephemeral = self._draw()
        z = agree(self._session.terms.suite, ephemeral, control.epk or {})
        _, claims = self._session.seal_control("rekeyed", n=control.n, epk=keys.public(ephemeral), ref=control.seq)
        self._enter(renewal.by_rekey(z, self._channel.chain, opened.claims, claims).traffic, proposed=False)

    def _is_ignored(self, control: Control) -> bool:
        if control.top != "rekey":
            return False
        if self._session.sent_bye:
            return True
        if self._is_client:
            return False
        late = not self._session.terms.strict and control.n == self._answered
        return self._proposal is not None or late

    def on_rekeyed(self, opened: Opened, control: Control) -> None:
        proposal = self._proposal
        assert proposal is not None
        z = agree(self._session.terms.suite, proposal.ephemeral, control.epk or {})
        self._proposal, self._answered = None, proposal.n
        traffic = renewal.by_rekey(z, self._channel.chain, proposal.claims, opened.claims).traffic
        self._enter(traffic, proposed=True)

    def _draw(self) -> keys.Jwk:
        return self._session.draw().ephemeral[self._session.terms.suite]

    # The new epoch

    def _enter(self, traffic: Traffic, proposed: bool) -> None:
        """A responder in window order goes on under the old epoch until the proposer has shown that it has the keys."""
        session = self._session
        self._channel.derive(traffic, session.time.clock, proposed)
        session.chains.derived(traffic.chain)
        self._unfinished = True
        self.deadline = None
        if session.terms.strict:
            self._wait()
        if proposed or session.terms.strict:
            self._switch()

    def _switch(self) -> None:
        session = self._session
        self._channel.switch(session.sent)
        if not session.sent_bye:
            session.seal_control("ack")

    def check(self, opened: Opened) -> None:
        """What `rekey` and `rekeyed` may say now, and in strict order: the peer enters an epoch with its `ack`."""
        content, channel = opened.content, self._channel
        top = content.top if isinstance(content, Control) else ""
        if channel.awaits_peer and self._session.terms.strict and channel.is_newest(opened) and top != "ack":
            raise Refused("E_STATE", "commit")
        if not isinstance(content, Control) or top not in ("rekey", "rekeyed") or self._is_ignored(content):
            return
        proposal = self._proposal if top == "rekeyed" else None
        if top == "rekeyed" and (proposal is None or content.ref != proposal.seq):
            raise Refused("E_STATE", "commit")
        received = max(channel.receive_epoch, opened.epoch)
        # In window order an answered `rekey` changes nothing until the proposer has shown that it has the keys
        if channel.is_to_switch or content.n != channel.send_epoch + 1 or content.n != received + 1:
            raise Refused("E_STATE", "commit")

    def note(self, opened: Opened) -> None:
        """A message of the peer was committed."""
        if not self._channel.is_newest(opened):
            return
        self._session.chains.confirmed(self._channel.chain)
        if self._unfinished:
            self._unfinished, self.deadline = False, None
            if self._channel.is_to_switch:
                self._switch()

    def _wait(self) -> None:
        self.deadline = self._session.time.clock + self._limits["rekeyWaitSeconds"]
