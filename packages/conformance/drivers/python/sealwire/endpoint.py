"""What both ends share: states, timers and the ways in which a connection ends (session.md, sections 9, 10 and 13).

A pure machine. The caller tells it what arrived and how much time passed; every call answers with an Outcome.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import floor
from typing import Any

from . import keys
from .conversation import Conversation, Policy
from .errors import COARSE_NAME, PEER_ERROR, CallerError, Refused, close_of
from .frames import JWE, Frame, Message
from .keys import SigningKey
from .limits import DEFAULTS
from .message import Direction, Profile, header_bytes
from .opening import Opener, decrypt
from .outcome import Ended, Ending, Opened, Outcome
from .replay import Strict, Window
from .schedule import DirectionKeys, Schedule
from .sealing import Sealer

WIRES = {"sealwire.v1.text": "text", "sealwire.v1.cbor": "binary"}


@dataclass
class Settings:
    """What either end is given. `rnd` and `ephemeral` are drawn for this connection alone."""

    server_id: str
    now: float  # local clock at the start
    rnd: bytes
    ephemeral: Mapping[str, keys.Jwk]
    msg: int = DEFAULTS["messageBytes"]
    limits: dict[str, int] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)


class Endpoint:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = {**DEFAULTS, **settings.limits}
        self._clock = 0.0
        self._offset = 0.0  # server time − local time
        self._wire = ""
        self._protocol = ""
        self._schedule: Schedule | None = None
        self._conversation: Conversation | None = None
        self._initiator = False
        self._bye_deadline = 0.0
        self._session_end = 0
        self._out = Outcome()
        self.state = ""
        self.ended: Ended | None = None

    # What the caller does

    def start(self, protocol: str) -> Outcome:
        return self._step(lambda: self._start(protocol))

    def receive(self, *messages: Message) -> Outcome:
        return self._step(lambda: self._receive_all(messages))

    def send(self, top: str, data: Any, ttl: int | None = None) -> Outcome:
        return self._step(lambda: self._send(top, data, ttl, req=False), sends=True)

    def request(self, top: str, data: Any, ttl: int | None = None) -> Outcome:
        return self._step(lambda: self._send(top, data, ttl, req=True), sends=True)

    def tick(self, seconds: float) -> Outcome:
        return self._step(lambda: self._pass_time(self._clock + seconds))

    def close(self) -> Outcome:
        return self._step(self._close)

    def drop(self) -> Outcome:
        return self._step(self._drop)

    def fail(self, code: str, step: str) -> Outcome:
        """An error that the caller found, such as one of its WebSocket layer."""
        return self._step(lambda: self._end(Refused(code, step)))

    def seconds_to_deadline(self) -> float | None:
        """How long the caller can wait for a message before it has to `tick`."""
        times = [at for at, _, _ in self._deadlines()]
        return max(0.0, min(times) - self._clock) if times else None

    # One step

    def _step(self, action: Callable[[], None], sends: bool = False) -> Outcome:
        self._out = Outcome()
        if self._conversation:
            self._conversation.out = self._out
        if self.state == "closed":
            self._out.thrown = "E_CLOSED" if sends else None
        else:
            try:
                action()
            except Refused as refusal:
                self._end(refusal)
        self._out.state = self.state
        return self._out

    def _receive_all(self, messages: Sequence[Message]) -> None:
        for index, message in enumerate(messages):
            if self.state == "closed":
                return
            self._receive(message, messages[index + 1 :])

    def _receive(self, message: Message, behind: Sequence[Message]) -> None:
        if self._conversation is None:
            self._shake(message, behind)
            return
        self._conversation.receive(message)
        if self._conversation.peer_bye is not None:
            self._answer_bye(self._conversation)

    def _send(self, top: str, data: Any, ttl: int | None, req: bool) -> None:
        try:
            if self._conversation is None:
                raise Refused("E_CLOSED", "local")
            self._conversation.send(top, data, ttl, req)
        except CallerError:
            self._out.thrown = "TypeError"
        except Refused as refusal:
            self._out.thrown = refusal.code
            if refusal.code == "E_KEY_LIMIT":
                raise

    # What the two ends do differently

    def _start(self, protocol: str) -> None:
        raise NotImplementedError

    def _shake(self, message: Message, behind: Sequence[Message]) -> None:
        raise NotImplementedError

    def _tell_before_ready(self, name: str) -> None:
        """Before SR a server says why it ends; a client only closes."""

    # Opening

    def _now(self) -> int:
        return floor(self._settings.now + self._clock + self._offset)

    def _open_handshake_jwe(self, frame: Frame, headers: Sequence[Mapping[str, str]], own: DirectionKeys) -> tuple[bytes, int]:
        """Steps `header` to `crypto` of CA and SR; also tells which of the headers it was."""
        written = [header_bytes(header) for header in headers]
        if frame.form != JWE or frame.data("protected") not in written:
            raise Refused("E_HEADER", "header")
        if frame.data("iv") != own.iv:  # seq is 0
            raise Refused("E_IV", "sequence")
        return decrypt(frame, own.content_key), written.index(frame.data("protected"))

    def _open_session(
        self,
        profile: Profile,
        is_client: bool,
        signers: tuple[SigningKey | None, SigningKey | None],
        strict: bool,
        identities: tuple[str, str],
        peer_msg: int,
        opened: Opened,
    ) -> None:
        """`signers` and `identities` are those of this end and of the peer."""
        assert self._schedule is not None
        sending, receiving = self._schedule.client, self._schedule.server
        if not is_client:
            sending, receiving = receiving, sending
        outgoing, incoming = Direction(profile, sending, signers[0]), Direction(profile, receiving, signers[1])
        self._conversation = Conversation(
            Sealer(outgoing, signers[0], *identities),
            Opener(incoming, signers[1], self._settings.msg),
            identities,
            profile.level,
            Strict() if strict else Window(self._limits["replayWindow"]),
            self._limits,
            peer_msg,
            self._settings.policy,
            self._now,
            lambda: self._clock,
        )
        self._conversation.out = self._out
        self._out.opened = opened
        self._session_end = opened.exp
        self.state = "open"

    # Ending

    def _close(self) -> None:
        if self._conversation is None:
            self._finish((1000, "normal"), None)
        elif self.state == "open":
            self._conversation.say_bye()
            self._begin_closing(initiator=True)

    def _begin_closing(self, initiator: bool) -> None:
        self.state = "closing"
        self._initiator = initiator
        self._bye_deadline = self._clock + self._limits["byeSeconds"]

    def _answer_bye(self, conversation: Conversation) -> None:
        if self.state == "open":
            conversation.say_bye()
            self._begin_closing(initiator=False)
        elif self._initiator:
            self._finish((1000, "normal"), self._peer_word())

    def _drop(self) -> None:
        self._finish(None, self._closing_error())

    def _closing_error(self) -> Ending | None:
        """Why a connection ended that is gone, or was waited for long enough."""
        if self._conversation is None:
            return None
        return self._peer_word() if self._conversation.peer_bye else Ending("E_TRUNCATED", "local")

    def _peer_word(self) -> Ending | None:
        """The error that a `bye` with a code stands for."""
        bye = self._conversation.peer_bye if self._conversation else None
        if bye is None or bye.code in (None, "normal"):
            return None
        return Ending(PEER_ERROR[str(bye.code)], "local", peer=True)

    def _end(self, refusal: Refused) -> None:
        """A fatal error."""
        code = close_of(refusal.code, refusal.step)
        name = COARSE_NAME[code]
        if self._conversation is None:
            self._tell_before_ready(name)
        elif self.state == "open":
            with suppress(Refused):  # where the keys are used up the connection ends without a `bye`
                self._conversation.say_bye(name)
        self._finish((code, name), Ending(refusal.code, refusal.step))

    def _finish(self, close: tuple[int, str] | None, error: Ending | None) -> None:
        clean = truncated = False
        dropped = missing = None
        conversation = self._conversation
        if conversation is not None:
            away = error is not None and error.peer and error.error == "E_CLOSED"
            clean = conversation.sent_bye and conversation.peer_bye is not None and (error is None or away)
            truncated = conversation.peer_bye is None
            dropped, missing = conversation.window_report()
            conversation.fail_requests(error.error if error else "E_CLOSED")
        self._out.close, self._out.error = close, error
        self._out.ended = self.ended = Ended(clean, truncated, dropped, missing)
        self._conversation = self._schedule = None
        self.state = "closed"

    # Time

    def _deadlines(self) -> list[tuple[float, int, Callable[[], None]]]:
        """When something falls due; at one instant what ends the session comes first, and a `ping` last."""
        conversation = self._conversation
        if conversation is None:
            return [(at, 0, self._time_out) for at in self._handshake_deadlines()]
        if self.state == "closing":
            return [(self._bye_deadline, 0, self._stop_waiting)]
        end = self._session_end - self._offset - self._settings.now
        due = [
            (end, 0, lambda: self._end(Refused("E_SESSION_EXPIRED", "session"))),
            (conversation.last_received + self._limits["idleSeconds"], 1, lambda: self._end(Refused("E_IDLE", "local"))),
        ]
        request = conversation.next_deadline()
        return due + ([(request, 2, conversation.expire_requests)] if request is not None else [])

    def _handshake_deadlines(self) -> list[float]:
        return [self._limits["handshakeSeconds"]] if self.state.startswith("wait") else []

    def _pass_time(self, target: float) -> None:
        while self.state != "closed":
            due = [deadline for deadline in self._deadlines() if deadline[0] <= target]
            if not due:
                break
            at, _, action = min(due, key=lambda deadline: deadline[:2])
            self._clock = max(self._clock, at)
            action()
        self._clock = target

    def _time_out(self) -> None:
        self._end(Refused("E_TIMEOUT_HS", "local"))

    def _stop_waiting(self) -> None:
        """The peer did not close in time. An end without an error of its own closes with 1000."""
        self._finish((1000, "normal"), self._closing_error())
