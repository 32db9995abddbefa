import type { Call } from "@sealwire/core";
import { expect, it, onTestFinished } from "vitest";
import { SimClock } from "../src/clock.ts";
import { createPair, type PairOptions } from "../src/pair.ts";
import { SimWorld, type WorldOptions } from "../src/world.ts";

interface Chat {
  "chat.say": { text: string };
  "chat.join": Call<{ room: string }, { members: string[] }>;
}

async function open(world: SimWorld, options: PairOptions<Chat> = {}) {
  const handlers = { "chat.join": ({ room }: { room: string }) => ({ members: [room] }) };
  const pair = await createPair<Chat>({ handlers, ...options, world });
  onTestFinished(() => pair.close());
  return pair;
}

it("what both ends say takes its time", async () => {
  const world = new SimWorld({ line: { latency: 50 } });
  const { client, server } = await open(world);
  const start = world.timeline.now;
  expect(start).toBeGreaterThan(300);
  expect(await world.until(client.request("chat.join", { room: "lobby" }))).toEqual({ members: ["lobby"] });
  expect(world.timeline.now - start).toBe(100);
  const said: string[] = [];
  client.handle("chat.say", ({ text }) => void said.push(text));
  await server.send("chat.say", { text: "hello" });
  await world.advance(49);
  expect(said).toEqual([]);
  await world.advance(1);
  expect(said).toEqual(["hello"]);
});

it("the client comes back after a cut, and nothing is lost or doubled", async () => {
  const world = new SimWorld({ line: { latency: 20 } });
  const { client, server, disconnect } = await open(world);
  const said: string[] = [];
  server.handle("chat.say", ({ text }) => void said.push(text));
  for (const text of ["a", "b", "c"]) {
    void client.send("chat.say", { text });
    await world.advance(10);
    disconnect();
    await world.advance(0);
    expect([client.state, server.state]).toEqual(["reconnecting", "reconnecting"]);
    await world.advance(1000);
    expect([client.state, server.state]).toEqual(["open", "open"]);
  }
  expect(said).toEqual(["a", "b", "c"]);
});

it("a planned fault cuts the connection where it says so", async () => {
  const world = new SimWorld({ line: { latency: 20 } });
  // The two frames of the handshake come before it.
  world.network.plan([{ kind: "reset", direction: "s2c", place: { frame: 3, at: "before" } }]);
  const { client } = await open(world);
  const states: string[] = [];
  client.onStateChange((state) => states.push(state));
  expect(await world.until(client.request("chat.join", { room: "lobby" }))).toEqual({ members: ["lobby"] });
  expect(world.network.fired).toHaveLength(1);
  expect(states).toEqual(["reconnecting", "open"]);
});

it("each end has a clock of its own", async () => {
  const world = new SimWorld();
  const { client } = await open(world);
  const denied: string[] = [];
  client.onDenied(({ code }) => denied.push(code));
  world.server.clock.jump(3_600_000);
  await client.send("chat.say", { text: "an hour late" });
  await world.advance(0);
  expect(denied).toEqual(["E_EXPIRED"]);
  world.server.clock.pause(5000);
  const start = world.timeline.now;
  world.server.clock.jump(-3_600_000);
  await world.until(client.request("chat.join", { room: "lobby" }));
  expect(world.timeline.now - start).toBe(5000);
});

it("the same seed gives the same times, another seed others", async () => {
  const timesOf = async (options: WorldOptions) => {
    const world = new SimWorld({ ...options, line: { latency: 20, jitter: 15 } });
    const pair = await createPair<Chat>({ world, handlers: { "chat.join": () => ({ members: [] }) } });
    for (let i = 0; i < 5; i++) await world.until(pair.client.request("chat.join", { room: "lobby" }));
    await pair.close();
    return world.log.lines.map((line) => Number(line.slice(0, 12)));
  };
  const [first, second, third] = [await timesOf({}), await timesOf({ seed: 1 }), await timesOf({ seed: 2 })];
  expect(second).toEqual(first);
  expect(third).not.toEqual(first);
});

it("close says bye over the line, and leaves nothing behind", async () => {
  const world = new SimWorld({ line: { latency: 400 } });
  const { client, server, close } = await createPair<Chat>({ world });
  await close();
  for (const { closed } of [client, server]) expect(await closed).toMatchObject({ code: 1000, clean: true });
  const { network, client: near, server: far } = world;
  expect([network.open.size, near.clock.pending, far.clock.pending]).toEqual([0, 0, 0]);
});

it("rejects as connect does, and what makes no sense", async () => {
  const world = new SimWorld({ line: { latency: 20 } });
  await expect(createPair({ world, server: { admit: () => false } })).rejects.toMatchObject({ code: "E_FORBIDDEN" });
  expect(world.network.open.size).toBe(0);
  await expect(createPair({ world })).rejects.toBeInstanceOf(TypeError);
  await expect(createPair({ world: new SimWorld(), clock: new SimClock() })).rejects.toBeInstanceOf(TypeError);
});

it("until settles as its promise does, and says so where that never settles", async () => {
  const world = new SimWorld();
  const soon = new Promise<number>((resolve) => void world.timeline.schedule(() => resolve(7), 30));
  world.timeline.schedule(() => {}, 90);
  expect(await world.until(soon)).toBe(7);
  expect(world.timeline.now).toBe(30);
  await expect(world.until(Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(world.timeline.now).toBe(30);
  await expect(world.until(new Promise(() => {}))).rejects.toThrow("has not settled");
  expect(world.timeline.now).toBe(90);
});
