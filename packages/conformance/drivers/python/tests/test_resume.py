"""Resume, acknowledgement and idempotent messages (lifecycle.md, sections 6 to 9)."""

import unittest
from itertools import product

from tests.pair import Pair


class Resume(unittest.TestCase):
    def resumable(self, level: str = "aead", wire: str = "binary", **limits: int) -> Pair:
        return Pair(level, wire, limits=limits, res=120).open()

    def test_nothing_is_lost_or_doubled(self) -> None:
        for level, wire in product(("mac", "aead", "sig", "nest"), ("text", "binary")):
            with self.subTest(level=level, wire=wire):
                pair = self.resumable(level, wire)
                pair.c(pair.client.send("say", 1))
                pair.settle()
                pair.c(pair.client.send("say", 2))
                pair.s(pair.server.send("say", "a"))
                pair.cut()
                self.assertEqual((pair.client.state, pair.server.state), ("lost", "lost"))
                pair.c(pair.client.send("say", 3))
                pair.s(pair.server.send("say", "b"))
                pair.connect(resume=0)
                pair.settle()
                self.assertEqual((pair.client.state, pair.server.state), ("open", "open"))
                pair.c(pair.client.send("say", 4))
                pair.settle()
                self.assertEqual((pair.delivered(), pair.delivered(at_server=False)), ([1, 2, 3, 4], ["a", "b"]))

    def test_while_the_old_connection_lives(self) -> None:
        """Interleaving 9.1: committed after the announcement, sent again, delivered once."""
        pair = self.resumable()
        pair.c(pair.client.send("say", 1))
        pair.c(pair.client.send("say", 2))
        late = pair.to_server.pop()
        pair.settle()
        pair.connect(resume=0)
        self.assertEqual(pair.client.state, "lost")
        pair.carry_to_server()  # CH: announces 1
        pair.to_server.append(late)
        pair.carry_to_server()
        pair.settle()
        self.assertEqual(pair.delivered(), [1, 2])
        superseded = [outcome.superseded for outcome in pair.of_server if outcome.superseded]
        self.assertEqual([(left.conn, left.code) for left in superseded], [(0, 4409)])
        pair.c(pair.client.send("say", 3))
        pair.settle()
        self.assertEqual(pair.delivered(), [1, 2, 3])

    def test_lost_rekeyed(self) -> None:
        """Interleaving 9.3."""
        pair = self.resumable()
        pair.c(pair.client.rekey())
        pair.carry_to_server()
        assert pair.server.session is not None
        self.assertEqual(len(pair.server.session.chains.held), 2)
        pair.cut()
        pair.connect(resume=0)
        pair.settle()
        self.assertEqual(pair.client.state, "open")
        self.assertEqual(len(pair.server.session.chains.held), 1)

    def test_lost_resumed_of_the_server(self) -> None:
        """Interleaving 9.4."""
        pair = self.resumable()
        pair.cut()
        pair.connect(resume=0)
        pair.carry_to_server()
        pair.carry_to_client()
        pair.carry_to_server()
        pair.cut()
        assert pair.client.session is not None
        self.assertEqual(len(pair.client.session.chains.held), 2)
        pair.connect(resume=0)
        pair.settle()
        self.assertEqual((pair.client.state, pair.server.state), ("open", "open"))

    def test_a_late_resumed(self) -> None:
        """Interleaving 9.5: the chain of the abandoned attempt is unknown, the one before it is not."""
        pair = self.resumable()
        pair.cut()
        pair.connect(resume=0)
        pair.carry_to_server()
        pair.carry_to_client()
        late = pair.to_server.pop()
        pair.c(pair.client.drop())
        pair.connect(resume=0)
        refused = pair.carry_to_server()
        assert refused.failed is not None and refused.failed.error is not None
        self.assertEqual((refused.failed.error.error, refused.failed.error.step), ("E_RESUME", "header"))
        pair.settle()
        pair.connect(resume=1)
        pair.settle()
        self.assertEqual(pair.client.state, "open")
        pair.to_server.append(late)
        refused = pair.carry_to_server()
        assert refused.failed is not None and refused.failed.error is not None
        self.assertEqual((refused.failed.error.error, refused.failed.error.step), ("E_RESUME", "session"))
        self.assertEqual(pair.server.state, "open")

    def test_acknowledgement_frees_and_never_loops(self) -> None:
        pair = self.resumable()
        for number in range(64):
            pair.c(pair.client.send("say", number))
        pair.settle()
        assert pair.client.session is not None
        self.assertEqual(pair.client.session.retention.undetermined(), [])
        pair.c(pair.client.send("say", "last"))
        pair.settle()
        self.assertEqual(len(pair.client.session.retention.undetermined()), 1)
        pair.tick(2)
        pair.settle()
        self.assertEqual(pair.client.session.retention.undetermined(), [])
        before = len(pair.of_client)
        pair.tick(20)
        self.assertEqual([outcome.emit for outcome in pair.of_client[before:]], [[]])

    def test_acknowledgements_are_no_flood(self) -> None:
        pair = self.resumable(controlBurst=3, controlPerSecond=1)
        for number in range(12 * 64):
            pair.c(pair.client.send("say", number))
        pair.settle()
        self.assertEqual((pair.client.state, len(pair.delivered())), ("open", 12 * 64))

    def test_a_bye_ends_what_could_be_resumed(self) -> None:
        pair = self.resumable()
        pair.s(pair.server.close())
        pair.to_client.clear()
        pair.c(pair.client.drop())
        pair.connect(resume=0)
        refused = pair.carry_to_server()
        assert refused.failed is not None and refused.failed.error is not None
        self.assertEqual((refused.failed.error.error, refused.state), ("E_RESUME", "closing"))

    def test_a_full_buffer_waits(self) -> None:
        pair = self.resumable(retainedMessages=2)
        emitted = [len(pair.c(pair.client.send("say", number)).emit) for number in range(4)]
        self.assertEqual(emitted, [1, 1, 0, 0])
        pair.settle()
        pair.tick(2)
        pair.settle()
        self.assertEqual(pair.delivered(), [0, 1, 2, 3])

    def test_a_peer_that_is_too_far_behind(self) -> None:
        """resume:bounded, where nothing of what an end said arrived: 3 * 1 + 2 numbers are sent again, and no more."""
        for of_client, acks in product((True, False), (4, 5)):
            with self.subTest(of_client=of_client, acks=acks):
                pair = self.resumable(retainedMessages=1, controlBurst=2)
                do, end, peer = (pair.c, pair.client, pair.server) if of_client else (pair.s, pair.server, pair.client)
                do(end.send("say", 1))
                for number in range(acks):
                    (pair.s if of_client else pair.c)(peer.send("say", number))
                    (pair.to_server if of_client else pair.to_client).clear()
                    pair.carry_to_client() if of_client else pair.carry_to_server()
                    self.assertEqual(len(do(end.tick(2)).emit), 1)
                    assert peer.session is not None
                    peer.session.retention.acknowledge(number + 1)
                pair.cut()
                pair.connect(resume=0)
                pair.settle()
                is_open = acks == 4
                self.assertEqual((pair.client.state, pair.server.state), ("open",) * 2 if is_open else ("lost",) * 2)

    def test_the_session_ends_without_a_connection(self) -> None:
        pair = self.resumable()
        pair.c(pair.client.send("say", 1))
        pair.cut()
        pair.tick(119)
        self.assertEqual((pair.client.state, pair.server.state), ("lost", "lost"))
        outcome = pair.c(pair.client.tick(1))
        self.assertEqual([item.seq for item in outcome.undetermined], [1])
        self.assertEqual(pair.client.state, "closed")

    def test_silence_loses_the_connection_alone(self) -> None:
        pair = self.resumable()
        outcome = pair.client.tick(120)
        assert outcome.close is not None
        self.assertEqual((outcome.state, outcome.close.code, outcome.emit), ("lost", 3008, []))

    def test_no_fifth_chain(self) -> None:
        pair = self.resumable()
        pair.cut()
        assert pair.client.session is not None
        for attempt in range(3):
            pair.connect(resume=attempt)  # the oldest is the one that the server holds
            pair.carry_to_server()
            pair.carry_to_client()
            pair.to_server.clear()
            pair.c(pair.client.drop())
        self.assertEqual(len(pair.client.session.chains.held), 4)
        pair.connect(resume=0)
        self.assertTrue(pair.to_server[-1][1][:3] == b"\x82\x00\x59")  # form 0: a full handshake


if __name__ == "__main__":
    unittest.main()
