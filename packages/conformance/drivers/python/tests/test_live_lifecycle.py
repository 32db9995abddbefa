"""The live client against the live server: refresh, rekey from either side, connections cut and resumed."""

import json
import unittest
from typing import Any

from tests.test_live import LiveCase, token

REQUEST_AND_CLOSE: list[dict[str, Any]] = [{"op": "request", "top": "echo", "data": 1}, {"op": "close"}]


class Lifecycle(LiveCase):
    def run_script(self, port: int, steps: list[dict[str, Any]], *more: str) -> list[dict[str, Any]]:
        (self.folder / "script").write_text("\n".join(map(json.dumps, steps)))
        code, events = self.connect(port, False, "--script", str(self.folder / "script"), *more)
        self.assertEqual(code, 0, events)
        return events

    def delivered(self, server: Any) -> list[Any]:
        return [event["data"] for event in self.of("deliver", self.stop(server))]

    def test_refresh(self) -> None:
        server, port = self.serve()
        events = self.run_script(port, [{"op": "auth", "at": token(self.issuer, None)}, *REQUEST_AND_CLOSE])
        self.assertEqual(len(self.of("refreshed", events)), 1)
        self.assertEqual(len(self.of("refreshed", self.stop(server))), 1)

    def test_a_token_of_somebody_else_is_refused(self) -> None:
        _, port = self.serve()
        events = self.run_script(port, [{"op": "auth", "at": "nonsense"}, *REQUEST_AND_CLOSE])
        self.assertEqual(len(self.of("notRefreshed", events)), 1)

    def test_rekey_from_either_side(self) -> None:
        for wire in ("text", "binary"):
            server, port = self.serve("--rekey", "renew")
            steps: list[dict[str, Any]] = [
                {"op": "rekey"},
                {"op": "request", "top": "echo", "data": 1},
                {"op": "send", "top": "renew", "data": None},
                {"op": "wait", "seconds": 0.3},
                {"op": "request", "top": "echo", "data": 2},
                {"op": "close"},
            ]
            events = self.run_script(port, steps, "--wire", wire)
            self.assertEqual(self.of("epoch", events)[-1], {"event": "epoch", "send": 2, "receive": 2})
            self.assertEqual(self.delivered(server), [1, None, 2])

    def test_cut_and_resumed(self) -> None:
        for side in ("client", "server"):
            server, port = self.serve("--res", "30", "--cut", "cut")
            cut = {"op": "cut"} if side == "client" else {"op": "send", "top": "cut", "data": "cut"}
            steps: list[dict[str, Any]] = [{"op": "send", "top": "say", "data": 1}, cut, {"op": "send", "top": "say", "data": 2}]
            steps += [{"op": "wait", "seconds": 0.5}, {"op": "request", "top": "echo", "data": 3}, {"op": "close"}]
            events = self.run_script(port, steps, "--resume")
            self.assertEqual(len(self.of("resumed", events)), 1)
            self.assertEqual([data for data in self.delivered(server) if data != "cut"], [1, 2, 3])

    def test_a_server_that_knows_nothing_of_the_session(self) -> None:
        """Every chain is refused, then a full handshake follows, and carries the idempotent message over."""
        first, port = self.serve("--res", "30")
        steps = [{"op": "wait", "seconds": 1}, {"op": "send", "top": "say", "data": "once", "idempotent": True}]
        steps += [{"op": "wait", "seconds": 2}, {"op": "close"}]
        (self.folder / "script").write_text("\n".join(map(json.dumps, steps)))
        client = self.start_client(port, "--script", str(self.folder / "script"), "--resume")
        assert client.stdout is not None
        self.assertEqual(json.loads(client.stdout.readline())["event"], "connected")
        self.assertEqual(json.loads(client.stdout.readline())["event"], "opened")
        first.kill()
        second, _ = self.serve("--res", "30", "--port", str(port))
        output, _ = client.communicate(timeout=20)
        events = [json.loads(line) for line in output.splitlines()]
        self.assertEqual(client.returncode, 0, events)
        self.assertEqual(len(self.of("opened", events)), 1)
        self.assertEqual(self.delivered(second), ["once"])


if __name__ == "__main__":
    unittest.main()
