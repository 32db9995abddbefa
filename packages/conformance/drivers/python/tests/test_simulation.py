"""Random lives of one session: cuts at any place, resumes from any chain, rekeys and refreshes across them.

Whatever happens, what was sent is delivered once and in order, as long as the session lives, and it never ends by itself.
"""

import random
import unittest
from typing import Any

from tests.pair import NOW, Pair, access_token

STEPS, SEEDS = 150, 60


class World:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        level = self.random.choice(("mac", "aead", "sig", "nest"))
        wire = self.random.choice(("text", "binary"))
        limits = {"messageTtl": 100, "resumeSeconds": 100, "rekeyMessages": self.random.choice((5, 1000))}
        self.pair = Pair(level, wire, limits=limits, res=10000).open()
        self.level = level
        self.sent: dict[bool, list[int]] = {True: [], False: []}
        self.count = 0

    def step(self) -> None:
        rare = (self.send, self.lose, self.connect, self.rekey, self.auth, self.wait)
        actions = (*rare, *[self.carry] * 4)
        self.random.choice(actions)()

    def send(self) -> None:
        by_client = self.random.random() < 0.5
        self.count += 1
        self.sent[by_client].append(self.count)
        end = self.pair.client if by_client else self.pair.server
        outcome = end.send("say", self.count)
        assert outcome.thrown is None, outcome.thrown
        self.pair.c(outcome) if by_client else self.pair.s(outcome)

    def carry(self) -> None:
        """The next message of one connection in one direction."""
        to_server = self.random.random() < 0.5
        queue = self.pair.to_server if to_server else self.pair.to_client
        if not queue:
            return
        conn = self.random.choice(queue)[0]
        place = next(index for index, sent in enumerate(queue) if sent[0] == conn)
        queue.insert(0, queue.pop(place))
        self.pair.carry_to_server() if to_server else self.pair.carry_to_client()

    def lose(self) -> None:
        """One end learns that a connection is gone; what is under way to it is lost, and what comes from it may still arrive."""
        if self.random.random() < 0.6:
            return
        conn = self.random.randrange(len(self.pair.client.connections))
        if self.random.random() < 0.5:
            self.pair.to_client = [sent for sent in self.pair.to_client if sent[0] != conn]
            self.pair.c(self.pair.client.drop(conn))
        else:
            self.pair.to_server = [sent for sent in self.pair.to_server if sent[0] != conn]
            self.pair.s(self.pair.server.drop(conn))

    def connect(self) -> None:
        session = self.pair.client.session
        assert session is not None
        if len(session.chains.held) >= 4 or self.pair.client.state == "open" and self.random.random() < 0.8:
            return
        self.pair.connect(resume=self.random.randrange(len(session.chains.held)))

    def rekey(self) -> None:
        self.pair.c(self.pair.client.rekey()) if self.random.random() < 0.5 else self.pair.s(self.pair.server.rekey())

    def auth(self) -> None:
        token = access_token(self.level in ("sig", "nest"), exp=NOW + 500 + self.count)
        self.pair.c(self.pair.client.auth(token))

    def wait(self) -> None:
        self.pair.tick(self.random.choice((0.1, 0.5)))

    def come_to_rest(self) -> None:
        """Tries the chains, the newest first, until one is taken, as a client does."""
        for conn in range(len(self.pair.client.connections)):
            self.pair.c(self.pair.client.drop(conn))
        self.pair.to_client.clear()
        self.pair.to_server.clear()
        session = self.pair.client.session
        assert session is not None
        for place in range(len(session.chains.held)):
            if self.pair.client.state == "lost" and len(session.chains.held) < 4:
                self.pair.connect(resume=place)
                self.pair.settle()
        for _ in range(3):
            self.pair.tick(2)
            self.pair.settle()


class Simulation(unittest.TestCase):
    def test_once_and_in_order(self) -> None:
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                self.live(World(seed))

    def live(self, world: World) -> None:
        pair = world.pair
        for _ in range(STEPS):
            world.step()
            for end, outcomes in ((pair.client, pair.of_client), (pair.server, pair.of_server)):
                self.assertIn(end.state, ("open", "lost"), outcomes[-1])
        session = pair.client.session
        assert session is not None
        if len(session.chains.held) >= 4:
            return  # the client gives up, as it is to
        world.come_to_rest()
        self.assertEqual((pair.client.state, pair.server.state), ("open", "open"))
        received: dict[bool, list[Any]] = {True: pair.delivered(), False: pair.delivered(at_server=False)}
        self.assertEqual(received, world.sent)


if __name__ == "__main__":
    unittest.main()
