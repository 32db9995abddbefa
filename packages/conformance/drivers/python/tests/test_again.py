"""What a resume sends again, and what it does not (lifecycle.md, sections 6 and 7)."""

import json
import unittest

from sealwire import b64, jose
from sealwire.outcome import Outcome
from sealwire.renewal import hello_keys
from tests.pair import Pair, access_token


class Again(unittest.TestCase):
    def taken_up(self, pair: Pair, wire: str = "") -> Outcome:
        """Resumes; gives what the server did when it verified `resumed`."""
        pair.cut()
        if wire:
            pair.use_wire(wire)
        pair.connect(resume=0)
        pair.settle()
        self.assertEqual((pair.client.state, pair.server.state), ("open", "open"))
        return next(outcome for outcome in reversed(pair.of_server) if outcome.resumed)

    def test_an_err_that_was_lost(self) -> None:
        """[resume:err]: with a new number, behind what is sent again."""
        pair = Pair(res=60).open()
        pair.s(pair.server.send("say", 0))
        pair.c(pair.client.send("no", 1))
        self.assertEqual([item.error for item in pair.carry_to_server().refused], ["E_DENIED"])
        pair.s(pair.server.send("say", 2))
        self.taken_up(pair)
        self.assertEqual([(item.seq, item.error) for outcome in pair.of_client for item in outcome.denied], [(1, "E_DENIED")])
        self.assertEqual(pair.delivered(at_server=False), [0, 2])
        assert pair.client.session is not None
        self.assertEqual(pair.client.session.committed, 4)  # 0, void, 2, err
        again = Pair(res=60).open()
        again.c(again.client.send("no", 1))
        again.settle()
        self.assertEqual(len(self.taken_up(again).emit), 1)  # `resumed` alone

    def test_an_err_of_the_client(self) -> None:
        pair = Pair(res=60).open()
        pair.s(pair.server.send("no", 1))
        pair.carry_to_client()
        self.taken_up(pair)
        self.assertEqual([item.seq for outcome in pair.of_server for item in outcome.denied], [1])

    def test_a_lost_scope_withdraws(self) -> None:
        """[resume:withdrawn]"""
        pair = Pair(res=60).open()
        pair.server.session.policy.scopes = {"say": "chat.say"}  # type: ignore[union-attr]
        pair.s(pair.server.send("say", 1))
        pair.c(pair.client.auth(access_token(scope="other", exp=9999999999)))
        pair.carry_to_server()
        outcome = self.taken_up(pair)
        self.assertEqual([item.seq for item in outcome.undetermined], [1])
        self.assertEqual(pair.delivered(at_server=False), [])
        closed = pair.s(pair.server.close())
        pair.settle()
        self.assertEqual((closed.undetermined, pair.of_server[-1].undetermined), ([], []))

    def test_a_message_too_large_for_the_new_wire(self) -> None:
        pair = Pair(res=60).open()
        size = 1048576 - 300  # in base64url it is larger than `lim.msg`
        pair.c(pair.client.send("say", "x" * size))
        pair.c(pair.client.send("say", "y"))
        self.taken_up(pair, "text")
        self.assertEqual(pair.delivered(), ["y"])
        self.assertEqual([item.seq for outcome in pair.of_client for item in outcome.undetermined], [1])

    def test_the_budget_does_not_begin_anew(self) -> None:
        """[ctl:budget]: the third `auth` is one too many, on whichever connection."""
        pair = Pair(limits={"controlBurst": 2}, res=60).open()
        for _ in range(2):
            pair.c(pair.client.auth(access_token()))
            pair.settle()
        self.taken_up(pair)
        pair.c(pair.client.auth(access_token()))
        outcome = pair.carry_to_server()
        self.assertEqual(outcome.error and outcome.error.error, "E_QUOTA")

    def test_a_life_begins_with_the_call(self) -> None:
        """Also where a message waits for room."""
        pair = Pair(limits={"retainedMessages": 1}, res=100).open()
        pair.c(pair.client.send("say", 0))
        pair.c(pair.client.send("say", 1, ttl=5))
        pair.c(pair.client.send("say", 2))
        pair.c(pair.client.tick(5))
        pair.s(pair.server.tick(5))
        pair.settle()
        self.assertEqual(pair.delivered(), [0])
        for _ in range(2):
            pair.tick(2)
            pair.settle()
        self.assertEqual(pair.delivered(), [0, 2])

    def test_default_life(self) -> None:
        for res, life in ((0, 60), (100, 160), (1000, 300)):
            pair = Pair("sig", res=res, limits={"idleSeconds": 1000}).open()
            pair.c(pair.client.send("say", 0))
            pair.s(pair.server.tick(life + 29))
            self.assertEqual(len(pair.carry_to_server().deliver), 1)
            pair = Pair("sig", res=res, limits={"idleSeconds": 1000}).open()
            pair.c(pair.client.send("say", 0))
            pair.s(pair.server.tick(life + 30))
            refused = pair.s(pair.server.receive(pair.to_server[-1][1]))
            self.assertEqual([item.error for item in refused.refused], ["E_EXPIRED"])

    def test_the_longest_life_across_a_clock_that_is_set_anew(self) -> None:
        """The server's time as SH of the resume tells it is a second earlier than the client had reckoned."""
        pair = Pair("sig", res=1000).open()
        pair.c(pair.client.tick(1))
        pair.cut()
        pair.c(pair.client.send("say", 1))
        pair.connect(resume=0)
        pair.settle()
        self.assertEqual((pair.delivered(), [item for outcome in pair.of_server for item in outcome.refused]), ([1], []))

    def test_a_full_queue(self) -> None:
        pair = Pair(limits={"queuedMessages": 1}, res=60).open()
        pair.cut()
        self.assertEqual([pair.c(pair.client.send("say", number)).thrown for number in range(2)], [None, "E_QUEUE_FULL"])

    def test_a_receipt_follows_the_reply(self) -> None:
        pair = Pair(limits={"ackMessages": 1}, res=60).open()
        pair.c(pair.client.request("echo", 1))
        self.assertEqual(len(pair.carry_to_server().emit), 2)
        self.assertEqual([item.data for item in pair.carry_to_client().settled], [1])

    def test_a_hash_of_no_token(self) -> None:
        """[resume:token]: `ath` where no token came with the upgrade."""
        pair = Pair("mac", "text", res=60).open()
        session = pair.client.session
        assert session is not None
        keys = hello_keys(session.channel.chain)
        pair.cut()
        for kid, extra, wanted in (
            (keys.key_id, {"ath": b64.encode(bytes(32))}, ("E_RESUME", "session")),
            (None, {}, ("E_RESUME", "header")),
            (keys.key_id, {}, None),
        ):
            pair.connect(resume=0)
            header, payload, _ = str(pair.to_server.pop()[1]).split(".")
            named = json.loads(b64.decode(header))
            named = {name: value for name, value in named.items() if name != "kid" or kid}
            content = json.dumps(json.loads(b64.decode(payload)) | extra).encode()
            outcome = pair.server.receive(jose.sign(named, content, jose.symmetric(keys.client)))
            error = outcome.failed.error if outcome.failed else None
            self.assertEqual((error.error, error.step) if error else None, wanted)


if __name__ == "__main__":
    unittest.main()
