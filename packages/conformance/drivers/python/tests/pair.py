"""A client and a server in one virtual time, for tests: what one sends waits until the test carries it over."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from generate import private_key
from sealwire import b64, jose
from sealwire.client import Client
from sealwire.frames import Message
from sealwire.keys import configured, public
from sealwire.outcome import Outcome
from sealwire.replay import MemoryStore
from sealwire.server import Server
from sealwire.settings import ClientSettings, Draw, Policy, ServerSettings
from sealwire.token import Issuer

NOW, SERVER_ID, ISSUER = 1893456000, "https://chat.example", "https://issuer.example"
ED25519 = {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519"}
ES256 = {"kty": "EC", "crv": "P-256", "alg": "ES256"}
IDENTITY, PROOF, ISSUER_KEY = (private_key(f"pair {name}", kind) for name, kind in (("s", ED25519), ("c", ED25519), ("i", ES256)))
CURVES = {"p256": {"kty": "EC", "crv": "P-256"}, "x25519": {"kty": "OKP", "crv": "X25519"}}
WIRES = {"text": "sealwire.v1.text", "binary": "sealwire.v1.cbor"}


def draws(who: str) -> Iterator[Draw]:
    count = 0
    while True:
        ephemeral = {suite: private_key(f"pair {who} {suite} {count}", kind) for suite, kind in CURVES.items()}
        yield Draw(ephemeral, hashlib.sha256(f"{who} {count}".encode()).digest())
        count += 1


def access_token(bound: bool = False, **claims: Any) -> str:
    payload = {"iss": ISSUER, "aud": SERVER_ID, "sub": "alice", "exp": NOW + 600, "scope": "chat.say", **claims}
    if bound:
        payload["cnf"] = {"jkt": configured(PROOF).thumbprint}
    return jose.sign({"alg": "ES256", "typ": "at+jwt"}, json.dumps(payload).encode(), jose.import_key(ISSUER_KEY))


def message_id(name: str) -> str:
    return b64.encode(hashlib.sha256(name.encode()).digest()[:16])


class Pair:
    """`server` options are those of ServerSettings; connections have the same number at both ends."""

    def __init__(
        self,
        level: str = "aead",
        wire: str = "binary",
        codec: str = "json",
        suite: str = "x25519",
        limits: dict[str, int] | None = None,
        token: str | None = None,
        order: str = "strict",
        **server: Any,
    ) -> None:
        bound, limits = level in ("sig", "nest"), limits or {}
        policy = Policy(frozenset({"say", "echo"}), {"echo": lambda data: data})
        names = {"prt": [WIRES[wire]], "st": [suite], "lvl": [level], "cod": [codec]}
        self.client = Client(
            ClientSettings(
                SERVER_ID,
                NOW,
                draws("client"),
                limits=limits,
                policy=policy,
                pinned=[public(IDENTITY) | {"alg": "Ed25519"}],
                offer=names | {"sig": ["Ed25519"]},
                token=token or access_token(bound),
                proof_key=PROOF if bound else None,
                admits_window=order == "window",
            )
        )
        self.server = Server(
            ServerSettings(
                SERVER_ID,
                NOW,
                draws("server"),
                limits=limits,
                policy=policy,
                identity=[IDENTITY],
                support=names,
                order=order,
                issuers=[Issuer(ISSUER, SERVER_ID, [public(ISSUER_KEY)])],
                **{"store": MemoryStore(100, 30), **server},
            )
        )
        self._protocol = WIRES[wire]
        self.to_server: list[tuple[int, Message]] = []
        self.to_client: list[tuple[int, Message]] = []
        self.of_client: list[Outcome] = []
        self.of_server: list[Outcome] = []

    def c(self, outcome: Outcome) -> Outcome:
        """What the client did."""
        self.of_client.append(outcome)
        self.to_server += [(sent.conn, sent.message) for sent in outcome.emit]
        return outcome

    def s(self, outcome: Outcome) -> Outcome:
        self.of_server.append(outcome)
        self.to_client += [(sent.conn, sent.message) for sent in outcome.emit]
        return outcome

    def connect(self, resume: int | None = None) -> None:
        self.s(self.server.start(self._protocol))
        self.c(self.client.start(self._protocol, resume))

    def use_wire(self, wire: str) -> None:
        """Of the connections that follow."""
        self._protocol = WIRES[wire]
        self.client.offer["prt"] = [self._protocol]
        self.server.settings.support["prt"][:] = [self._protocol]

    def carry_to_server(self) -> Outcome:
        conn, message = self.to_server.pop(0)
        return self.s(self.server.receive(message, conn=conn))

    def carry_to_client(self) -> Outcome:
        conn, message = self.to_client.pop(0)
        return self.c(self.client.receive(message, conn=conn))

    def settle(self) -> "Pair":
        """Carries everything over, until nothing is under way."""
        while self.to_server or self.to_client:
            self.carry_to_server() if self.to_server else self.carry_to_client()
        return self

    def open(self) -> "Pair":
        self.connect()
        self.settle()
        assert (self.client.state, self.server.state) == ("open", "open")
        return self

    def tick(self, seconds: float) -> None:
        self.c(self.client.tick(seconds))
        self.s(self.server.tick(seconds))

    def cut(self) -> None:
        """The connection is gone, with everything on it."""
        self.to_server.clear()
        self.to_client.clear()
        self.c(self.client.drop())
        self.s(self.server.drop())

    def delivered(self, at_server: bool = True) -> list[Any]:
        return [item.data for outcome in (self.of_server if at_server else self.of_client) for item in outcome.deliver]
