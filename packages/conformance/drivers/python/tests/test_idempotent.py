"""Messages that outlive their session (lifecycle.md, section 8)."""

import unittest

from sealwire.refreshing import ClientRefreshing
from sealwire.replay import MemoryStore
from tests.pair import NOW, Pair, access_token, message_id


class Idempotent(unittest.TestCase):
    def again(self, pair: Pair) -> None:
        """A new session, since the server has given up the former one."""
        pair.cut()
        pair.s(pair.server.tick(120))
        pair.connect()
        pair.settle()
        self.assertEqual(pair.client.state, "open")

    def kept(self, pair: Pair) -> list[tuple[str | None, int | None, int]]:
        assert pair.client.session is not None
        retention, count = pair.client.session.retention, pair.client.session.sent
        messages = [message for seq in range(1, count + 1) if (message := retention.get(seq)) is not None]
        return [(message.jti, message.iat, message.exp) for message in messages]

    def test_once_in_two_sessions(self) -> None:
        """[idem:same], [idem:first]"""
        for level in ("mac", "aead", "sig", "nest"):
            with self.subTest(level=level):
                pair = Pair(level, limits={"idleSeconds": 1000}, res=120).open()
                pair.c(pair.client.send("say", "once", jti=message_id("a")))
                first = self.kept(pair)
                self.assertEqual(first, [(message_id("a"), NOW + 1, NOW + 180)])  # SH is of NOW
                pair.carry_to_server()
                pair.c(pair.client.tick(100))
                self.again(pair)
                self.assertEqual((pair.delivered(), self.kept(pair)), (["once"], first))
                opened = next(outcome for outcome in reversed(pair.of_client) if outcome.opened)
                self.assertEqual([(item.seq, item.jti) for item in opened.undetermined], [(1, message_id("a"))])

    def test_a_store_that_began_empty(self) -> None:
        """[store:start] holds for what may have been sent before, and not for what was made in this session."""
        pair = Pair(limits={"idleSeconds": 1000}, res=120, store=MemoryStore(100, 30, NOW)).open()
        pair.c(pair.client.send("say", "new", jti=message_id("a")))
        pair.settle()
        self.assertEqual(pair.delivered(), ["new"])
        pair.c(pair.client.send("say", "lost", jti=message_id("b")))
        self.again(pair)
        refused = [item.error for outcome in pair.of_server for item in outcome.refused]
        self.assertEqual((pair.delivered(), refused), (["new"], ["E_REPLAY_STORE"] * len(refused)))
        self.assertGreater(len(refused), 0)
        denied = [item.error for outcome in pair.of_client for item in outcome.denied]
        self.assertEqual(denied, refused)

    def test_none_in_window_order(self) -> None:
        pair = Pair(order="window").open()
        outcome = pair.c(pair.client.send("say", 1, jti=message_id("a")))
        self.assertEqual((outcome.thrown, outcome.emit), ("TypeError", []))

    def test_none_kept_in_a_session_that_is_not_resumable(self) -> None:
        pair = Pair().open()
        pair.c(pair.client.send("say", "once", jti=message_id("a")))
        pair.cut()
        pair.connect()
        pair.settle()
        self.assertEqual((pair.client.state, pair.delivered()), ("open", []))

    def test_other_messages_stay_in_their_session(self) -> None:
        """[idem:only]"""
        pair = Pair(res=120).open()
        pair.c(pair.client.send("say", 1))
        self.again(pair)
        self.assertEqual(pair.delivered(), [])

    def test_nobody_sends_those_of_another_subject(self) -> None:
        """[idem:subject]: neither what was sent before the loss nor what waits for a number."""
        for sub, delivered in (("alice", ["sent", "waits"]), ("bob", [])):
            pair = Pair(res=120).open()
            pair.c(pair.client.send("say", "sent", jti=message_id("a")))
            pair.cut()
            pair.c(pair.client.send("say", "waits", jti=message_id("b")))
            pair.tick(1)
            session = pair.client.session
            assert session is not None and isinstance(session.refreshing, ClientRefreshing)
            session.refreshing.token = access_token(sub=sub)
            pair.connect()
            pair.settle()
            self.assertEqual((pair.client.state, pair.delivered()), ("open", delivered))

    def test_an_expired_one_is_not_sent(self) -> None:
        pair = Pair(res=120).open()
        pair.c(pair.client.send("say", 1, ttl=5, jti=message_id("a")))
        pair.c(pair.client.tick(5))
        self.again(pair)
        self.assertEqual(pair.delivered(), [])


if __name__ == "__main__":
    unittest.main()
