"""The examples of the documents, read from specs/ and recomputed: `build/venv/bin/python -m unittest`."""

import re
import unittest
from pathlib import Path

from sealwire import b64, frames, jose
from sealwire.claims import Application, Outgoing
from sealwire.message import Direction, Profile
from sealwire.opening import Expected, Opener
from sealwire.replay import Strict
from sealwire.schedule import Schedule, agree
from sealwire.sealing import Sealer
from sealwire.strictjson import parse_object
from vector_files import seed

SPECS = Path(__file__).resolve().parents[5] / "specs"


def blocks(document: str, example: str) -> list[str]:
    """The code blocks of one example, without the line breaks that are for the page only."""
    text = (SPECS / document).read_text("utf-8")
    part = text.split(f"<!-- generated:{example} -->")[1].split("<!-- /generated -->")[0]
    return re.findall(r"```\w+\n(.*?)```", part, re.DOTALL)


def joined(block: str) -> str:
    return block.replace("\n", "")


class Examples(unittest.TestCase):
    def setUp(self) -> None:
        ch, sh, _, ca, inner, _, sr, _ = blocks("session.md", "example-handshake")
        self.m1, self.m2 = joined(ch).encode(), joined(sh).encode()
        self.ca, self.p3, self.sr = joined(ca), joined(inner), joined(sr)
        kex = parse_object(self.m1)["kex"][0]
        epk = parse_object(b64.decode(joined(sh).split(".")[1]))["epk"]
        own = {**kex, "d": b64.encode(seed("client ephemeral p256"))}
        self.schedule = Schedule(agree("p256", own, epk), self.m1, self.m2)
        self.schedule.add_client_auth(self.p3.encode())

    def test_key_schedule(self) -> None:
        text = (SPECS / "session.md").read_text("utf-8")
        table = dict(re.findall(r"\| `([cs] (?:hs|app) \w+)` \| `([0-9a-f]+)` \|", text))
        self.assertEqual(len(table), 14)
        for label, value in table.items():
            self.assertEqual(self.schedule.labels[label].hex(), value, label)

    def test_client_authentication_and_server_ready_decrypt(self) -> None:
        for text, keys in ((self.ca, self.schedule.client_auth), (self.sr, self.schedule.server_ready)):
            key = jose.import_key({"kty": "oct", "k": b64.encode(keys.key)})
            plaintext = jose.decrypt(text, key)
            self.assertEqual(frames.decode_compact(text, "encoding").data("iv"), keys.iv)  # seq 0
        ready = parse_object(plaintext)
        self.assertEqual(ready["th"], b64.encode(self.schedule.th3))
        self.assertEqual(ready["cb"], b64.encode(self.schedule.channel_binding))

    def test_message_on_both_wires(self) -> None:
        text, binary = (joined(blocks("envelope.md", f"example-{name}")[0]) for name in ("text", "binary"))
        data = {"text": "hello"}
        for wire, message in (("text", text), ("binary", bytes.fromhex(binary))):
            direction = Direction(Profile(wire, "aead", "json"), self.schedule.traffic.client, None)
            sealer = Sealer(direction, None)
            content = sealer.application(Outgoing(1, 1893456060, "chat.say", data))
            self.assertEqual(sealer.seal(1, content), message)
            self.assertEqual(sealer.size(1, content), len(message))
            opened = Opener(direction, None).open(message, Expected(Strict(), 0, 0)).content
            assert isinstance(opened, Application)
            self.assertEqual(opened.items[0].data, data)
        headers = {0: frames.decode_compact(text, "encoding").data("protected")}
        self.assertEqual(frames.expand(bytes.fromhex(binary), headers, self.schedule.traffic.client.iv), text)


if __name__ == "__main__":
    unittest.main()
