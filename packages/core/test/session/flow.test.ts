import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LiveSession } from "../../src/session/live.ts";
import { settle } from "../support/clock.ts";
import { narrow } from "../support/link.ts";
import { controlsOf, gate, type Live, live, other, ROLES, type Role, released, upTo } from "../support/live.ts";
import type { PairOptions } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { cut, resumable, resume, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const MANY = 1e9;
const rates = { itemsBurst: MANY, itemsPerSecond: MANY, controlBurst: MANY, messageTtl: 300 };
/** Seconds. Nothing may depend on what a life or a deadline ends. */
const LONG = 290;

type Kind = "resumable" | "strict" | "window";
const KINDS: Record<Kind, PairOptions> = {
  resumable: { server: { resume: 120 } },
  strict: {},
  window: { server: { order: "window" }, client: { order: "window" } },
};

const end = fc.record({
  /** Messages in the burst of this end. */
  burst: fc.integer({ min: 0, max: 12 }),
  /** What the handler of one message of the other end sends. */
  sends: fc.integer({ min: 0, max: 3 }),
  /** Milliseconds that it works before. */
  works: fc.constantFrom(0, 0, 300),
});
type End = typeof end extends fc.Arbitrary<infer E> ? E : never;

const load = fc.record({
  kind: fc.constantFrom<Kind>("resumable", "resumable", "strict", "window"),
  client: end,
  server: end,
  retained: fc.integer({ min: 2, max: 8 }),
  handlers: fc.integer({ min: 1, max: 3 }),
  acks: fc.integer({ min: 1, max: 5 }),
  stream: fc.boolean(),
  /** The network holds nothing, and a sender waits for it above 200 bytes. */
  slow: fc.boolean(),
  /** Half seconds after which the connection is lost and the session taken up again, where it can be. */
  cuts: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 3 }),
});

/** What each end calls `send` with, in the order of the calls, and what its peer gets, in the order in which it does. */
class Load {
  readonly pair: Live;
  readonly said: Record<Role, string[]> = { client: [], server: [] };
  readonly got: Record<Role, string[]> = { client: [], server: [] };
  readonly failed: unknown[] = [];

  constructor(pair: Live) {
    this.pair = pair;
  }

  async send(role: Role, topic: string): Promise<void> {
    const name = `${topic} ${this.said[role].push("") - 1}`;
    this.said[role][this.said[role].length - 1] = name;
    await sessionOf(this.pair, role)
      .send(topic, name)
      .catch((error) => this.failed.push(error));
  }

  /** Messages of the burst make handlers send; those that they send make nobody send. */
  take(role: Role, { sends, works }: End, stream: boolean): void {
    const session = sessionOf(this.pair, role);
    const onBurst = async (data: unknown) => {
      this.got[role].push(data as string);
      if (works > 0) await new Promise<void>((resolve) => void this.pair.clock.schedule(resolve, works));
      for (const _ of upTo(sends)) await this.send(role, "more");
    };
    session.handle("more", (data) => void this.got[role].push(data as string));
    if (stream) void read(session, onBurst);
    else session.handle("burst", onBurst);
  }
}

async function read(session: LiveSession, fn: (data: unknown) => Promise<void>): Promise<void> {
  for await (const { data } of session.messages("burst")) await fn(data);
}

const of = (names: readonly string[], topic: string) => names.filter((name) => name.startsWith(topic));

