import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import { until } from "../support/clock.ts";
import type { Direction } from "../support/link.ts";
import { end, LEVELS, type Live, live, other, ROLES, type Role, upTo, WIRES } from "../support/live.ts";
import { openPair, type PairOptions } from "../support/pair.ts";
import { expectRefusal } from "../support/tamper.ts";

const WINDOW: PairOptions = { server: { order: "window" }, client: { order: "window" } };
const direction = (role: Role): Direction => (role === "client" ? "c2s" : "s2c");

/** What a relay without order does with the messages of one side after the handshake: it keeps them until `release`. */
function hold(pair: Live, role: Role): { readonly held: Payload[]; release: (...places: number[]) => void } {
  const held: Payload[] = [];
  pair.link.tap = (d, payload) => {
    if (d !== direction(role)) return [payload];
    held.push(payload);
    return [];
  };
  return {
    held,
    release: (...places) => {
      for (const i of places) pair.link.inject(direction(role), held[i - 1] as Payload);
    },
  };
}

async function opened(options: PairOptions = {}): Promise<Live> {
  return await live({ ...WINDOW, ...options, serverHooks: { authorize: () => true, ...options.serverHooks } });
}

function inbox(pair: Live, role: Role): unknown[] {
  const got: unknown[] = [];
  pair[role].session!.handle("t", (data) => {
    got.push(data);
  });
  return got;
}

describe.each(WIRES)("%s", (protocol) => {
  describe.each(LEVELS)("%s", (level) => {
    const at = { protocol, level } as const;

    it.each(ROLES)(
      "messages to the %s in any order are delivered once each, as they come [window:accept]",
      async (to) => {
        const pair = await opened(at);
        const from = other(to);
        const got = inbox(pair, to);
        const { release } = hold(pair, from);
        for (const n of upTo(8)) await pair[from].session!.send("t", n);
        release(3, 1, 8, 2, 5, 4);
        await until(() => got.length === 6, "what was released");
        expect(got).toEqual([3, 1, 8, 2, 5, 4]);
        expect(pair[to].session!.window).toEqual({ dropped: 0, missing: 2 });
        release(7, 6);
        await until(() => got.length === 8, "the rest");
        expect(pair[to].session!.window).toEqual({ dropped: 0, missing: 0 });
        expect([pair.client.session!.order, pair.server.session!.order]).toEqual(["window", "window"]);
      },
    );

    it.each(ROLES)(
      "sixteen repetitions to the %s are dropped, the next ends the session [window:drop] [window:drops-end] [seq:replay]",
      async (to) => {
        const pair = await opened(at);
        const from = other(to);
        const got = inbox(pair, to);
        const { held, release } = hold(pair, from);
        await pair[from].session!.send("t", 1);
        await pair[from].session!.send("t", 2);
        release(1, ...upTo(16).map(() => 1), 2);
        await until(() => got.length === 2, "both messages");
        expect(held).toHaveLength(2);
        expect(pair[to].session!.window).toEqual({ dropped: 16, missing: 0 });
        expect(pair[to].info).toBeUndefined();
        expect(pair.errors[to]).toHaveLength(16);
        const stage = level === "mac" || level === "sig" ? "claims" : "sequence";
        for (const error of pair.errors[to]) expect(error).toMatchObject({ code: "E_REPLAY", stage, fatal: false });
        release(2);
        await expectRefusal(pair, { side: to, code: "E_REPLAY", stage, close: 4502 });
        expect(got).toEqual([1, 2]);
        expect(pair[to].info!.window).toEqual({ dropped: 16, missing: 0 });
      },
    );
  });

  it("requests, replies, control and refusals survive any order", async () => {
    const pair = await opened({
      protocol,
      batch: false,
      serverHooks: { authorize: (request: { topic: string }) => request.topic !== "no" },
    });
    pair.server.session!.handle("double", (n) => 2 * (n as number));
    const client = pair.client.session!;
    const denied: unknown[] = [];
    client.onDenied((d) => denied.push(d));
    const { held, release } = hold(pair, "server");
    const replies = Promise.all(upTo(5).map((n) => client.request("double", n, { timeout: 90_000 })));
    await client.send("no", null);
    await until(() => held.length === 6, "the answers");
    await pair.clock.advance(30_000);
    await until(() => held.length === 7, "the ping");
    release(7, 3, 6, 1, 5, 2, 4);
    expect(await replies).toEqual([2, 4, 6, 8, 10]);
    await until(() => denied.length === 1, "the refusal");
    expect(denied).toEqual([expect.objectContaining({ topic: "no", seq: 6 })]);
    expect(pair.client.session!.window).toEqual({ dropped: 0, missing: 0 });
  });

  it("an earlier rcv that comes later is no error [ctl:rcv]", async () => {
    const pair = await opened({ protocol });
    const { held, release } = hold(pair, "server");
    const server = pair.server.session!;
    inbox(pair, "server");
    await pair.clock.advance(30_000);
    for (const n of upTo(3)) await pair.client.session!.send("t", n);
    await pair.clock.advance(30_000);
    await until(() => held.length === 2, "two pings");
    release(2, 1);
    await until(() => pair.client.session!.window!.missing === 0, "both");
    expect(pair.client.info).toBeUndefined();
    expect(server.window).toEqual({ dropped: 0, missing: 0 });
  });

  it("what is deleted is counted, not fatal, and reported at the end [window:report]", async () => {
    const pair = await opened({ protocol });
    const got = inbox(pair, "server");
    const { held, release } = hold(pair, "client");
    const client = pair.client.session!;
    for (const n of upTo(5)) await client.send("t", n);
    void client.close();
    await until(() => held.length === 6, "the bye");
    release(1, 1, 3, 6);
    expect(await end(pair, "server")).toMatchObject({
      clean: true,
      truncated: false,
      window: { dropped: 1, missing: 3 },
    });
    expect(got).toEqual([1, 3]);
    expect(await end(pair, "client")).toMatchObject({ clean: true, window: { dropped: 0, missing: 0 } });
  });

  it("up to the edge of the window, whatever its size [window:old] [window:drop]", async () => {
    for (const replayWindow of [1, 8, 40]) {
      const pair = await opened({ protocol, limits: { replayWindow } });
      const got = inbox(pair, "server");
      const { release } = hold(pair, "client");
      for (const n of upTo(replayWindow + 2)) await pair.client.session!.send("t", n);
      const top = replayWindow + 2;
      release(top, 2, 1, ...(replayWindow > 1 ? [3] : []));
      const rest = replayWindow > 1 ? [3] : [];
      await until(() => got.length === 1 + rest.length && pair.errors.server.length === 2, "the edge");
      expect(got).toEqual([top, ...rest]);
      expect(pair.errors.server).toEqual([1, 2].map(() => expect.objectContaining({ code: "E_REPLAY" })));
    }
  });
});

