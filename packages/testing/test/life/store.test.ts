import type { Undetermined } from "@sealwire/core";
import type { ServerOptions } from "@sealwire/server";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { gate, kidOf, lose, never, place, TEXT } from "./support/place.ts";
import type { World } from "./support/world.ts";

describe("a store that is slow", () => {
  it.each(["the server that parked it", "another server"])(
    "[resume:attempt] a connection cut while %s claims leaves the session as it is",
    async (which) => {
      const { world, store, session, got, serve, ...p } = await place();
      const { id } = session;
      await lose({ world, store, session, got, serve, ...p });
      const at = which === "another server" ? "b" : "a";
      if (at === "b") serve("b");
      const claim = gate();
      store.before.claim = () => claim.opened;
      await world.until(() => store.count("claim") === 1);
      world.cut();
      await world.advance(20);
      delete store.before.claim;
      claim.open();
      void session.send("m", 1);
      await world.until(() => got.length === 1);
      expect([got, session.id, store.count("claim") > 1]).toEqual([[`${at}:1`], id, true]);
      // It is in the store as well where that server is gone meanwhile.
      const again = gate();
      store.before.claim = () => again.opened;
      const claims = store.count("claim");
      world.cut();
      await world.until(() => store.count("claim") > claims);
      world.cut();
      await world.advance(20);
      delete store.before.claim;
      again.open();
      await world.advance(5);
      serve("c");
      void session.send("m", 2);
      await world.until(() => got.length === 2);
      expect([got[1], session.id]).toEqual(["c:2", id]);
    },
  );

  it("[ack:undetermined] who lost a claim's answer reports what nobody may have, and asks no second time", async () => {
    const p = await place({}, { seconds: 60 });
    const { world, store, session } = p;
    const [server] = world.sessions;
    const undetermined: Undetermined[] = [];
    void server?.closed.then((info) => void undetermined.push(...info.undetermined));
    // Kept, and never acknowledged.
    world.refuse();
    void server?.send("n", 1);
    await lose(p);
    // It takes the session, and its answer is lost.
    store.after.claim = () => Promise.reject(new Error("the connection to the store broke off"));
    p.serve("a2");
    world.open((...upgrade) => p.a.handleUpgrade(...upgrade));
    await world.until(() => store.count("claim") === 1);
    delete store.after.claim;
    await world.until(() => server?.state === "closed");
    expect(undetermined).toEqual([{ session: server?.id, seq: 1, topic: "n" }]);
    expect(await world.settled(session.request("m", 1))).toBe("a");
  });

  it("a claim that is answered late is waited for, not repeated, and the session goes on", async () => {
    const p = await place();
    const { world, store, session, got } = p;
    const { id } = session;
    await lose(p);
    const claim = gate();
    store.before.claim = () => claim.opened;
    void session.send("m", 1);
    await world.advance(25_000);
    expect([store.count("claim"), session.state, got]).toEqual([1, "reconnecting", []]);
    claim.open();
    await world.until(() => got.length === 1);
    expect([session.id, p.a.sessions.size]).toEqual([id, 1]);
  });

  it("what a claim took that was answered too late is given back", async () => {
    const p = await place({}, { reconnect: { minDelay: 8000, maxDelay: 8000 } });
    const { world, store, session } = p;
    const [{ id }, kid] = [session, kidOf(world)];
    await lose(p);
    p.serve("b");
    const claim = gate();
    store.before.claim = () => claim.opened;
    await world.until(() => store.count("claim") === 1);
    world.refuse();
    // limit handshakeSeconds, and nobody waits for it any more.
    await world.advance(10_500);
    expect([p.errors.at(-1)?.code, store.count("park")]).toEqual(["E_DEPENDENCY", 1]);
    claim.open();
    await world.advance(10);
    const found = await store.inner.find(kid);
    expect([store.count("park"), new Set(store.ends).size, found !== undefined]).toEqual([2, 1, true]);
    p.serve("c");
    expect([await world.settled(session.request("m", 1)), session.id]).toEqual(["c", id]);
  });

  it.each(["claim", "park", "find", "forget"] as const)(
    "whose %s never answers keeps no session for ever",
    async (name) => {
      const p = await place({}, { seconds: 30 });
      const { world, store, session } = p;
      store.before[name] = never;
      world.cut();
      await world.advance(5);
      world.refuse();
      await world.advance(90_000);
      expect([p.a.sessions.size, world.sessions[0]?.state]).toEqual([0, "closed"]);
      expect(session.state).toBe("reconnecting");
    },
  );

  it("[limit:connections] whoever does not wait for its answer keeps the place of an unauthenticated connection", async () => {
    const p = await place({ limits: { unauthenticatedPerAddress: 3 } });
    const { world, store } = p;
    store.before.find = never;
    for (let i = 0; i < 10; i++) {
      // Each its own: who asks for one that is being looked up waits for that.
      await stranger(world, `${i}`.padStart(22, "A"));
      await world.advance(10);
    }
    expect(store.count("find")).toBe(3);
    expect(p.errors.filter(({ code }) => code === "E_BUSY").length).toBe(7);
    // Not longer than a handshake may take.
    await world.advance(11_000);
    await stranger(world, "A".repeat(22));
    expect(store.count("find")).toBe(4);
  });
});