describe("handlers that await what they send", () => {
  it("all of it arrives, in order, and nothing stands still [flow:read-on] [flow:announce]", async () => {
    await fc.assert(
      fc.asyncProperty(load, async ({ kind, client, server, retained, handlers, acks, stream, slow, cuts }) => {
        const total = {
          client: client.burst + server.burst * client.sends,
          server: server.burst + client.burst * server.sends,
        };
        // Room for what comes at once from both sides, with that for messages which each end keeps. One side needs none.
        const both = client.burst * server.sends > 0 && server.burst * client.sends > 0;
        const needed = both ? Math.max(total.client, total.server) - 2 * retained : 1;
        const pair = await live({
          ...KINDS[kind],
          limits: {
            ...rates,
            ...(slow ? { highWaterMark: 200 } : {}),
            retainedMessages: retained,
            concurrentHandlers: handlers,
            ackMessages: acks,
            receiveQueueMessages: Math.max(1, needed),
          },
        });
        if (slow) narrow(pair.link);
        const play = new Load(pair);
        play.take("client", client, stream);
        play.take("server", server, stream);
        for (const [role, { burst }] of [
          ["client", client],
          ["server", server],
        ] as const)
          for (const _ of upTo(burst)) void play.send(role, "burst");
        const arrived = () => ROLES.every((role) => play.got[other(role)].length >= total[role]);
        for (let half = 0; half < 2 * LONG && !arrived(); half++) {
          if (kind === "resumable" && cuts.includes(half)) {
            await cut(pair);
            const { link } = await resume(pair);
            if (slow) narrow(link);
          }
          await pair.clock.advance(500);
        }
        expect(play.failed).toEqual([]);
        for (const role of ROLES) {
          expect(play.said[role]).toHaveLength(total[role]);
          // A stream and a handler of other topics go their own pace: each has its order.
          for (const topic of ["burst", "more"])
            expect(of(play.got[other(role)], topic)).toEqual(of(play.said[role], topic));
          if (!stream) expect(play.got[other(role)]).toEqual(play.said[role]);
        }
        await sessionOf(pair, "client").close();
        await pair.clock.advance(5_000);
        await released(pair);
      }),
      { numRuns: process.env.SEALWIRE_BACKEND === "webcrypto" ? 30 : 200 },
    );
  }, 60_000);

  it("what handlers request is answered where the answer stands behind a full queue [flow:read-on]", async () => {
    const limits = {
      ...rates,
      concurrentHandlers: 1,
      receiveQueueMessages: 1,
      retainedMessages: 8,
      requestSeconds: 280,
    };
    const { pair, client, server } = await resumable({ limits });
    server.handle("ask", async (data) => await server.request("answer", data));
    client.handle("answer", (data) => data);
    const asked = Promise.all(upTo(6).map((n) => client.request("ask", n)));
    asked.catch(() => {});
    await pair.clock.advance(200_000);
    expect(await asked).toEqual(upTo(6));
    await client.close();
    await released(pair);
  });
});

