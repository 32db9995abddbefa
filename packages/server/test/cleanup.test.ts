import { DEFAULT_LIMITS } from "@sealwire/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Admission } from "../src/upgrade.ts";
import { serverJwks } from "./support/keys.ts";
import { rawSession, rawSocket, rawTcp, upgradeRequest } from "./support/raw.ts";
import { failure, startWorld, until, type World } from "./support/world.ts";

/** Timers that are armed. Node lists only those that keep a process alive, and ours do not. */
const timers = new Set<unknown>();
const { setTimeout: realSet, clearTimeout: realClear } = globalThis;

beforeEach(() => {
  timers.clear();
  globalThis.setTimeout = ((fn: (...args: unknown[]) => void, ms: number, ...args: unknown[]) => {
    const timer = realSet(() => {
      timers.delete(timer);
      fn(...args);
    }, ms);
    timers.add(timer);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = ((timer: never) => {
    timers.delete(timer);
    realClear(timer);
  }) as typeof clearTimeout;
});

afterEach(() => {
  Object.assign(globalThis, { setTimeout: realSet, clearTimeout: realClear });
});

const connections = (world: World): Promise<number> =>
  new Promise((resolve) => world.http.getConnections((_, count) => resolve(count)));

const ways: Record<string, (world: World) => Promise<unknown>> = {
  "clean close": async (world) => (await world.connect()).close(),
  "close by the server": async (world) => {
    const session = await world.connect();
    await [...world.server.sessions].find((s) => s.id === session.id)?.close();
    await session.closed;
  },
  "a cut, with a request pending on both sides": async (world) => {
    const raw = await rawSession(world);
    const peer = [...world.server.sessions].find((s) => s.id === raw.session.id);
    const pending = [raw.session.request("hang", 1), peer?.request("hang", 1)];
    raw.ws.terminate();
    await Promise.allSettled([...pending, peer?.closed]);
  },
  "a stream that nobody reads": async (world) => {
    const session = await world.connect();
    const stream = session.messages("x");
    await session.close();
    expect((await stream.next()).done).toBe(true);
  },
  "a bad token": (world) => failure(world.connect({ token: "bad" })),
  "another server id": (world) => failure(world.connect({ server: { id: "other", keys: serverJwks } })),
  "an abort while connecting": (world) => {
    const controller = new AbortController();
    realSet(() => controller.abort(new Error("enough")), Math.random() * 6);
    return world.connect({ signal: controller.signal }).then(
      (session) => session.close(),
      () => {},
    );
  },
  "a cut before CH": async (world) => {
    const raw = await rawSocket(world);
    raw.ws.terminate();
    await raw.closed;
  },
  "garbage for CH": async (world) => {
    const raw = await rawSocket(world);
    raw.ws.send(Buffer.from([0x9f]));
    await raw.closed;
  },
  "no subprotocol": async (world) => {
    const raw = await rawSocket(world, { protocols: [] });
    await raw.closed;
  },
  "a foreign origin": async (world) => {
    const answer = rawTcp(world.port, upgradeRequest({ Origin: "https://evil.example" }));
    await answer.closed;
    answer.socket.destroy();
  },
  "a broken upgrade": async (world) => {
    const answer = rawTcp(world.port, upgradeRequest({ "Sec-WebSocket-Key": "x" }));
    await answer.closed;
    answer.socket.destroy();
  },
};

describe("[close:cleanup] after 1,000 connections of every kind", () => {
  it("no session, timer, listener, socket or place is left", async () => {
    // A place that is not given back would be missing long before the end.
    const world = await startWorld({
      resume: false,
      limits: { connectionsPerAddress: 60, unauthenticatedPerAddress: 60, unauthenticatedTotal: 60 },
    });
    world.server.handle("hang", () => new Promise(() => {}));
    const list = Object.values(ways);
    const before = process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
    for (let done = 0; done < 1000; done += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => list[(done + i) % list.length]?.(world)));
    }
    await until(() => world.server.sessions.size === 0);
    while ((await connections(world)) > 0) await new Promise((resolve) => setImmediate(resolve));
    await until(() => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length <= before);
    // The check itself waits by a timer now and then.
    for (let i = 0; i < 100 && timers.size > 0; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(timers.size).toBe(0);
    expect(world.http.listenerCount("upgrade")).toBe(1);
    expect(world.errors.filter(({ error }) => error.code === "E_INTERNAL")).toEqual([]);
    await world.server.close();
    expect(world.http.listenerCount("upgrade")).toBe(0);
  }, 60_000);
});

describe("places of an address", () => {
  const admission = () => new Admission({ ...DEFAULT_LIMITS, connectionsPerAddress: 2, unauthenticatedPerAddress: 1 });

  it("[limit:connections] leave is once, and an address without connections is forgotten", () => {
    const a = admission();
    const [first] = [a.enter("x")];
    expect(a.enter("x")).toBeUndefined();
    first?.ready();
    first?.ready();
    const second = a.enter("x");
    expect(second).toBeDefined();
    second?.ready();
    expect(a.enter("x")).toBeUndefined();
    expect(a.size).toBe(1);
    first?.leave();
    second?.leave();
    expect(a.size).toBe(0);
    second?.leave();
    expect(a.size).toBe(0);
    for (let i = 0; i < 3; i++) a.enter("x")?.leave();
    expect(a.size).toBe(0);
  });
});