/** Who knows the K of a session, which is in clear, and nothing else; leaves again at once. */
async function stranger(world: World, kid: string): Promise<void> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = part({ alg: "HS256", kid, typ: "sealwire-ch+jwt" });
  const ws = new WebSocket("ws://localhost/", [...TEXT.protocols], {
    createConnection: () => world.network.connect(world.client, world.server),
  } as object);
  ws.on("error", () => {});
  ws.on("open", () => ws.send(`${header}.${part({})}.${"A".repeat(43)}`));
  await world.advance(100);
  ws.terminate();
  await world.advance(100);
}

describe("who has no chain", () => {
  it("[resume:mac] makes the store look up, and neither claim nor park anew; the session ends when it would have", async () => {
    const p = await place({}, { seconds: 20, reconnect: false });
    const { world, store } = p;
    const kid = kidOf(world);
    await lose(p);
    const ends = [...store.ends];
    for (let i = 0; i < 8; i++) {
      await world.advance(2000);
      await stranger(world, kid);
    }
    expect([store.ends, store.count("claim"), store.count("park")]).toEqual([ends, 0, 1]);
    await world.advance(4000);
    expect(world.sessions[0]?.state).toBe("closed");
  });

  it("[resume:window] an attempt that comes to nothing makes no session live longer", async () => {
    const p = await place({}, { seconds: 30 });
    const { world, store } = p;
    await lose(p);
    const [end] = store.ends;
    p.serve("b");
    const claim = gate();
    store.before.claim = () => claim.opened;
    await world.advance(8000);
    expect(store.count("claim")).toBe(1);
    world.refuse();
    world.cut();
    await world.advance(10);
    claim.open();
    await world.advance(10);
    expect(store.ends).toEqual([end, end]);
  });
});

