"""The server's side of a resume (lifecycle.md, section 7)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import b64, frames, hello, jose, keys, renewal, token
from .channel import Channel
from .connection import open_resumed, seal_resumed
from .errors import Refused
from .frames import Frame, Message
from .parsed import parse_header
from .schedule import agree, transcript_hash

if TYPE_CHECKING:
    from .server import Server
    from .server_handshake import ServerConnection


class ResumeAttempt:
    """From a resume CH, which is answered at once, to the client's `resumed`."""

    def __init__(self, server: "Server", connection: "ServerConnection", frame: Frame) -> None:
        self._server, self._connection = server, connection
        text = frame.text or frames.compact(frame)
        header = parse_header(frame.data("protected"), ("alg", "cty", "kid", "typ"), "sealwire-ch+jwt")
        found = server.find_session(header.get("kid"))
        if found is None:
            raise Refused("E_RESUME", "header")
        if header.get("alg") != "HS256":
            raise Refused("E_ALG", "header")
        if "cty" in header:
            raise Refused("E_CTY", "header")
        self._session, self._chain, hello_keys = found
        ch = hello.read_resume_client_hello(jose.verify(text, jose.symmetric(hello_keys.client), ("HS256",)))
        connection.check_hello(ch)
        self._check_same(ch)
        self._check_token(ch)
        self._session.resumes.check(server.time.clock)
        self._peer = ch["rs"]["rcv"]
        self._own = self._session.committed
        self._answer(ch, text.encode("ascii"), hello_keys)

    def _check_same(self, ch: Mapping[str, Any]) -> None:
        session = self._session
        if (
            ch["st"] != [session.terms.suite]
            or ch["lim"]["msg"] != session.terms.peer_msg
            or not session.can_send_from(ch["rs"]["rcv"])
        ):
            raise Refused("E_RESUME", "session")

    def _check_token(self, ch: Mapping[str, Any]) -> None:
        upgrade = self._connection.upgrade_token
        wanted = None if upgrade is None else token.token_hash(upgrade)
        if ch.get("ath") != wanted:
            raise Refused("E_RESUME", "session")
        if upgrade is None:
            return
        try:
            access = self._server.verify_token(upgrade)
        except Refused as refusal:
            raise Refused("E_RESUME", "session") from refusal
        if not access.is_same(self._server.access_of(self._session)):
            raise Refused("E_RESUME", "session")

    def _answer(self, ch: Mapping[str, Any], m1: bytes, hello_keys: renewal.HelloKeys) -> None:
        terms, clock = self._session.terms, self._server.time
        keys.check_agreement(ch["kex"][0], terms.suite)
        draw = self._connection.drawn
        z = agree(terms.suite, draw.ephemeral[terms.suite], ch["kex"][0])
        payload = {
            "iat": clock.now(0),
            "th": b64.encode(transcript_hash("ch", m1)),
            "rnd": b64.encode(draw.rnd),
            "prt": self._connection.protocol,
            "st": terms.suite,
            "epk": keys.public(draw.ephemeral[terms.suite]),
            "lvl": terms.level,
            "cod": terms.codec,
            "pol": {"pop": terms.pop, "res": terms.res, "seq": "strict"},
            "lim": {"msg": terms.msg},
            "rs": {"rcv": self._own},
        }
        header = {"alg": "HS256", "kid": hello_keys.key_id, "typ": "sealwire-sh+jwt"}
        text = jose.sign(header, hello.write(payload), jose.symmetric(hello_keys.server))
        self._connection.emit(frames.encode(self._connection.wire, frames.decode_compact(text, "encoding")))
        self._traffic = renewal.by_resume(z, self._chain, m1, text.encode("ascii")).traffic
        self._channel = Channel(terms, self._traffic, self._connection.wire, clock.clock, self._peer, self._own)

    def confirm(self, message: Message) -> None:
        session = self._session
        control = open_resumed(self._channel, session.terms, message, session.sent, self._peer)
        if control.rcv != self._peer:
            raise Refused("E_SEQ", "claims")
        if self._chain not in session.chains.held:
            raise Refused("E_RESUME", "session")
        session.resumes.take(self._server.time.clock)
        self._server.supersede(session)
        session.take_up(self._connection.number, self._channel, 0, self._own, self._peer)
        self._server.carry(self._connection)
        self._connection.emit(seal_resumed(self._channel, session.committed, exp=session.end, scp=session.scopes))
        session.send_again(self._peer)


def resumed_key_id(message: Message) -> object:
    """The `kid` in the header of what may be a resume CH, unverified; None in anything else."""
    try:
        frame = frames.decode("text" if isinstance(message, str) else "binary", message)
        return parse_header(frame.data("protected"), ("alg", "cty", "kid", "typ"), "sealwire-ch+jwt").get("kid")
    except (Refused, KeyError):
        return None
