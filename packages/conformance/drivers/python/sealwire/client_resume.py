"""The client's side of a resume (lifecycle.md, section 7)."""

from typing import TYPE_CHECKING, Any

from . import b64, frames, hello, jose, keys, renewal, token
from .channel import Channel
from .client_handshake import ClientConnection
from .connection import open_resumed, seal_resumed
from .errors import Refused
from .frames import JWS, Frame, Message
from .message import header_bytes
from .schedule import agree, transcript_hash
from .session import Session

if TYPE_CHECKING:
    from .client import Client


class ClientResume(ClientConnection):
    def __init__(self, client: "Client", number: int, protocol: str, session: Session, chain: bytes) -> None:
        super().__init__(client, number, protocol)
        self._session, self._chain = session, chain
        self._hello_keys = renewal.hello_keys(chain)
        self._announced = 0  # by the server

    def start(self) -> None:
        self.state = "wait-sh"
        self._check_protocol()
        client, terms = self._client, self._session.terms
        client.leave(self._session)
        self._ephemeral = self.drawn.ephemeral[terms.suite]
        payload = {
            "typ": "sealwire-ch",
            "v": 1,
            "rnd": b64.encode(self.drawn.rnd),
            "aud": client.settings.server_id,
            "prt": client.offer["prt"],
            "st": [terms.suite],
            "kex": [keys.public(self._ephemeral)],
            "lvl": [terms.level],
            "sig": client.offer["sig"],
            "cod": [terms.codec],
            "lim": {"msg": terms.msg},
            "rs": {"rcv": self._session.committed},
        }
        if client.settings.upgrade_token:
            payload["ath"] = token.token_hash(client.token)
        header = {"alg": "HS256", "kid": self._hello_keys.key_id, "typ": "sealwire-ch+jwt"}
        text = jose.sign(header, hello.write(payload), jose.symmetric(self._hello_keys.client))
        self._m1 = text.encode("ascii")
        self.emit(frames.encode(self.wire, frames.decode_compact(text, "encoding")))

    def _read(self, frame: Frame, message: Message) -> None:
        if self._client.session is not self._session or not self._session.chains.held:
            raise Refused("E_RESUME", "session")  # the session is over
        if self.state == "wait-sh":
            self._read_server_hello(frame)
        else:
            self._read_resumed(message)

    def _read_server_hello(self, frame: Frame) -> None:
        header = {"alg": "HS256", "kid": self._hello_keys.key_id, "typ": "sealwire-sh+jwt"}
        if frame.form != JWS or frame.data("protected") != header_bytes(header):
            raise Refused("E_HEADER", "header")
        text = frame.text or frames.compact(frame)
        payload = jose.verify(text, jose.symmetric(self._hello_keys.server), ("HS256",), code="E_SIG_SERVER")
        sh = hello.read_resume_server_hello(payload)
        self._check_server_hello(sh)
        z = agree(self._session.terms.suite, self._ephemeral, sh["epk"])
        self._check_clock(sh)
        self._announced = sh["rs"]["rcv"]
        self._send_resumed(renewal.by_resume(z, self._chain, self._m1, text.encode("ascii")))
        self.state = "wait-resumed"

    def _check_server_hello(self, sh: dict[str, Any]) -> None:
        session, terms = self._session, self._session.terms
        if sh["th"] != b64.encode(transcript_hash("ch", self._m1)):
            raise Refused("E_TRANSCRIPT", "claims")
        if sh["prt"] != self.protocol:
            raise Refused("E_DOWNGRADE", "claims")
        pol = {"pop": terms.pop, "res": terms.res, "seq": "strict"}
        known = {"st": terms.suite, "lvl": terms.level, "cod": terms.codec}
        if (
            any(sh[name] != value for name, value in known.items())
            or any(sh["pol"][name] != value for name, value in pol.items())
            or sh["lim"]["msg"] != terms.peer_msg
        ):
            raise Refused("E_NEGOTIATE", "claims")
        if not session.can_send_from(sh["rs"]["rcv"]):
            raise Refused("E_RESUME", "session")

    def _send_resumed(self, renewed: renewal.Renewed) -> None:
        session = self._session
        session.chains.derived(renewed.traffic.chain)
        self._channel = Channel(
            session.terms, renewed.traffic, self.wire, self._time.clock, self._announced, session.committed
        )
        self.emit(seal_resumed(self._channel, session.committed))

    def _read_resumed(self, message: Message) -> None:
        session = self._session
        control = open_resumed(self._channel, session.terms, message, session.sent, max(session.peer_rcv, self._announced))
        assert control.rcv is not None and control.exp is not None and control.scp is not None
        session.end, session.scopes = control.exp, control.scp
        session.take_up(self.number, self._channel, self._offset, session.committed, self._announced)
        session.acknowledge(control.rcv)
        self._client.carry(self)
        session.send_again(self._announced)
