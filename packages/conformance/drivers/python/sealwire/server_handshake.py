"""The server's handshake (session.md, sections 3 to 7)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import b64, frames, hello, jose, keys
from .channel import Terms
from .client_auth import ClientAuth, ClientAuthCheck
from .connection import Connection, open_handshake_jwe
from .errors import Refused, Unauthorized
from .frames import BARE, JWS, Frame, Message, size_of
from .keys import SigningKey
from .message import encrypted_header, header_bytes
from .outcome import Opened
from .schedule import Schedule, agree, transcript_hash
from .server_resume import ResumeAttempt
from .settings import FAILS, Deadline

if TYPE_CHECKING:
    from .server import Server


class ServerConnection(Connection):
    def __init__(self, server: "Server", number: int, protocol: str, upgrade_token: str | None) -> None:
        super().__init__(server, number, protocol)
        self._server, self.upgrade_token = server, upgrade_token
        self._selected: dict[str, str] = {}
        self._pop = server.settings.pop
        self._attempt: ResumeAttempt | None = None

    def start(self) -> None:
        self.state = "wait-ch"

    def deadlines(self) -> Iterator[Deadline]:
        yield from super().deadlines()
        if self.state == "wait-ch":
            yield self._opened_at + self._limits["clientHelloSeconds"], FAILS, self._time_out

    def tell_end(self, name: str) -> None:
        data = hello.write({"typ": "sealwire-err", "code": name})
        self.emit(frames.encode(self.wire, Frame(BARE, {"json": data})))

    def receive(self, message: Message, behind: Sequence[Message]) -> None:
        if self.state == "wait-ch":
            self._read_hello(frames.decode(self.wire, message, self._limits["clientHelloBytes"]))
        elif self._attempt is not None:
            self._attempt.confirm(message)
        else:
            if sum(map(size_of, behind)) > self._limits["earlyDataBytes"]:
                raise Refused("E_STATE", "commit")
            self._read_client_auth(frames.decode(self.wire, message, self._limits["clientAuthBytes"]))

    # CH

    def _read_hello(self, frame: Frame) -> None:
        if frame.form == BARE:
            self._read_client_hello(frame.data("json"))
        elif frame.form == JWS:
            self._attempt = ResumeAttempt(self._server, self, frame)
            self.state = "wait-resumed"
        else:
            raise Refused("E_HEADER", "header")

    def check_hello(self, ch: Mapping[str, Any]) -> None:
        """What a hello says about version, subprotocol and server, in a handshake and in a resume."""
        if ch["v"] != 1:
            raise Refused("E_NEGOTIATE", "claims")
        if first(ch["prt"], self._server.settings.support["prt"]) != self.protocol:
            raise Refused("E_DOWNGRADE", "claims")
        if ch["aud"] != self._server.settings.server_id:
            raise Refused("E_NEGOTIATE", "claims")

    def _read_client_hello(self, m1: bytes) -> None:
        ch = hello.read_client_hello(m1)
        self.check_hello(ch)
        server, support = self._server, self._server.settings.support
        chosen = {name: first(ch[name], support[name]) for name in ("st", "lvl", "cod")}
        algorithm = first(ch["sig"], list(server.identity))
        self._selected = {name: value for name, value in chosen.items() if value is not None}
        if len(self._selected) < len(chosen) or algorithm is None:
            raise Refused("E_NEGOTIATE", "claims")
        offered = dict(zip(ch["st"], ch["kex"]))
        for suite in offered:
            if suite in keys.SUITE_CURVES:
                keys.check_agreement(offered[suite], suite)
        suite, draw = self._selected["st"], self.drawn
        z = agree(suite, draw.ephemeral[suite], offered[suite])
        self._signer, self._peer_msg = server.identity[algorithm], ch["lim"]["msg"]
        m2 = self._send_server_hello(m1, self._signer, draw.rnd, keys.public(draw.ephemeral[suite]))
        self._schedule = Schedule(z, m1, m2)
        self.state = "wait-ca"

    def _send_server_hello(self, m1: bytes, signer: SigningKey, rnd: bytes, epk: Mapping[str, str]) -> bytes:
        chosen, settings, self._began = self._selected, self._server.settings, self._time.now(0)
        if chosen["lvl"] in ("sig", "nest"):
            self._pop = "required"
        payload = {
            "iss": settings.server_id,
            "iat": self._began,
            "th": b64.encode(transcript_hash("ch", m1)),
            "rnd": b64.encode(rnd),
            "prt": self.protocol,
            "st": chosen["st"],
            "epk": epk,
            "lvl": chosen["lvl"],
            "cod": chosen["cod"],
            "pol": {"pop": self._pop, "res": settings.res, "seq": settings.order},
            "lim": {"msg": settings.msg},
        }
        header = {"alg": signer.algorithm, "kid": signer.thumbprint, "typ": "sealwire-sh+jwt"}
        text = jose.sign(header, hello.write(payload), signer.key)
        self.emit(frames.encode(self.wire, frames.decode_compact(text, "encoding")))
        return text.encode("ascii")

    # CA

    def _read_client_auth(self, frame: Frame) -> None:
        own, settings = self._schedule.client_auth, self._server.settings
        headers = [encrypted_header("sealwire-ca+jwt", own.key_id, cty) for cty in (None, "JWT")]
        plaintext, proved = open_handshake_jwe(frame, headers, own)
        check = ClientAuthCheck(
            settings.server_id,
            self._schedule.th2,
            self._time.now(0),
            self._limits,
            self._pop,
            self._server.verify_token,
            self.upgrade_token,
        )
        try:
            accepted = check.run(plaintext, bool(proved))
        except Refused as refusal:
            raise Unauthorized(refusal.code, refusal.step) from refusal
        self._schedule.add_client_auth(plaintext)
        self._send_server_ready(self._schedule, accepted)

    def _send_server_ready(self, schedule: Schedule, accepted: ClientAuth) -> None:
        now, access = self._time.now(0), accepted.access
        longest = now + self._limits["sessionSeconds"]
        exp = min(access.exp, longest)
        plaintext = hello.write(
            {
                "th": b64.encode(schedule.th3),
                "iat": now,
                "exp": exp,
                "sub": access.sub,
                "scp": access.scopes,
                "cb": b64.encode(schedule.channel_binding),
            }
        )
        own, terms = schedule.server_ready, self._agreed(accepted.proof)
        protected = header_bytes(encrypted_header("sealwire-sr+jwt", own.key_id))
        self.emit(frames.encode(self.wire, jose.encrypt(protected, plaintext, own.key, own.iv)))
        opened = Opened(schedule.sid, terms.level, terms.codec, access.sub, access.scopes, exp)
        session = self._server.open_session(self, terms, schedule.traffic, 0, opened, longest)
        self._server.attach(session, access, accepted.token)

    def _agreed(self, proof: SigningKey | None) -> Terms:
        settings = self._server.settings
        return Terms(
            is_client=False,
            suite=self._selected["st"],
            level=self._selected["lvl"],
            codec=self._selected["cod"],
            signers=(self._signer, proof),
            identities=(settings.server_id, proof.thumbprint if proof else ""),
            msg=settings.msg,
            peer_msg=self._peer_msg,
            pop=self._pop,
            res=settings.res,
            strict=settings.order == "strict",
            began=self._began,
        )


def first(offered: Sequence[str], supported: Sequence[str]) -> str | None:
    return next((name for name in offered if name in supported), None)
