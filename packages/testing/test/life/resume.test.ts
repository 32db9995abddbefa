import { createMemoryReplayStore, type SealwireError } from "@sealwire/core";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/random.ts";
import { NOTHING, outcome, World } from "./support/world.ts";

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("connections that are lost", () => {
  it.each([1, 2, 3, 4, 5])("cut again and again, both ends sending: all once and in order (%i)", async (seed) => {
    const random = new Random(seed);
    const world = new World({ latency: 20, jitter: 30, segmentBytes: 700 }).serve();
    const session = await world.connect({ reconnect: { minDelay: 50, maxDelay: 400 } });
    const [peer] = world.sessions;
    for (const n of upTo(150)) {
      void session.send("n", n);
      void peer?.send("n", n);
      if (random.chance(0.1)) world.cut();
      await world.advance(random.between(0, 60));
    }
    await world.until(() => world.arrived.length >= 150 && world.seen.delivered.length >= 150);
    expect([world.arrived, world.seen.delivered]).toEqual([upTo(150), upTo(150)]);
    expect([world.seen.undetermined, world.sessions.length]).toEqual([[], 1]);
    expect(world.asked.filter(({ reason }) => reason === "connect")).toHaveLength(1);
    const cuts = world.seen.states.filter((state) => state === "reconnecting").length;
    expect(cuts).toBeGreaterThan(2);
    expect(world.seen.states).toEqual(Array.from({ length: cuts }, () => ["reconnecting", "open"]).flat());
    expect(await world.settled(session.close())).toMatchObject({ clean: true, undetermined: [] });
    await world.advance(100);
    expect(world.left).toEqual(NOTHING);
  });

  it("a request is answered over the connection after the one it was asked on", async () => {
    const world = new World().serve();
    const session = await world.connect();
    const reply = session.request("n", 7);
    await world.advance(5);
    world.cut();
    expect(await world.settled(reply)).toBe(7);
    expect(world.seen.states).toEqual(["reconnecting", "open"]);
  });

  it("a server that is out of reach for less than the resume window is found again", async () => {
    const world = new World().serve();
    const session = await world.connect();
    const { accept } = world.server;
    world.refuse();
    world.cut();
    await world.advance(100_000);
    expect(session.state).toBe("reconnecting");
    void session.send("n", 1);
    (world.server as { accept?: unknown }).accept = accept;
    await world.until(() => world.arrived.length === 1);
    expect([world.sessions.length, world.seen.undetermined]).toEqual([1, []]);
  });

  it("after the window requests fail, messages are undetermined, and a new session takes their place", async () => {
    const world = new World().serve({ resume: { seconds: 60 } });
    const session = await world.connect();
    const { accept } = world.server;
    const [id, peer] = [session.id, world.sessions[0]];
    const lost = outcome(session.request("hang", 1, { timeout: 100_000 }));
    await session.send("n", 1);
    world.cut();
    world.refuse();
    await world.advance(0);
    const waiting = session.send("n", 2, { ttl: 300 });
    await world.advance(59_000);
    expect(world.seen.undetermined).toEqual([]);
    await world.advance(2_000);
    expect(world.seen.undetermined.map(({ session: s, topic }) => [s, topic])).toEqual([
      [id, "hang"],
      [id, "n"],
    ]);
    expect(await lost).toBe("E_TRUNCATED");
    expect((await peer!.closed).error).toMatchObject({ code: "E_TRUNCATED" });
    (world.server as { accept?: unknown }).accept = accept;
    expect(await world.settled(waiting)).toEqual({ session: session.id, seq: 1 });
    expect([session.id === id, world.sessions.length]).toEqual([false, 2]);
    await world.until(() => world.arrived.length > 0);
    expect(world.arrived).toEqual([2]);
  });

  it("a session whose time is over while it has no connection is not the end: a new one with a new token", async () => {
    const world = new World().serve();
    world.tokenSeconds = 30;
    const session = await world.connect();
    const { accept } = world.server;
    const asking = outcome(session.request("hang", 1));
    await world.advance(100);
    world.refuse();
    world.cut();
    await world.advance(31_000);
    expect([session.state, await asking]).toEqual(["reconnecting", "E_TRUNCATED"]);
    (world.server as { accept?: unknown }).accept = accept;
    await world.until(() => session.state === "open");
    expect(world.sessions).toHaveLength(2);
    expect(world.asked.filter(({ reason }) => reason === "connect")).toHaveLength(2);
  });
});

