import { describe, expect, it } from "vitest";
import { gate, kidOf, lose, place } from "./support/place.ts";

describe("a session that another server has taken from the store", () => {
  it.each([false, true])(
    "[ack:undetermined] who parked a session knows whether another server went on with it, or only tried: %s",
    async (resumed) => {
      const p = await place({}, { seconds: 60 });
      const { world, store } = p;
      const [server] = world.sessions;
      // Kept, and never acknowledged.
      world.refuse();
      void server?.send("n", 1);
      await lose(p);
      const kid = kidOf(world);
      const claim = gate();
      store.before.claim = () => claim.opened;
      p.serve("b");
      await world.until(() => store.count("claim") === 1);
      world.refuse();
      world.cut();
      await world.advance(20);
      delete store.before.claim;
      claim.open();
      await world.advance(5);
      // It was given back.
      expect([await store.inner.find(kid), server?.state]).toEqual([expect.anything(), "reconnecting"]);
      if (resumed) {
        p.serve("c");
        expect(await world.settled(p.session.request("m", 1))).toBe("c");
      }
      await world.until(() => server?.state === "closed");
      expect(await server?.closed).toMatchObject({
        error: { code: resumed ? "E_SUPERSEDED" : "E_TRUNCATED" },
        undetermined: resumed ? [] : [{ session: server?.id, seq: 1, topic: "n" }],
      });
    },
  );

  it("[ack:undetermined] a server whose attempt fails where another one only tries reports what nobody may have", async () => {
    const p = await place({}, { seconds: 60 });
    const { world, store } = p;
    const [server] = world.sessions;
    world.refuse();
    void server?.send("n", 1);
    await lose(p);
    // Another server takes it, and is gone before it gives anything back.
    const answer = gate();
    store.after.claim = () => answer.opened;
    p.serve("b");
    await world.until(() => store.count("claim") === 1);
    delete store.after.claim;
    world.cut();
    p.serve("a2");
    world.open((...upgrade) => p.a.handleUpgrade(...upgrade));
    await world.until(() => server?.state === "closed");
    expect((await server?.closed)?.undetermined).toMatchObject([{ seq: 1 }]);
  });

  it("what several claims took that were all answered too late is given back once", async () => {
    const p = await place({}, { reconnect: { minDelay: 500, maxDelay: 500 } });
    const { world, store, session } = p;
    const kid = kidOf(world);
    await lose(p);
    const claim = gate();
    store.before.claim = () => claim.opened;
    await world.advance(25_000);
    world.refuse();
    world.cut();
    await world.advance(25_000);
    expect([store.count("claim"), session.state]).toEqual([1, "reconnecting"]);
    claim.open();
    await world.advance(10);
    expect([store.count("claim"), store.count("park")]).toEqual([1, 2]);
    expect(await store.inner.find(kid)).toBeDefined();
  });
});
