"""The server's handshake (session.md, sections 3 to 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import b64, frames, hello, jose, keys, token
from .client_auth import ClientAuth, ClientAuthCheck
from .endpoint import WIRES, Endpoint, Settings
from .errors import COARSE_NAME, Refused, close_of
from .frames import BARE, JWS, Frame, Message, size_of
from .keys import SigningKey
from .message import Profile, encrypted_header, header_bytes
from .outcome import Ending, Opened
from .schedule import Schedule, agree, transcript_hash


@dataclass
class ServerSettings(Settings):
    identity: Sequence[Mapping[str, Any]] = ()
    support: Mapping[str, list[str]] = field(default_factory=dict)  # prt, st, lvl, cod
    pop: str = "optional"
    order: str = "strict"
    issuers: Sequence[token.Issuer] = ()
    upgrade_token: str | None = None


class Server(Endpoint):
    def __init__(self, settings: ServerSettings) -> None:
        super().__init__(settings)
        self._own = settings
        self._identity = {key.algorithm: key for key in reversed([keys.configured(jwk) for jwk in settings.identity])}
        self._signer: SigningKey | None = None
        self._selected: dict[str, str] = {}
        self._pop = settings.pop
        self._peer_msg = 0

    def _start(self, protocol: str) -> None:
        self.state = "wait-ch"
        self._protocol, self._wire = protocol, WIRES[protocol]

    def _handshake_deadlines(self) -> list[float]:
        first = [float(self._limits["clientHelloSeconds"])] if self.state == "wait-ch" else []
        return first + super()._handshake_deadlines()

    def _tell_before_ready(self, name: str) -> None:
        data = hello.write({"typ": "sealwire-err", "code": name})
        self._out.emit.append(frames.encode(self._wire, Frame(BARE, {"json": data})))

    def _shake(self, message: Message, behind: Sequence[Message]) -> None:
        if self.state == "wait-ch":
            self._read_client_hello(frames.decode(self._wire, message, self._limits["clientHelloBytes"]))
            return
        if sum(map(size_of, behind)) > self._limits["earlyDataBytes"]:
            raise Refused("E_STATE", "commit")
        self._read_client_auth(frames.decode(self._wire, message, self._limits["clientAuthBytes"]))

    # CH

    def _read_client_hello(self, frame: Frame) -> None:
        if frame.form != BARE:
            raise Refused("E_HEADER", "header")
        m1 = frame.data("json")
        ch = hello.read_client_hello(m1)
        if ch["v"] != 1:
            raise Refused("E_NEGOTIATE", "claims")
        if _first(ch["prt"], self._own.support["prt"]) != self._protocol:
            raise Refused("E_DOWNGRADE", "claims")
        if ch["aud"] != self._settings.server_id:
            raise Refused("E_NEGOTIATE", "claims")
        chosen = {name: _first(ch[name], self._own.support[name]) for name in ("st", "lvl", "cod")}
        algorithm = _first(ch["sig"], list(self._identity))
        self._selected = {name: value for name, value in chosen.items() if value is not None}
        if len(self._selected) < len(chosen) or algorithm is None:
            raise Refused("E_NEGOTIATE", "claims")
        offered = dict(zip(ch["st"], ch["kex"]))
        for suite in offered:
            if suite in keys.SUITE_CURVES:
                keys.check_agreement(offered[suite], suite)
        suite = self._selected["st"]
        z = agree(suite, self._settings.ephemeral[suite], offered[suite])
        self._signer, self._peer_msg = self._identity[algorithm], ch["lim"]["msg"]
        self._schedule = Schedule(z, m1, self._send_server_hello(m1, self._signer))
        self.state = "wait-ca"

    def _send_server_hello(self, m1: bytes, signer: SigningKey) -> bytes:
        chosen = self._selected
        if chosen["lvl"] in ("sig", "nest"):
            self._pop = "required"
        payload = {
            "iss": self._settings.server_id,
            "iat": self._now(),
            "th": b64.encode(transcript_hash("ch", m1)),
            "rnd": b64.encode(self._settings.rnd),
            "prt": self._protocol,
            "st": chosen["st"],
            "epk": keys.public(self._settings.ephemeral[chosen["st"]]),
            "lvl": chosen["lvl"],
            "cod": chosen["cod"],
            "pol": {"pop": self._pop, "res": 0, "seq": self._own.order},
            "lim": {"msg": self._settings.msg},
        }
        header = {"alg": signer.algorithm, "kid": signer.thumbprint, "typ": "sealwire-sh+jwt"}
        text = jose.sign(header, hello.write(payload), signer.key)
        frame = frames.decode_compact(text, "encoding")
        assert frame.form == JWS
        self._out.emit.append(frames.encode(self._wire, frame))
        return text.encode("ascii")

    # CA

    def _read_client_auth(self, frame: Frame) -> None:
        assert self._schedule is not None
        own = self._schedule.client_auth
        headers = [encrypted_header("sealwire-ca+jwt", own.key_id, cty) for cty in (None, "JWT")]
        plaintext, proved = self._open_handshake_jwe(frame, headers, own)
        check = ClientAuthCheck(
            self._settings.server_id,
            self._schedule.th2,
            self._now(),
            self._limits,
            self._pop,
            list(self._own.issuers),
            self._own.upgrade_token,
        )
        try:
            accepted = check.run(plaintext, bool(proved))
        except Refused as refusal:
            self._end_unauthorized(refusal)
            return
        self._schedule.add_client_auth(plaintext)
        self._send_server_ready(self._schedule, accepted)

    def _end_unauthorized(self, refusal: Refused) -> None:
        """Whatever is wrong with a decrypted CA, the peer learns one name."""
        code = close_of("E_AUTH_REQUIRED")
        self._tell_before_ready(COARSE_NAME[code])
        self._finish((code, COARSE_NAME[code]), Ending(refusal.code, refusal.step))

    def _send_server_ready(self, schedule: Schedule, accepted: ClientAuth) -> None:
        now, access = self._now(), accepted.access
        exp = min(access.exp, now + self._limits["sessionSeconds"])
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
        own = schedule.server_ready
        protected = header_bytes(encrypted_header("sealwire-sr+jwt", own.key_id))
        self._out.emit.append(frames.encode(self._wire, jose.encrypt(protected, plaintext, own.key, own.iv)))
        level, codec = self._selected["lvl"], self._selected["cod"]
        peer = accepted.proof.thumbprint if accepted.proof else ""
        self._open_session(
            Profile(self._wire, level, codec),
            False,
            (self._signer, accepted.proof),
            self._own.order == "strict",
            (self._settings.server_id, peer),
            self._peer_msg,
            Opened(schedule.sid, level, codec, access.sub, access.scopes, exp),
        )
        self._next_ping = self._clock + self._limits["heartbeatSeconds"]

    def _deadlines(self) -> Any:
        if self.state != "open":
            return super()._deadlines()
        return [*super()._deadlines(), (self._next_ping, 3, self._ping)]

    def _ping(self) -> None:
        assert self._conversation is not None
        self._next_ping = self._clock + self._limits["heartbeatSeconds"]
        self._conversation.ping()


def _first(offered: Sequence[str], supported: Sequence[str]) -> str | None:
    return next((name for name in offered if name in supported), None)