it("a session that is over by the clock of its server is refused, and a new one with a new token takes its place [sr:end]", async () => {
  const errors: SealwireError[] = [];
  const world = new World().serve({ onError: (error) => errors.push(error) });
  const session = await world.connect();
  const { id } = session;
  world.server.clock.jump(700_000);
  world.cut();
  await world.advance(0);
  await world.until(() => session.state === "open");
  expect(errors.map(({ code, stage }) => `${code} ${stage}`)).toContain("E_RESUME session");
  expect([session.id === id, world.sessions.length]).toEqual([false, 2]);
  expect(world.asked.filter(({ reason }) => reason === "connect")).toHaveLength(2);
  await world.advance(130_000);
  expect((await world.sessions[0]?.closed)?.error?.code).toBe("E_TRUNCATED");
});

describe("a server that has lost its memory", () => {
  it("the chains are refused twice, then a new session: what was marked arrives once, the rest is reported", async () => {
    // What is kept between the two is the store of idempotent messages alone.
    const replay = createMemoryReplayStore({ startedAt: 0 });
    const world = new World().serve({ replay });
    const session = await world.connect();
    const before = session.id;
    const sent = [await session.send("n", 1), await session.send("n", 2, { idempotent: true })];
    const asking = outcome(session.request("hang", 3));
    world.cut();
    world.serve({ replay });
    await world.advance(0);
    const waiting = session.send("n", 4);
    await world.until(() => world.arrived.length >= 2);
    expect(world.arrived).toEqual([2, 4]);
    expect(world.seen.undetermined.map(({ seq }) => seq)).toEqual([sent[0]?.seq, sent[1]?.seq, 3]);
    expect(world.seen.undetermined[1]?.messageId).toBeTypeOf("string");
    expect(await asking).toBe("E_TRUNCATED");
    expect((await waiting).session).toBe(session.id);
    expect(session.id).not.toBe(before);
    expect(world.seen.states).toEqual(["reconnecting", "open"]);
    // Handlers stay.
    await world.settled(world.sessions.at(-1)!.request("n", 9));
    expect(world.seen.delivered).toEqual([9]);
  });
});

describe("messages that wait for a connection", () => {
  it("wait in order, up to the limits; the next one is E_QUEUE_FULL", async () => {
    const world = new World().serve();
    const session = await world.connect({ limits: { queuedMessages: 50 } });
    world.cut();
    await world.advance(0);
    const sends = upTo(50).map((n) => session.send("n", n));
    expect(await outcome(session.send("n", 51))).toBe("E_QUEUE_FULL");
    await world.until(() => world.arrived.length === 50);
    expect(world.arrived).toEqual(upTo(50));
    await Promise.all(sends);
    expect(await world.settled(session.request("n", 52))).toBe(52);
  });

  it("no longer than they live: E_EXPIRED, and those behind them go on", async () => {
    const world = new World().serve();
    const session = await world.connect();
    const { accept } = world.server;
    world.refuse();
    world.cut();
    await world.advance(0);
    const short = outcome(session.send("n", 1, { ttl: 5 }));
    const long = session.send("n", 2, { ttl: 200 });
    await world.advance(5_001);
    expect(await short).toBe("E_EXPIRED");
    (world.server as { accept?: unknown }).accept = accept;
    await world.settled(long);
    await world.until(() => world.arrived.length > 0);
    expect(world.arrived).toEqual([2]);
  });

  it("a signal takes one out", async () => {
    const world = new World().serve();
    const session = await world.connect();
    world.cut();
    await world.advance(0);
    const controller = new AbortController();
    const gone = session.send("n", 1, { signal: controller.signal });
    void session.send("n", 2);
    controller.abort(new Error("never mind"));
    await expect(world.settled(gone)).rejects.toThrow("never mind");
    await world.until(() => world.arrived.length > 0);
    expect(world.arrived).toEqual([2]);
  });
});

describe("clocks", () => {
  it.each([3_600_000, -3_600_000])("a wall clock that jumps by %i ms dates no message wrongly", async (ms) => {
    const world = new World().serve();
    const session = await world.connect();
    world.client.clock.jump(ms);
    expect(await world.settled(session.request("n", 1))).toBe(1);
    await world.settled(world.sessions[0]!.request("n", 2));
    // The connection after it reckons anew, and the session ends when the server says.
    world.cut();
    expect(await world.settled(session.request("n", 3))).toBe(3);
    await world.advance(300_000);
    expect(await world.settled(session.request("n", 4))).toBe(4);
    expect(world.seen.errors.map((error: SealwireError) => error.code)).toEqual([]);
    expect(world.sessions).toHaveLength(1);
  });

  it("a jump while there is no connection neither", async () => {
    const world = new World().serve();
    const session = await world.connect();
    world.cut();
    await world.advance(0);
    world.client.clock.jump(3_600_000);
    const sent = session.send("n", 1, { ttl: 10 });
    await world.settled(sent);
    await world.until(() => world.arrived.length > 0);
    expect(world.sessions).toHaveLength(1);
  });
});
