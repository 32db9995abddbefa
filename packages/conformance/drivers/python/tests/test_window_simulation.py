"""Random lives of a session in window order: messages in any order, and rekeys of both ends across them.

No authentic message ends the session. What a whole rekey overtook may be dropped; everything else is delivered once, and both ends
come to the same keys. At `sig` on the text wire such a message is fatal (`E_BINDING`), so that nothing is held up for long there.
"""

import random
import unittest
from itertools import product

from tests.pair import Pair

STEPS, SEEDS = 120, 12


class World:
    def __init__(self, seed: int, level: str, wire: str) -> None:
        self.random = random.Random(seed)
        limits = {"replayDrops": 1000, "controlBurst": 10000}
        self.pair = Pair(level, wire, limits=limits, order="window").open()
        self.keeps_order = (level, wire) == ("sig", "text")
        self.count = 0

    def step(self) -> None:
        self.random.choice((self.send, self.send, self.rekey, *[self.carry] * 4))()

    def send(self) -> None:
        self.count += 1
        if self.random.random() < 0.5:
            self.pair.c(self.pair.client.send("say", self.count))
        else:
            self.pair.s(self.pair.server.send("say", self.count))

    def rekey(self) -> None:
        self.pair.c(self.pair.client.rekey()) if self.random.random() < 0.5 else self.pair.s(self.pair.server.rekey())

    def carry(self) -> None:
        """Any message that is under way; where the order is kept it overtakes one at most."""
        to_server = self.random.random() < 0.5
        queue = self.pair.to_server if to_server else self.pair.to_client
        if queue:
            reach = min(2, len(queue)) if self.keeps_order else len(queue)
            queue.insert(0, queue.pop(self.random.randrange(reach)))
            self.pair.carry_to_server() if to_server else self.pair.carry_to_client()


class WindowSimulation(unittest.TestCase):
    def test_once_in_any_order(self) -> None:
        for level, wire, seed in product(("mac", "aead", "sig", "nest"), ("text", "binary"), range(SEEDS)):
            with self.subTest(level=level, wire=wire, seed=seed):
                self.live(World(seed, level, wire))

    def live(self, world: World) -> None:
        pair = world.pair
        for _ in range(STEPS):
            world.step()
            self.assertEqual((pair.client.state, pair.server.state), ("open", "open"))
        pair.settle()
        self.assertEqual((pair.client.state, pair.server.state), ("open", "open"))
        client, server = pair.client.session, pair.server.session
        assert client is not None and server is not None
        self.assertEqual(client.channel.chain, server.channel.chain)
        self.assertEqual((client.channel.send_epoch, client.channel.receive_epoch), (server.channel.receive_epoch, server.channel.send_epoch))
        reports = [client.window_report(), server.window_report()]
        self.assertEqual(*zip(*reports))  # what was dropped is what is missing
        delivered = sorted(pair.delivered() + pair.delivered(at_server=False))
        self.assertEqual(len(delivered), len(set(delivered)))
        self.assertGreaterEqual(len(delivered) + sum(dropped or 0 for dropped, _ in reports), world.count)
        self.assertGreater(client.channel.send_epoch, 0)


if __name__ == "__main__":
    unittest.main()