describe("bounds", () => {
  const [Q, R, C] = [3, 4, 2];
  const limits = { ...rates, receiveQueueMessages: Q, retainedMessages: R, concurrentHandlers: C };
  const opened = (pair: Live) => pair.trace.server.filter((r) => r.direction === "in" && r.kind === "application");

  /** A client that sends `n` messages and never acknowledges what the handlers of the server send. */
  async function flooded(n: number, more: Partial<Live["limits"]>, pad = "") {
    const { pair, server } = await resumable({ limits: { ...limits, ...more } });
    server.handle("flood", async () => {
      for (const i of upTo(50)) await server.send("t", i);
    });
    const puppet = Puppet.seize(pair);
    for (const _ of upTo(n)) puppet.deliver(await puppet.message(puppet.claims({ top: "flood", dat: pad })));
    await settle();
    return { pair, server, puppet };
  }

  it("of messages: a peer that never acknowledges is read up to them, and no further [flow:read-on] [flow:announce] [limit:rate]", async () => {
    const { pair, server, puppet } = await flooded(100, {});
    expect(opened(pair)).toHaveLength(C + Q + 2 * R + 1);
    expect(pair.link.server.paused).toBe(true);
    await pair.clock.advance(30_000);
    const said = (await puppet.controls()).map(({ rcv }) => rcv as number);
    expect(Math.max(...said)).toBe(C + Q + R);
    expect(opened(pair)).toHaveLength(C + Q + 2 * R + 1);
    expect(server.life.ledger.retention.all()).toHaveLength(R);
  });

  it("of bytes [flow:read-on]", async () => {
    const [queue, kept, message] = [30_000, 40_000, 65_536];
    const sizes = { receiveQueueBytes: queue, retainedBytes: kept, messageBytes: message };
    const { pair } = await flooded(40, { ...sizes, receiveQueueMessages: 1000 }, "x".repeat(20_000));
    const waiting = opened(pair).slice(C);
    const bound = queue + 2 * (kept + message);
    const held = waiting.reduce((sum, { claims }) => sum + claims.length, 0);
    expect(held).toBeGreaterThan(bound);
    // The last one goes beyond it.
    expect(held - (waiting.at(-1)?.claims.length ?? 0)).toBeLessThan(bound);
  });

  it.each(["json", "cbor"] as const)(
    "of bytes, of which a large item in a batch of small ones has its part, %s [limit:rate] [batch:list]",
    async (codec) => {
      const sizes = { receiveQueueBytes: 30_000, receiveQueueMessages: 1000 };
      const { pair, server } = await resumable({ codec, limits: { ...limits, ...sizes } });
      server.handle("flood", () => new Promise(() => {}));
      const puppet = Puppet.seize(pair);
      const large = ["flood", null, { text: "x".repeat(10_000), list: ["x".repeat(10_000)] }];
      // Nobody takes them, so that they do not wait.
      const small = Array.from({ length: 63 }, (_, n) => ["none", null, n]);
      for (const _ of upTo(20)) {
        const whole = { top: undefined, dat: undefined, bat: [large, ...small] };
        puppet.deliver(await puppet.message(puppet.claims(whole)));
      }
      await settle();
      expect(opened(pair)).toHaveLength(C + 2);
    },
  );

  it("of replies: beyond highWaterMark bytes that wait, handlers are at work until theirs goes [flow:replies]", async () => {
    const [size, kept, mark] = [2_000, 20_000, 5_000];
    const sizes = { retainedMessages: 1000, retainedBytes: kept, highWaterMark: mark, receiveQueueMessages: 1000 };
    const { pair, server } = await resumable({ batch: false, limits: { ...limits, ...sizes } });
    let answered = 0;
    server.handle("big", () => `${++answered} ${"x".repeat(size)}`);
    const puppet = Puppet.seize(pair);
    for (const _ of upTo(100)) puppet.deliver(await puppet.message(puppet.claims({ top: "big", req: true, dat: 0 })));
    await settle();
    const most = Math.ceil(kept / size) + Math.ceil(mark / size) + C;
    expect(answered).toBeLessThanOrEqual(most);
    expect(answered).toBeGreaterThan(C);
    // A client that takes what it asked for gets all of it.
    for (const { ledger } = server.life; ledger.sent < 100; ) {
      puppet.deliver(await puppet.control({ top: "ack", rcv: ledger.sent }));
      await settle();
    }
    expect([answered, pair.errors.server]).toEqual([100, []]);
  });

  it("without anything of its own that waits the receive queue is the bound [limit:rate]", async () => {
    const { pair, server } = await resumable({ limits });
    server.handle("flood", () => new Promise(() => {}));
    const puppet = Puppet.seize(pair);
    for (const _ of upTo(50)) puppet.deliver(await puppet.message(puppet.claims({ top: "flood" })));
    await settle();
    expect(opened(pair)).toHaveLength(C + Q);
  });

  it("what was withheld is acknowledged as soon as there is room [flow:announce] [flow:release]", async () => {
    const { pair, server } = await resumable({ limits: { ...limits, ackMessages: 1000 } });
    const acks = () => controlsOf(pair, "server").filter(({ top }) => top === "ack");
    const stop = gate();
    server.handle("flood", () => stop.promise);
    const puppet = Puppet.seize(pair);
    for (const i of upTo(R + 1)) void server.send("t", i);
    await settle();
    for (const _ of upTo(C + Q + R + 2)) puppet.deliver(await puppet.message(puppet.claims({ top: "flood" })));
    await settle();
    await pair.clock.advance(2_000);
    expect(acks()).toEqual([expect.objectContaining({ rcv: C + Q + R })]);
    await pair.clock.advance(20_000);
    expect(acks()).toHaveLength(1);
    stop.open();
    await settle();
    expect(acks().slice(1)).toEqual([expect.objectContaining({ rcv: C + Q + R + 2 })]);
  });

  it("and a batch that would be too much is, where it does not wait [flow:release]", async () => {
    const { pair, server } = await resumable({ limits: { ...limits, ackMessages: 1 } });
    server.handle("flood", () => new Promise(() => {}));
    const puppet = Puppet.seize(pair);
    for (const _ of upTo(C + Q - 1)) puppet.deliver(await puppet.message(puppet.claims({ top: "flood" })));
    const bat = upTo(R + 2).map((n) => ["nobody", null, n]);
    puppet.deliver(await puppet.message(puppet.claims({ top: undefined, dat: undefined, bat })));
    await settle();
    expect(controlsOf(pair, "server").at(-1)).toMatchObject({ top: "ack", rcv: C + Q });
  });

  it("or, where that comes without a connection, on the next one [flow:release]", async () => {
    const { pair, client, server } = await resumable({ limits: { ...limits, ackMessages: 1000 } });
    const stop = gate();
    server.handle("flood", () => stop.promise);
    const puppet = Puppet.seize(pair);
    for (const i of upTo(R + 1)) void server.send("t", i);
    await settle();
    const all = C + Q + R + 2;
    for (const _ of upTo(all)) puppet.deliver(await puppet.message(puppet.claims({ top: "flood" })));
    await pair.clock.advance(2_000);
    // As if it had sent them itself.
    client.life.ledger.sent = all;
    await cut(pair);
    stop.open();
    await settle();
    await resume(pair);
    expect(client.life.ledger.acknowledged).toBe(all);
    await client.close();
    await released(pair);
  });
});

