import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import type { Direction } from "../support/link.ts";
import { end, LEVELS, type Live, live, ROLES, type Role, released, upTo, WIRES } from "../support/live.ts";
import type { PairOptions } from "../support/pair.ts";
import { SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const webcrypto = process.env.SEALWIRE_BACKEND === "webcrypto";
const MANY = 1e9;
const DIRECTIONS: readonly Direction[] = ["c2s", "s2c"];

async function unordered(options: PairOptions = {}) {
  const pair = await live({
    ...options,
    limits: { controlBurst: MANY, itemsBurst: MANY, itemsPerSecond: MANY, ...options.limits },
    client: { order: "window" },
    server: { order: "window" },
    serverHooks: { authorize: () => true },
  });
  const got: Record<Role, number[]> = { client: [], server: [] };
  for (const role of ROLES) sessionOf(pair, role).handle("t", (data) => void got[role].push(data as number));
  return { pair, got, way: new SlowLink(pair.link) };
}

/** One frame of those that are on the way arrives, not the oldest. */
function overtake(way: SlowLink, direction: Direction, which: number): void {
  const frames = way.way[direction];
  const [frame] = frames.splice(which % Math.max(1, frames.length), 1);
  if (frame !== undefined) way.link.inject(direction, frame);
}

const quiet = async (): Promise<void> => {
  if (webcrypto) return settle(1);
  for (let i = 0; i < 10; i++) await undefined;
};

const epochs = (pair: Live) => ROLES.flatMap((role) => Object.values(sessionOf(pair, role).epochs));

describe("new keys in window order", () => {
  it("have their age from the derivation, however late the peer shows that it has them [rekey:key-age]", async () => {
    const { pair, way } = await unordered({ limits: { keySeconds: 100, rekeySeconds: 1000 } });
    await pair.clock.advance(10_000);
    sessionOf(pair, "client").rekey();
    await settle();
    while (way.deliver("c2s"));
    await settle();
    await pair.clock.advance(25_000);
    way.open();
    await settle();
    expect(epochs(pair)).toEqual([1, 1, 1, 1]);
    await pair.clock.advance(74_000);
    expect(pair.server.info).toBe(undefined);
    await pair.clock.advance(2_000);
    expect((await end(pair, "server")).error?.code).toBe("E_KEY_LIMIT");
    await released(pair);
  });

  const rekey = fc.record({ do: fc.constant("rekey" as const), role: fc.constantFrom(...ROLES) });
  const event = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant("send" as const), role: fc.constantFrom(...ROLES) }) },
    { weight: 1, arbitrary: rekey },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("arrive" as const),
        direction: fc.constantFrom(...DIRECTIONS),
        which: fc.nat(7),
      }),
    },
  );

  it("whatever overtakes what, each message once, and one epoch at rest [rekey:window] [rekey:window-send] [rekey:collision-server] [rekey:collision-client]", async () => {
    const { pair, got, way } = await unordered();
    const sent: Record<Role, number> = { client: 0, server: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 12 }),
        rekey,
        fc.array(event, { maxLength: 12 }),
        fc.array(fc.nat(99), { minLength: 64, maxLength: 64 }),
        async (before, renewal, after, order) => {
          const base = sessionOf(pair, "client").epochs.send;
          const asked = new Set<Role>();
          for (const e of [...before, renewal, ...after]) {
            if (e.do === "send") void sessionOf(pair, e.role).send("t", ++sent[e.role]);
            // Once by each: what is two epochs late is lost, by rule.
            else if (
              e.do === "rekey" &&
              !asked.has(e.role) &&
              sessionOf(pair, e.role).epochs.send === base &&
              sessionOf(pair, e.role).epochs.receive === base
            ) {
              asked.add(e.role);
              sessionOf(pair, e.role).rekey();
            } else if (e.do === "arrive") overtake(way, e.direction, e.which);
            await quiet();
          }
          for (let i = 0; way.way.c2s.length + way.way.s2c.length > 0; i++) {
            const which = order[i % order.length] as number;
            overtake(way, DIRECTIONS[which % 2] as Direction, which);
            await quiet();
          }
          const [n] = epochs(pair) as [number];
          expect(epochs(pair)).toEqual([n, n, n, n]);
          expect(n - base).toBe(1);
          for (const role of ROLES) {
            const all = got[role].sort((a, b) => a - b);
            expect(all).toEqual(upTo(sent[role === "client" ? "server" : "client"]));
          }
          expect(pair.errors).toEqual({ client: [], server: [] });
        },
      ),
      { numRuns: webcrypto ? 15 : 150 },
    );
    way.open();
    await sessionOf(pair, "client").close();
    expect((await end(pair, "client")).window).toEqual({ dropped: 0, missing: 0 });
    await released(pair);
  });

  for (const protocol of WIRES) {
    it.each(LEVELS)(`a message of before the rekey comes after it, ${protocol}, %s [rekey:window]`, async (level) => {
      const { pair, got, way } = await unordered({ level, protocol });
      for (const role of ROLES) void sessionOf(pair, role).send("t", 1);
      await settle();
      const late = DIRECTIONS.map((direction) => way.way[direction].splice(0));
      sessionOf(pair, "client").rekey();
      await settle();
      way.open();
      await settle();
      expect(epochs(pair)).toEqual([1, 1, 1, 1]);
      for (const role of ROLES) await sessionOf(pair, role).send("t", 2);
      for (const [i, frames] of late.entries())
        for (const frame of frames) pair.link.inject(DIRECTIONS[i] as Direction, frame);
      await settle();
      for (const role of ROLES) expect(got[role]).toEqual([2, 1]);
      await sessionOf(pair, "client").close();
      await released(pair);
    });
  }

  it("what is two epochs late, or older than the window, is dropped and reported [rekey:window-old] [rekey:retired]", async () => {
    const { pair, got, way } = await unordered({ limits: { replayWindow: 8 } });
    const client = sessionOf(pair, "client");
    const drop = async (): Promise<Uint8Array[]> => {
      void client.send("t", 1);
      await settle();
      const frames = way.way.c2s.splice(0) as Uint8Array[];
      return frames;
    };
    const [first] = await drop();
    way.open();
    client.rekey();
    await settle();
    for (let i = 0; i < 12; i++) await client.send("t", 2);
    await settle();
    pair.link.inject("c2s", first as Uint8Array);
    await settle();
    expect(pair.errors.server).toEqual([expect.objectContaining({ code: "E_HEADER", fatal: false })]);
    expect(got.server).not.toContain(1);
    await client.close();
    expect((await end(pair, "server")).window).toEqual({ dropped: 1, missing: 1 });
    await released(pair);
  });

  it("a proposal of the client that comes after the server's was answered is ignored [rekey:collision-server]", async () => {
    const { pair, way } = await unordered();
    for (const role of ROLES) sessionOf(pair, role).rekey();
    await settle();
    const [late] = way.way.c2s.splice(0);
    way.open();
    await settle();
    expect(epochs(pair)).toEqual([1, 1, 1, 1]);
    pair.link.inject("c2s", late as Uint8Array);
    await settle();
    expect(pair.errors).toEqual({ client: [], server: [] });
    expect(epochs(pair)).toEqual([1, 1, 1, 1]);
    await sessionOf(pair, "client").close();
    await released(pair);
  });

  it.each([
    ["rekey", 1, "c2s", true],
    ["rekeyed", 1, "s2c", true],
    ["ack of the proposer", 2, "c2s", false],
    ["ack of the responder", 2, "s2c", false],
  ] as const)(
    "on a path that loses frames: %s is not sent again, and whether the session ends is %s [rekey:timeout]",
    async (_, place, direction, ends) => {
      const { pair, got } = await unordered();
      const seen = { c2s: 0, s2c: 0 };
      pair.link.tap = (d, payload) => (++seen[d] === place && d === direction ? [] : [payload]);
      sessionOf(pair, "client").rekey();
      await settle();
      // Messages go on meanwhile, and show the new keys where an ack was lost.
      for (const role of ROLES) await sessionOf(pair, role).send("t", 1);
      await pair.clock.advance(29_999);
      expect([got, sessionOf(pair, "client").state]).toEqual([{ client: [1], server: [1] }, "open"]);
      await pair.clock.advance(1);
      if (ends) {
        expect((await end(pair, "client")).error).toMatchObject({ code: "E_TIMEOUT_HS", remote: false });
        expect((await end(pair, "server")).error).toMatchObject({ remote: true });
      } else {
        expect(epochs(pair)).toEqual([1, 1, 1, 1]);
        await sessionOf(pair, "client").close();
      }
      await released(pair);
    },
  );

  it("holds no chains: such a session is never resumed [resume:strict]", async () => {
    const { pair, way } = await unordered();
    way.open();
    for (let i = 0; i < 10; i++) {
      sessionOf(pair, ROLES[i % 2] as Role).rekey();
      await settle();
    }
    expect(epochs(pair)).toEqual([10, 10, 10, 10]);
    for (const role of ROLES) expect(sessionOf(pair, role).life.ledger.chains).toEqual([]);
    await sessionOf(pair, "client").close();
    await released(pair);
  });
});
