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

    def test_an_unanswered_proposal_ends_the_session(self) -> None:
        pair = Pair().open()
        pair.c(pair.client.rekey())
        outcome = pair.client.tick(30)
        assert outcome.error is not None and outcome.close is not None
        self.assertEqual((outcome.error.error, outcome.close.code), ("E_TIMEOUT_HS", 3008))

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

    def test_window_order_knows_where_the_old_epoch_ended(self) -> None:
        pair = Pair(order="window").open()
        pair.s(pair.server.rekey())
        pair.carry_to_client()
        pair.c(pair.client.send("say", "new"))
        pair.carry_to_server()  # rekeyed
        ack = pair.to_server.pop(0)
        pair.carry_to_server()
        pair.to_server.append(ack)
        pair.settle()
        self.assertEqual(pair.delivered(), ["new"])
        assert pair.server.session is not None
        self.assertEqual(pair.server.session.window_report(), (0, 0))

    def test_window_order_takes_nothing_of_the_old_epoch_behind_its_end(self) -> None:
        pair = Pair(order="window").open()
        pair.s(pair.server.rekey())
        client, server = pair.client.session, pair.server.session
        assert client is not None and server is not None
        old = client.channel.sealer
        pair.carry_to_client()
        pair.carry_to_server()  # rekeyed, and nothing under the new epoch
        number = client.sent + 1  # above `rekeyed`
        message = old.seal(number, old.application(Outgoing(number, NOW + 60, "say", "late")))
        pair.s(pair.server.receive(message))
        self.assertEqual((pair.delivered(), server.window_report()[0]), ([], 1))


if __name__ == "__main__":
    unittest.main()