describe("more at once from both ends than both can hold", () => {
  /** Both wait for each other: what they have for each other is more than all limits allow. */
  async function jammed(kind: Kind, highWaterMark?: number) {
    const tiny = { concurrentHandlers: 1, receiveQueueMessages: 1, retainedMessages: 1, idleSeconds: 60 };
    const more = highWaterMark === undefined ? {} : { highWaterMark };
    const pair = await live({ ...KINDS[kind], limits: { ...rates, ...tiny, ...more, messageTtl: 60 } });
    if (highWaterMark !== undefined) narrow(pair.link);
    const play = new Load(pair);
    for (const role of ROLES) {
      play.take(role, { burst: 0, sends: 3, works: 0 }, false);
      for (const _ of upTo(30)) void play.send(role, "burst");
    }
    return { pair, play };
  }

  it("what waits for receipts fails when its life is over, and the session goes on", async () => {
    const { pair, play } = await jammed("resumable");
    // With a life of three minutes, and little that goes with each.
    await pair.clock.advance(1_500_000);
    expect(new Set(play.failed.map((error) => (error as { code: string }).code))).toEqual(new Set(["E_EXPIRED"]));
    for (const role of ROLES) {
      const session = sessionOf(pair, role);
      expect(session.state).toBe("open");
      sessionOf(pair, other(role)).handle("echo", (data) => data);
      const echo = session.request("echo", role);
      await pair.clock.advance(10_000);
      expect(await echo).toBe(role);
    }
    await sessionOf(pair, "client").close();
    await pair.clock.advance(5_000);
    await released(pair);
  });

  it("what waits for the network ends the connection after idleSeconds [ctl:idle]", async () => {
    const { pair } = await jammed("strict", 200);
    await pair.clock.advance(50_000);
    for (const role of ROLES) expect([role, pair.link[role].paused]).toEqual([role, true]);
    await pair.clock.advance(80_000);
    await released(pair);
    expect(ROLES.map((role) => pair[role].info?.error?.code)).toContain("E_IDLE");
  });
});
