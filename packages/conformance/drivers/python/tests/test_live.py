"""The live client against the live server, as processes: every level on every wire."""

import json
import subprocess
import sys
import tempfile
import time
import unittest
from itertools import product
from pathlib import Path
from typing import Any

from generate import private_key
from sealwire import jose
from sealwire.keys import configured, public

HERE = Path(__file__).resolve().parents[1]
SERVER_ID, ISSUER = "https://chat.example", "https://issuer.example"
ED25519 = {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519"}
ES256 = {"kty": "EC", "crv": "P-256", "alg": "ES256"}


def token(issuer: dict[str, Any], proof: dict[str, Any] | None) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": SERVER_ID, "sub": "alice", "iat": now, "exp": now + 600, "scope": "chat.say chat.read"}
    if proof is not None:
        claims["cnf"] = {"jkt": configured(proof).thumbprint}
    return jose.sign({"alg": "ES256", "typ": "at+jwt"}, json.dumps(claims).encode(), jose.import_key(issuer))


class LiveCase(unittest.TestCase):
    """Starts servers and clients as processes."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.proof, self.issuer = private_key("live client", ES256), private_key("live issuer", ES256)
        identity = [private_key("live server Ed25519", ED25519), private_key("live server ES256", ES256)]
        pinned = [public(key) | {"alg": key["alg"]} for key in identity]
        self.write("identity", {"keys": identity})
        self.write("pinned", {"keys": pinned})
        self.write("jwks", {"keys": [public(self.issuer)]})
        self.write("proof", self.proof)

    def write(self, name: str, value: Any) -> None:
        (self.folder / name).write_text(json.dumps(value))

    def serve(self, *more: str) -> tuple["subprocess.Popen[str]", int]:
        files = ("--identity", str(self.folder / "identity"), "--jwks", str(self.folder / "jwks"))
        command = [sys.executable, "-m", "live.server", "--server-id", SERVER_ID, "--issuer", ISSUER, *files, *more]
        process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())["port"]

    def stop(self, process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
        if process.stdout is not None and process.stdout.closed:
            return []
        if process.poll() is None:
            process.terminate()
        output, _ = process.communicate(timeout=20)
        return [json.loads(line) for line in output.splitlines()]

    def command(self, port: int, proved: bool, *more: str) -> list[str]:
        proof = ("--proof-key", str(self.folder / "proof")) if proved else ()
        access = token(self.issuer, self.proof if proved else None)
        where = ("--url", f"ws://127.0.0.1:{port}/", "--server-id", SERVER_ID, "--pinned", str(self.folder / "pinned"))
        return [sys.executable, "-m", "live.client", *where, "--token", access, *proof, *more]

    def start_client(self, port: int, *more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(self.command(port, False, *more), cwd=HERE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        return process

    def connect(self, port: int, proved: bool, *more: str) -> tuple[int, list[dict[str, Any]]]:
        command = self.command(port, proved, *more)
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def of(self, name: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [event for event in events if event["event"] == name]


class Live(LiveCase):
    def test_every_level_on_every_wire(self) -> None:
        server, port = self.serve()
        combinations = list(product(("mac", "aead", "sig", "nest"), ("text", "binary")))
        for level, wire in combinations:
            suite, codec = ("p256", "json") if wire == "text" else ("x25519", "cbor")
            chosen = ("--level", level, "--wire", wire, "--suite", suite, "--codec", codec)
            code, events = self.connect(port, level in ("sig", "nest"), *chosen)
            self.assertEqual(code, 0, events)
            self.assertEqual(self.of("opened", events)[0]["lvl"], level)
            self.assertEqual(self.of("settled", events), [{"event": "settled", "seq": 1, "data": {"text": "hello"}}])
            self.assertEqual(self.of("ended", events)[0]["code"], 1000)
        delivered = [event["data"] for event in self.of("deliver", self.stop(server))]
        exchange = [{"text": "hello"}, {"n": 1}, {"$bytes": "00ff10"}]
        self.assertEqual(delivered, exchange * len(combinations))

    def test_bearer_is_refused_where_proof_is_required(self) -> None:
        _, port = self.serve("--pop", "required")
        code, events = self.connect(port, False)
        self.assertEqual(code, 1)
        self.assertEqual(self.of("ended", events)[0]["error"], "E_NEGOTIATE")
        code, events = self.connect(port, True, "--level", "aead")
        self.assertEqual(code, 0, events)

    def test_upgrade_token_with_proof(self) -> None:
        _, port = self.serve("--accept-upgrade-token")
        code, events = self.connect(port, True, "--upgrade-token", "DPoP")
        self.assertEqual(code, 0, events)

    def test_server_asks_and_reflects(self) -> None:
        server, port = self.serve("--ask", "echo", "--reflect", "say")
        script = [{"op": "send", "top": "say", "data": 7}, {"op": "wait", "seconds": 1}, {"op": "close"}]
        self.write("script", "")
        (self.folder / "script").write_text("\n".join(map(json.dumps, script)))
        code, events = self.connect(port, False, "--script", str(self.folder / "script"))
        self.assertEqual(code, 0, events)
        self.assertEqual([event["data"] for event in self.of("deliver", events)], [{"from": "python"}, 7])
        settled = self.of("settled", self.stop(server))
        self.assertEqual([event["data"] for event in settled], [{"from": "python"}])


if __name__ == "__main__":
    unittest.main()
