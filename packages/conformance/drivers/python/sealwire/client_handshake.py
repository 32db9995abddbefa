"""The client's full handshake (session.md, sections 3 to 7)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import b64, frames, hello, jose, keys, token
from .channel import Terms
from .connection import Connection, open_handshake_jwe
from .errors import Refused
from .frames import BARE, JWS, Frame, Message
from .keys import SigningKey
from .message import encrypted_header, header_bytes
from .outcome import Opened
from .parsed import parse_header
from .schedule import Schedule, agree, transcript_hash

if TYPE_CHECKING:
    from .client import Client


class ClientConnection(Connection):
    """What handshake and resume of a client share."""

    def __init__(self, client: "Client", number: int, protocol: str) -> None:
        super().__init__(client, number, protocol)
        self._client = client
        self._m1 = b""
        self._offset = 0.0

    def receive(self, message: Message, behind: Sequence[Message]) -> None:
        frame = frames.decode(self.wire, message, self._client.settings.msg)
        if frame.form == BARE:
            self._client.fail_by_peer(self, hello.read_peer_error(frame.data("json")))
        else:
            self._read(frame, message)

    def _read(self, frame: Frame, message: Message) -> None:
        raise NotImplementedError

    def _check_protocol(self) -> None:
        if self.protocol not in self._client.offer["prt"]:
            raise Refused("E_DOWNGRADE", "claims")

    def _check_clock(self, sh: Mapping[str, Any]) -> None:
        """Server time counts from now on; a server is not to date the signatures of an honest client."""
        offset = sh["iat"] - self._time.local
        warn, most = self._limits["clockOffsetWarnSeconds"], self._limits["clockOffsetMaxSeconds"]
        if abs(offset) > (warn if sh["lvl"] in ("sig", "nest") else most):
            raise Refused("E_FUTURE", "claims")
        self._offset = offset


class ClientHandshake(ClientConnection):
    def start(self) -> None:
        self.state = "wait-sh"
        self._check_protocol()
        offer, settings = self._client.offer, self._client.settings
        self._m1 = hello.write(
            {
                "typ": "sealwire-ch",
                "v": 1,
                "rnd": b64.encode(self.drawn.rnd),
                "aud": settings.server_id,
                "prt": offer["prt"],
                "st": offer["st"],
                "kex": [keys.public(self.drawn.ephemeral[suite]) for suite in offer["st"]],
                "lvl": offer["lvl"],
                "sig": offer["sig"],
                "cod": offer["cod"],
                "lim": {"msg": settings.msg},
            }
        )
        self.emit(frames.encode(self.wire, Frame(BARE, {"json": self._m1})))

    def _read(self, frame: Frame, message: Message) -> None:
        if self.state == "wait-sh":
            self._read_server_hello(frame)
        else:
            self._read_server_ready(frame)

    # SH

    def _read_server_hello(self, frame: Frame) -> None:
        if frame.form != JWS:
            raise Refused("E_HEADER", "header")
        text = frame.text or frames.compact(frame)
        header = parse_header(frame.data("protected"), ("alg", "cty", "kid", "typ"), "sealwire-sh+jwt")
        kid = header.get("kid")
        key = self._client.pinned.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise Refused("E_KEY", "header")
        if header.get("alg") != key.algorithm or key.algorithm not in self._client.offer["sig"]:
            raise Refused("E_ALG", "header")
        if "cty" in header:
            raise Refused("E_CTY", "header")
        sh = hello.read_server_hello(jose.verify(text, key.key, (key.algorithm,), code="E_SIG_SERVER"))
        self._check_server_hello(sh)
        z = agree(sh["st"], self.drawn.ephemeral[sh["st"]], sh["epk"])
        self._check_clock(sh)
        self._schedule = Schedule(z, self._m1, text.encode("ascii"))
        self._terms = self._agreed(sh, key)
        self._send_client_auth(self._schedule)
        self.state = "wait-sr"

    def _check_server_hello(self, sh: Mapping[str, Any]) -> None:
        client, offer = self._client, self._client.offer
        if sh["iss"] != client.settings.server_id:
            raise Refused("E_KEY", "claims")
        if sh["th"] != b64.encode(transcript_hash("ch", self._m1)):
            raise Refused("E_TRANSCRIPT", "claims")
        if sh["prt"] != self.protocol:
            raise Refused("E_DOWNGRADE", "claims")
        pol, signed = sh["pol"], sh["lvl"] in ("sig", "nest")
        if (
            any(sh[name] not in offer[name] for name in ("st", "lvl", "cod"))
            or (signed and pol["pop"] != "required")
            or (pol["seq"] == "window" and (pol["res"] != 0 or not client.settings.admits_window))
            or (pol["pop"] == "required" and client.proof is None)
        ):
            raise Refused("E_NEGOTIATE", "claims")
        keys.check_agreement(sh["epk"], sh["st"])

    def _agreed(self, sh: Mapping[str, Any], server_key: SigningKey) -> Terms:
        client, pol = self._client, sh["pol"]
        own = client.proof.thumbprint if client.proof else ""
        return Terms(
            is_client=True,
            suite=sh["st"],
            level=sh["lvl"],
            codec=sh["cod"],
            signers=(client.proof, server_key),
            identities=(own, client.settings.server_id),
            msg=client.settings.msg,
            peer_msg=sh["lim"]["msg"],
            pop=pol["pop"],
            res=pol["res"],
            strict=pol["seq"] == "strict",
            began=sh["iat"],
        )

    # CA

    def _send_client_auth(self, schedule: Schedule) -> None:
        client, now = self._client, self._time.now(self._offset)
        claims: dict[str, Any] = {
            "aud": client.settings.server_id,
            "iat": now,
            "exp": now + self._limits["clientAuthLifeSeconds"],
            "th": b64.encode(schedule.th2),
        }
        if client.settings.upgrade_token and client.proof is not None:
            claims["ath"] = token.token_hash(client.token)
        else:
            claims["at"] = client.token
        plaintext, cty = hello.write(claims), None
        if client.proof is not None:
            header = {"alg": client.proof.algorithm, "jwk": client.proof.jwk, "typ": "sealwire-auth+jwt"}
            plaintext, cty = jose.sign(header, plaintext, client.proof.key).encode("ascii"), "JWT"
        own = schedule.client_auth
        protected = header_bytes(encrypted_header("sealwire-ca+jwt", own.key_id, cty))
        self.emit(frames.encode(self.wire, jose.encrypt(protected, plaintext, own.key, own.iv)))
        schedule.add_client_auth(plaintext)

    # SR

    def _read_server_ready(self, frame: Frame) -> None:
        schedule, terms = self._schedule, self._terms
        header = encrypted_header("sealwire-sr+jwt", schedule.server_ready.key_id)
        plaintext, _ = open_handshake_jwe(frame, [header], schedule.server_ready)
        sr = hello.read_server_ready(plaintext)
        binding = b64.encode(schedule.channel_binding)
        if sr["th"] != b64.encode(schedule.th3) or sr.get("cb", binding) != binding:
            raise Refused("E_TRANSCRIPT", "claims")
        skew, now = self._limits["skewSeconds"], self._time.now(self._offset)
        if sr["iat"] > now + skew or now >= sr["exp"] + skew:
            raise Refused("E_SESSION_EXPIRED", "claims")
        opened = Opened(schedule.sid, terms.level, terms.codec, sr["sub"], sr["scp"], sr["exp"])
        self._client.open_session(self, terms, schedule.traffic, self._offset, opened, sr["exp"])