describe("who decides [sh:pol]", () => {
  it.each(WIRES)("a client that was not told to refuses window order, %s", async (protocol) => {
    const pair = await openPair({ protocol, server: { order: "window" } });
    await expectRefusal(pair, { side: "client", code: "E_NEGOTIATE", stage: "claims", close: 4406 });
    expect(pair.client.session).toBeUndefined();
    expect(pair.server.session).toBeUndefined();
  });
  it("a client that accepts it takes strict order where the server has that", async () => {
    const pair = await openPair({ client: { order: "window" } });
    expect([pair.client.session!.order, pair.server.session!.order]).toEqual(["strict", "strict"]);
    expect(pair.client.session!.window).toBeUndefined();
    void pair.client.session!.close();
    expect(await end(pair, "client")).not.toHaveProperty("window");
  });
});

describe("whatever a path without order does", () => {
  const fate = fc.record({ copies: fc.integer({ min: 0, max: 2 }), delay: fc.integer({ min: 0, max: 40 }) });
  it.each(WIRES)(
    "what arrives within the window is delivered once, the rest is counted [window:accept] [window:drop] [window:report], %s",
    async (protocol) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fate, { minLength: 1, maxLength: 30 }),
          fc.constantFrom(...LEVELS),
          fc.constantFrom(1, 8, 1024),
          async (fates, level, replayWindow) => {
            const pair = await opened({ protocol, level, limits: { replayWindow, replayDrops: 100 } });
            const got = inbox(pair, "server");
            const { held, release } = hold(pair, "client");
            for (const n of upTo(fates.length)) await pair.client.session!.send("t", n);
            const arrivals = fates
              .flatMap(({ copies, delay }, i) =>
                Array.from({ length: copies }, (_, c) => ({ n: i + 1, at: i + c * 3 + delay })),
              )
              .sort((a, b) => a.at - b.at)
              .map(({ n }) => n);
            const expected: number[] = [];
            let top = 0;
            for (const n of arrivals) {
              if (top - n >= replayWindow || expected.includes(n)) continue;
              expected.push(n);
              top = Math.max(top, n);
            }
            release(...arrivals);
            // The end of what was released: a number above all others.
            await pair.client.session!.send("t", "end");
            release(held.length);
            await until(() => got.at(-1) === "end", "the last message");
            expect(got).toEqual([...expected, "end"]);
            const missing = fates.length - expected.length;
            expect(pair.server.session!.window).toEqual({ dropped: arrivals.length - expected.length, missing });
          },
        ),
        { numRuns: 25 },
      );
    },
  );
});
