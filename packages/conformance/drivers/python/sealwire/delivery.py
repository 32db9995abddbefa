"""Items of authentic messages: time, authorization, the replay store, handlers, replies (envelope.md, sections 7 and 9)."""

from typing import TYPE_CHECKING

from .claims import Application, Item
from .control import Ref
from .errors import CallerError, Refused, is_fatal
from .opening import check_time
from .outcome import Delivered, RefusedItem, Settled
from .sending import place_of

if TYPE_CHECKING:
    from .session import Session
    from .settings import Handler


class Delivery:
    def __init__(self, session: "Session") -> None:
        self._session = session

    def handle(self, message: Application) -> None:
        session, limits = self._session, self._session.limits
        try:
            check_time(message.iat, message.exp, session.now(), limits["messageTtlMax"], limits["skewSeconds"])
        except Refused as refusal:
            self._refuse(message.seq, None, refusal)
            return
        for index, item in enumerate(message.items):
            place = index if message.batch else None
            try:
                self._handle_item(message, place, item)
            except Refused as refusal:
                if is_fatal(refusal.code, refusal.step):
                    raise
                self._refuse(message.seq, place, refusal)

    def _refuse(self, seq: int, index: int | None, refusal: Refused) -> None:
        session = self._session
        if not session.sent_bye:
            session.send_err(RefusedItem(seq, index, refusal.code, refusal.step))

    def _handle_item(self, message: Application, index: int | None, item: Item) -> None:
        session = self._session
        if item.ref is not None:
            self._handle_reply(item)
            return
        if item.top not in session.policy.allow or not session.policy.admits(item.top, session.scopes):
            raise Refused("E_DENIED", "authorize")
        handler = session.policy.handlers.get(item.top)
        if item.req and handler is None:
            raise Refused("E_NO_HANDLER", "deliver")
        if message.jti is not None and message.iat is not None and not session.is_new(message.jti, message.iat, message.exp):
            return
        session.out.deliver.append(Delivered(message.seq, index, item.top, item.data, item.req))
        if item.req and handler is not None:
            self._answer(_ref(message.seq, index), item, handler)

    def _answer(self, ref: Ref, item: Item, handler: "Handler") -> None:
        """Whatever the handler raises is E_HANDLER, and so is an answer that cannot be sent."""
        try:
            answer = handler(item.data)
        except Exception as error:
            raise Refused("E_HANDLER", "deliver") from error
        if self._session.sent_bye:
            return
        try:
            self._session.send_application(item.top, answer, None, ref=ref)
        except CallerError as error:
            raise Refused("E_HANDLER", "deliver") from error
        except Refused as refusal:
            if refusal.code in ("E_TOO_BIG", "E_QUEUE_FULL"):
                raise Refused("E_HANDLER", "deliver") from refusal
            raise

    def _handle_reply(self, item: Item) -> None:
        """A reply without a waiting request, or on another topic, has no effect."""
        assert item.ref is not None
        place, pending = place_of(item.ref), self._session.pending
        waiting = pending.get(place)
        if waiting is not None and waiting.top == item.top:
            del pending[place]
            self._session.out.settled.append(Settled(place.seq, data=item.data, index=place.index))


def _ref(seq: int, index: int | None) -> Ref:
    return seq if index is None else [seq, index]
