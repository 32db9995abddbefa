"""The client's handshake (session.md, sections 3 to 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import b64, frames, hello, jose, keys, token
from .endpoint import WIRES, Endpoint, Settings
from .errors import CLOSE_OF_NAME, COARSE_NAME, PEER_ERROR, CallerError, Refused
from .frames import BARE, JWS, Frame, Message
from .keys import SigningKey
from .message import Profile, encrypted_header, header_bytes
from .outcome import Ending, Opened
from .parsed import parse_header
from .schedule import Schedule, agree, transcript_hash


@dataclass
class ClientSettings(Settings):
    pinned: Sequence[Mapping[str, Any]] = ()
    offer: Mapping[str, list[str]] = field(default_factory=dict)  # prt, st, lvl, sig, cod
    token: str = ""
    proof_key: Mapping[str, Any] | None = None
    upgrade_token: bool = False  # the token went with the upgrade
    admits_window: bool = False


class Client(Endpoint):
    def __init__(self, settings: ClientSettings) -> None:
        super().__init__(settings)
        self._own = settings
        self._pinned = {key.thumbprint: key for key in map(keys.configured, settings.pinned)}
        self._proof = keys.configured(settings.proof_key) if settings.proof_key else None
        self._offer = {name: list(settings.offer[name]) for name in ("prt", "st", "lvl", "sig", "cod")}
        if self._proof is None:
            self._offer["lvl"] = [level for level in self._offer["lvl"] if level not in ("sig", "nest")]
        if not all(self._offer.values()):
            raise CallerError("nothing to offer")
        self._m1 = b""
        self._selected: dict[str, Any] = {}
        self._server_key: SigningKey | None = None

    def _start(self, protocol: str) -> None:
        self.state = "wait-sh"
        if protocol not in self._offer["prt"]:
            raise Refused("E_DOWNGRADE", "claims")
        self._protocol, self._wire = protocol, WIRES[protocol]
        offer, settings = self._offer, self._settings
        self._m1 = hello.write(
            {
                "typ": "sealwire-ch",
                "v": 1,
                "rnd": b64.encode(settings.rnd),
                "aud": settings.server_id,
                "prt": offer["prt"],
                "st": offer["st"],
                "kex": [keys.public(settings.ephemeral[suite]) for suite in offer["st"]],
                "lvl": offer["lvl"],
                "sig": offer["sig"],
                "cod": offer["cod"],
                "lim": {"msg": settings.msg},
            }
        )
        self._out.emit.append(frames.encode(self._wire, Frame(BARE, {"json": self._m1})))

    def _shake(self, message: Message, behind: Sequence[Message]) -> None:
        frame = frames.decode(self._wire, message, self._settings.msg)
        if frame.form == BARE:
            self._end_by_peer(hello.read_peer_error(frame.data("json")))
        elif self.state == "wait-sh":
            self._read_server_hello(frame)
        else:
            self._read_server_ready(frame)

    def _end_by_peer(self, name: str) -> None:
        """`sealwire-err` is not authenticated: nobody is logged out by it, and an unknown name says nothing."""
        code = PEER_ERROR.get(name, "E_CLOSED") if name != "revoked" else "E_CLOSED"
        close = CLOSE_OF_NAME.get(name, CLOSE_OF_NAME["internal"])
        self._finish((close, COARSE_NAME[close]), Ending(code, "local", peer=True))

    # SH

    def _read_server_hello(self, frame: Frame) -> None:
        if frame.form != JWS:
            raise Refused("E_HEADER", "header")
        text = frame.text or frames.compact(frame)
        header = parse_header(frame.data("protected"), ("alg", "cty", "kid", "typ"), "sealwire-sh+jwt")
        kid = header.get("kid")
        key = self._pinned.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise Refused("E_KEY", "header")
        if header.get("alg") != key.algorithm or key.algorithm not in self._offer["sig"]:
            raise Refused("E_ALG", "header")
        if "cty" in header:
            raise Refused("E_CTY", "header")
        sh = hello.read_server_hello(jose.verify(text, key.key, (key.algorithm,), code="E_SIG_SERVER"))
        self._check_server_hello(sh)
        suite = sh["st"]
        z = agree(suite, self._settings.ephemeral[suite], sh["epk"])
        self._check_clock(sh)
        self._selected, self._server_key = sh, key
        self._schedule = Schedule(z, self._m1, text.encode("ascii"))
        self._send_client_auth(self._schedule)
        self.state = "wait-sr"

    def _check_server_hello(self, sh: Mapping[str, Any]) -> None:
        if sh["iss"] != self._settings.server_id:
            raise Refused("E_KEY", "claims")
        if sh["th"] != b64.encode(transcript_hash("ch", self._m1)):
            raise Refused("E_TRANSCRIPT", "claims")
        if sh["prt"] != self._protocol:
            raise Refused("E_DOWNGRADE", "claims")
        pol, signed = sh["pol"], sh["lvl"] in ("sig", "nest")
        if (
            any(sh[name] not in self._offer[name] for name in ("st", "lvl", "cod"))
            or (signed and pol["pop"] != "required")
            or pol["res"] != 0
            or (pol["seq"] == "window" and not self._own.admits_window)
            or (pol["pop"] == "required" and self._proof is None)
        ):
            raise Refused("E_NEGOTIATE", "claims")
        keys.check_agreement(sh["epk"], sh["st"])

    def _check_clock(self, sh: Mapping[str, Any]) -> None:
        """Server time counts from now on; a server is not to date the signatures of an honest client."""
        offset = sh["iat"] - (self._settings.now + self._clock)
        warn, most = self._limits["clockOffsetWarnSeconds"], self._limits["clockOffsetMaxSeconds"]
        if abs(offset) > (warn if sh["lvl"] in ("sig", "nest") else most):
            raise Refused("E_FUTURE", "claims")
        self._offset = offset

    # CA

    def _send_client_auth(self, schedule: Schedule) -> None:
        now = self._now()
        claims: dict[str, Any] = {
            "aud": self._settings.server_id,
            "iat": now,
            "exp": now + self._limits["clientAuthLifeSeconds"],
            "th": b64.encode(schedule.th2),
        }
        if self._own.upgrade_token and self._proof is not None:
            claims["ath"] = token.token_hash(self._own.token)
        else:
            claims["at"] = self._own.token
        plaintext, cty = hello.write(claims), None
        if self._proof is not None:
            header = {"alg": self._proof.algorithm, "jwk": self._proof.jwk, "typ": "sealwire-auth+jwt"}
            plaintext, cty = jose.sign(header, plaintext, self._proof.key).encode("ascii"), "JWT"
        own = schedule.client_auth
        protected = header_bytes(encrypted_header("sealwire-ca+jwt", own.key_id, cty))
        self._out.emit.append(frames.encode(self._wire, jose.encrypt(protected, plaintext, own.key, own.iv)))
        schedule.add_client_auth(plaintext)

    # SR

    def _read_server_ready(self, frame: Frame) -> None:
        assert self._schedule is not None
        schedule = self._schedule
        header = encrypted_header("sealwire-sr+jwt", schedule.server_ready.key_id)
        plaintext, _ = self._open_handshake_jwe(frame, [header], schedule.server_ready)
        sr = hello.read_server_ready(plaintext)
        binding = b64.encode(schedule.channel_binding)
        if sr["th"] != b64.encode(schedule.th3) or sr.get("cb", binding) != binding:
            raise Refused("E_TRANSCRIPT", "claims")
        skew, now = self._limits["skewSeconds"], self._now()
        if sr["iat"] > now + skew or now >= sr["exp"] + skew:
            raise Refused("E_SESSION_EXPIRED", "claims")
        sh = self._selected
        own = self._proof.thumbprint if self._proof else ""
        self._open_session(
            Profile(self._wire, sh["lvl"], sh["cod"]),
            True,
            (self._proof, self._server_key),
            sh["pol"]["seq"] == "strict",
            (own, self._settings.server_id),
            sh["lim"]["msg"],
            Opened(schedule.sid, sh["lvl"], sh["cod"], sr["sub"], sr["scp"], sr["exp"]),
        )
