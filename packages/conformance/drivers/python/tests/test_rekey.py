"""Rekey (lifecycle.md, section 3): both proposers, at every level, and what crosses it."""

import unittest
from itertools import product

from sealwire.claims import Outgoing
from sealwire.outcome import Epoch
from tests.pair import NOW, Pair


class Rekey(unittest.TestCase):
    def test_either_end_at_every_level(self) -> None:
        for level, wire, by_client in product(("mac", "aead", "sig", "nest"), ("text", "binary"), (True, False)):
            with self.subTest(level=level, wire=wire, by_client=by_client):
                pair = Pair(level, wire).open()
                pair.c(pair.client.rekey()) if by_client else pair.s(pair.server.rekey())
                pair.c(pair.client.send("say", 1))
                pair.s(pair.server.send("say", 2))
                pair.settle()
                pair.c(pair.client.send("say", 3))
                pair.s(pair.server.send("say", 4))
                pair.settle()
                self.assertEqual((pair.delivered(), pair.delivered(at_server=False)), ([1, 3], [2, 4]))
                for end in (pair.client, pair.server):
                    assert end.session is not None
                    self.assertEqual((end.session.channel.send_epoch, end.session.channel.receive_epoch), (1, 1))
                    self.assertEqual(len(end.session.chains.held), 1)

    def test_again_and_again(self) -> None:
        pair = Pair().open()
        for epoch in range(1, 5):
            pair.s(pair.server.rekey())
            pair.settle()
            self.assertIn(Epoch(epoch, epoch), [outcome.epoch for outcome in pair.of_client])

    def test_crossing_proposals(self) -> None:
        pair = Pair().open()
        pair.c(pair.client.rekey())
        pair.s(pair.server.rekey())
        pair.settle()
        assert pair.client.session is not None and pair.server.session is not None
        self.assertEqual(pair.client.session.channel.chain, pair.server.session.channel.chain)
        self.assertEqual(pair.server.session.channel.receive_epoch, 1)

    def test_an_unanswered_proposal_ends_the_connection(self) -> None:
        """[rekey:timeout], [resume:no-bye]"""
        for res, state, emitted in ((0, "closed", 1), (60, "lost", 0)):
            pair = Pair(res=res).open()
            pair.c(pair.client.rekey())
            outcome = pair.client.tick(30)
            assert outcome.close is not None
            self.assertEqual((outcome.close.code, outcome.state, len(outcome.emit)), (3008, state, emitted))
            self.assertEqual(outcome.error is None, res > 0)

    def test_old_keys_end_the_session(self) -> None:
        """[rekey:key-age]"""
        limits = {"keySeconds": 100, "rekeySeconds": 80, "rekeyWaitSeconds": 90}
        outcome = Pair(limits=limits, res=60).open().server.tick(100)
        assert outcome.error is not None and outcome.close is not None
        self.assertEqual((outcome.error.error, outcome.close.code, outcome.state), ("E_KEY_LIMIT", 4508, "closed"))

    def test_nothing_follows_a_bye(self) -> None:
        """`rekeyed` behind the own `bye` is derived from, since the peer's `bye` stands under the new keys."""
        for order in ("strict", "window"):
            with self.subTest(order=order):
                pair = Pair(order=order).open()
                pair.c(pair.client.rekey())
                pair.c(pair.client.close())
                pair.carry_to_server()
                before = len(pair.of_client)
                pair.settle()
                self.assertEqual([outcome.emit for outcome in pair.of_client[before:]], [[]] * len(pair.of_client[before:]))
                assert pair.client.ended is not None and pair.server.session is not None
                self.assertTrue(pair.client.ended.clean)

    def test_a_client_waits_for_a_tenth_more(self) -> None:
        pair = Pair(limits={"rekeyMessages": 10}).open()
        for _ in range(9):
            self.assertEqual(len(pair.c(pair.client.send("say", 0)).emit), 1)
        self.assertEqual(len(pair.c(pair.client.send("say", 0)).emit), 1)
        self.assertEqual(len(pair.c(pair.client.send("say", 0)).emit), 2)
        pair = Pair(limits={"rekeyMessages": 10}).open()
        for _ in range(9):
            pair.s(pair.server.send("say", 0))
        self.assertEqual(len(pair.s(pair.server.send("say", 0)).emit), 2)

    def test_an_application_message_before_ack(self) -> None:
        for level, wire, code in (("aead", "text", "E_HEADER"), ("sig", "text", "E_BINDING"), ("sig", "binary", "E_HEADER")):
            with self.subTest(level=level, wire=wire):
                pair = Pair(level, wire).open()
                pair.s(pair.server.rekey())
                answer = pair.carry_to_client()
                self.assertEqual(len(answer.emit), 2)  # rekeyed, ack
                pair.c(pair.client.send("say", 1))
                pair.carry_to_server()
                del pair.to_server[0]  # the ack
                outcome = pair.carry_to_server()
                assert outcome.error is not None
                self.assertEqual(outcome.error.error, code)

    def test_window_order_mixes_epochs(self) -> None:
        pair = Pair(order="window").open()
        pair.c(pair.client.send("say", "old"))
        held = pair.to_server.pop()
        pair.c(pair.client.rekey())
        pair.settle()
        pair.c(pair.client.send("say", "new"))
        pair.settle()
        pair.to_server.append(held)
        pair.settle()
        self.assertEqual(pair.delivered(), ["new", "old"])

    def test_window_order_goes_on_under_the_old_epoch(self) -> None:
        """[rekey:window-send]: the responder switches with the first message under the new keys."""
        pair = Pair(order="window").open()
        pair.s(pair.server.rekey())
        answer = pair.carry_to_client()
        self.assertEqual((len(answer.emit), answer.epoch), (1, None))  # rekeyed alone
        pair.c(pair.client.send("say", "old"))
        pair.to_server.reverse()  # it overtakes the answer
        self.assertEqual(pair.carry_to_server().deliver[0].data, "old")
        self.assertEqual(pair.carry_to_server().epoch, Epoch(1, 0))
        switched = pair.carry_to_client()
        self.assertEqual((len(switched.emit), switched.epoch), (1, Epoch(1, 1)))
        pair.c(pair.client.send("say", "new"))
        pair.to_server.reverse()  # it overtakes the ack
        pair.settle()
        assert pair.server.session is not None
        self.assertEqual((pair.delivered(), pair.server.session.window_report()), (["old", "new"], (0, 0)))

    def test_window_order_takes_nothing_of_the_old_epoch_behind_its_end(self) -> None:
        """[rekey:window], [rekey:window-old]"""
        for level, wire in product(("mac", "aead", "sig", "nest"), ("text", "binary")):
            with self.subTest(level=level, wire=wire):
                pair = Pair(level, wire, order="window").open()
                client, server = pair.client.session, pair.server.session
                assert client is not None and server is not None
                old = client.channel.sealer
                for _ in range(2):
                    pair.c(pair.client.send("say", "early"))
                held = pair.to_server.pop(0)
                pair.s(pair.server.rekey())
                pair.settle()
                number = client.sent + 1  # above the first one of the new epoch
                content = old.application(Outgoing(number, NOW + 60, "say", "late", iat=NOW))
                pair.s(pair.server.receive(old.seal(number, content)))
                self.assertEqual((pair.delivered(), server.window_report()[0]), (["early"], 1))
                pair.to_server.append(held)
                pair.settle()
                self.assertEqual((pair.delivered(), server.window_report()[0]), (["early", "early"], 1))

    def test_window_order_deletes_keys_with_the_epoch_after_the_next(self) -> None:
        pair = Pair(order="window").open()
        pair.c(pair.client.send("say", "old"))
        held = pair.to_server.pop()
        pair.s(pair.server.rekey())
        pair.settle()
        pair.s(pair.server.rekey())
        pair.carry_to_client()
        pair.to_server.insert(0, held)  # the keys of epoch 2 are not derived yet at the server
        pair.carry_to_server()
        self.assertEqual(pair.delivered(), ["old"])
        pair = Pair(order="window").open()
        pair.c(pair.client.send("say", "old"))
        held = pair.to_server.pop()
        for _ in range(2):
            pair.s(pair.server.rekey())
            pair.settle()
        pair.to_server.append(held)
        pair.settle()
        assert pair.server.session is not None
        self.assertEqual((pair.delivered(), pair.server.session.window_report()[0]), ([], 1))

    def test_window_order_and_crossing_proposals(self) -> None:
        """The proposal of the client is ignored before and after the server's own was answered."""
        for late in (False, True):
            pair = Pair(order="window").open()
            pair.c(pair.client.rekey())
            pair.s(pair.server.rekey())
            if late:
                own = pair.to_server.pop()
                pair.carry_to_client()
                pair.carry_to_server()  # rekeyed
                pair.to_server.append(own)
            pair.settle()
            for end in (pair.client, pair.server):
                assert end.session is not None
                self.assertEqual((end.session.channel.send_epoch, end.session.channel.receive_epoch), (1, 1))

    def test_a_message_of_the_epoch_before(self) -> None:
        for level, wire, code in (("aead", "text", "E_HEADER"), ("sig", "text", "E_BINDING"), ("sig", "binary", "E_HEADER")):
            for by_client in (True, False):
                with self.subTest(level=level, wire=wire, by_client=by_client):
                    pair = Pair(level, wire).open()
                    sender, receiver = (pair.client, pair.server) if by_client else (pair.server, pair.client)
                    assert sender.session is not None
                    old = sender.session.channel.sealer
                    pair.s(pair.server.rekey())
                    pair.settle()
                    number = sender.session.sent + 1
                    content = old.application(Outgoing(number, NOW + 60, "say", "late", iat=NOW))
                    outcome = receiver.receive(old.seal(number, content))
                    assert outcome.error is not None
                    self.assertEqual(outcome.error.error, code)


if __name__ == "__main__":
    unittest.main()