describe("a server that closes", () => {
  it("[resume:again] leaves what authorize has not decided to the next one", async () => {
    const slow: ServerOptions["authorize"] = ({ direction }) =>
      direction === "out" || new Promise((resolve) => p.world.server.clock.schedule(() => resolve(true), 900));
    const p: Awaited<ReturnType<typeof place>> = await place({ authorize: slow });
    const { world, session, got } = p;
    void session.send("m", 1);
    await world.advance(100);
    p.serve("b");
    await world.settled(p.a.close({ timeout: 1000 }));
    void session.send("m", 2);
    await world.until(() => got.length === 2);
    await world.advance(2000);
    expect(got).toEqual(["b:1", "b:2"]);
    expect([p.errors, world.seen.undetermined]).toEqual([[], []]);
  });

  it("[ack:keep] delivers itself what it has acknowledged, or reports it", async () => {
    const asked: ((grant: boolean) => void)[] = [];
    const slow: ServerOptions["authorize"] = ({ direction }) =>
      direction === "out" || new Promise((resolve) => void asked.push(resolve));
    for (const decides of [true, false]) {
      asked.length = 0;
      const p = await place({ authorize: slow });
      const { world, session, got } = p;
      void session.send("m", 1);
      // limit ackSeconds: the client has forgotten it.
      await world.advance(3000);
      p.serve("b", { authorize: () => true });
      const closing = p.a.close({ timeout: 1000 });
      await world.advance(800);
      if (decides) asked[0]?.(true);
      await world.settled(closing);
      void session.send("m", 2);
      await world.until(() => got.includes("b:2"));
      expect(got).toEqual(decides ? ["a:1", "b:2"] : ["b:2"]);
      const reported = p.errors.map(({ detail }) => detail).filter((detail) => detail?.includes("not delivered"));
      expect(reported).toEqual(decides ? [] : ["messages that were committed and not delivered: 1"]);
      await world.stop();
    }
  });

  it("[resume:again] leaves what waits for a handler to the next one, and each is delivered once, in order", async () => {
    const p = await place({ limits: { concurrentHandlers: 1 } });
    const { world, session, got } = p;
    void session.request("hang", 0).catch(() => {});
    for (let i = 1; i <= 20; i++) void session.send("m", i);
    await world.advance(100);
    p.serve("b", {});
    await world.settled(p.a.close({ timeout: 1000 }));
    await world.until(() => got.length === 20);
    await world.advance(5000);
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => `b:${i + 1}`));
  });

  it("and waits for a store that is slower than its heartbeat loses no session", async () => {
    const p = await place({ limits: { heartbeatSeconds: 1 } });
    const { world, store, session, got } = p;
    const { id } = session;
    store.before.park = () => new Promise((resolve) => void world.server.clock.schedule(() => resolve(0), 3000));
    p.serve("b");
    await world.settled(p.a.close({ timeout: 8000 }));
    void session.send("m", 1);
    await world.until(() => got.length === 1);
    expect([got, session.id]).toEqual([["b:1"], id]);
  });

  it("whose store fails ends its sessions, and says what is undetermined", async () => {
    const p = await place();
    const { world, store } = p;
    const [server] = world.sessions;
    store.before.park = () => Promise.reject(new Error("down"));
    void server?.send("n", 1);
    await world.settled(p.a.close({ timeout: 1000 }));
    expect([p.a.sessions.size, p.errors.map(({ code }) => code)]).toEqual([0, ["E_DEPENDENCY", "E_TRUNCATED"]]);
    expect((await server?.closed)?.undetermined.map(({ seq }) => seq)).toEqual([1]);
  });

  it("[resume:window] hands over a lost session without lengthening its life", async () => {
    const p = await place({}, { seconds: 60 });
    const { world, store } = p;
    await lose(p);
    world.refuse();
    await world.advance(20_000);
    await world.settled(p.a.close());
    expect(new Set(store.ends).size).toBe(1);
  });

  it("without a store answers what it is asked before it says bye, and waits for that half of its time", async () => {
    const p = await place({ resume: { seconds: 10 } });
    const { world, session } = p;
    const held = gate();
    p.a.handle("slow", () => held.opened.then(() => "done"));
    const reply = session.request("slow", 1);
    await world.advance(100);
    const closing = p.a.close({ timeout: 4000 });
    await world.advance(1000);
    expect(session.state).toBe("open");
    held.open();
    expect(await world.settled(reply)).toBe("done");
    const before = world.now;
    await world.settled(closing);
    expect(world.now - before).toBeLessThan(500);
  });
});

describe("who may come back", () => {
  it.each(["here", "elsewhere"])(
    "[resume:admit] a principal that is not admitted any more is refused %s",
    async (where) => {
      let admitted = true;
      let asked = 0;
      const admit: ServerOptions["admit"] = ({ subject }) => {
        asked++;
        return subject === "alice" && admitted;
      };
      const p = await place({ admit });
      const { world, store, session, got } = p;
      const { id } = session;
      await lose(p);
      if (where === "elsewhere") p.serve("b");
      admitted = false;
      void session.send("m", 1);
      await world.until(() => asked > 1);
      await world.advance(100);
      expect([got, store.count("claim"), p.errors.at(-1)]).toMatchObject([[], 0, { code: "E_FORBIDDEN" }]);
      // The attempt is refused, and the session is what it was.
      admitted = true;
      await world.until(() => got.length === 1);
      expect(session.id).toBe(id);
    },
  );

  it("[resume:admit] an answer that comes when the connection is gone lets nobody in", async () => {
    const first = gate();
    let asked = 0;
    const p = await place({ admit: () => (asked++ === 1 ? first.opened.then(() => true) : true) });
    const { world, store, session, got } = p;
    await lose(p);
    await world.until(() => asked === 2);
    world.cut();
    await world.advance(5);
    first.open();
    await world.advance(5);
    expect([store.count("claim"), world.sessions[0]?.state]).toEqual([0, "reconnecting"]);
    void session.send("m", 1);
    await world.until(() => got.length === 1);
  });
});

describe("resumes of a session in a store", () => {
  it("[resume:rate] are counted from server to server", async () => {
    const over = { limits: { resumesPerMinute: 2 } };
    const p = await place(over);
    const { world, session, serve, errors } = p;
    const { id } = session;
    for (const name of ["b", "c", "d"]) {
      await lose(p);
      serve(name, over);
      const from = world.now;
      await world.until(() => session.state === "open");
      const refused = errors.filter(({ code }) => code === "E_QUOTA").length;
      expect([refused > 0, world.now - from > 20_000]).toEqual(name === "d" ? [true, true] : [false, false]);
    }
    expect(session.id).toBe(id);
  });
});
