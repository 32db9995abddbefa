import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import { isSealwireError } from "../../src/errors.ts";
import { ERRORS } from "../../src/registry.generated.ts";
import type { Data } from "../../src/wire/json.ts";
import { settle, until } from "../support/clock.ts";
import { end, LEVELS, live, other, ROLES, WIRES } from "../support/live.ts";
import { openPair } from "../support/pair.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => void process.off("unhandledRejection", note));

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const name = text.filter((s) => s !== "__proto__");
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
);
const { tree } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(fc.constant(null), fc.boolean(), number, text),
  tree: fc.oneof(
    { maxDepth: 5 },
    tie("leaf"),
    fc.array(tie("tree"), { maxLength: 6 }),
    fc.dictionary(name, tie("tree"), { maxKeys: 6 }),
  ),
}));
const data = fc.oneof({ weight: 4, arbitrary: tree }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });

/** -0 is written as 0; a record without a prototype reads as one with it. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === "object" && value !== null) return Object.entries(value).map(([k, v]) => [k, normal(v)]);
  return value === 0 ? 0 : value;
}

describe("any data comes back as it went", () => {
  for (const protocol of WIRES) {
    for (const level of LEVELS) {
      it.each(["json", "cbor"] as const)(`${protocol}, ${level}, %s`, async (codec) => {
        const pair = await live({ protocol, level, codec, limits: { itemsBurst: 1e6, itemsPerSecond: 1e6 } });
        for (const role of ROLES) pair[role].session!.handle("echo", (d) => d);
        await fc.assert(
          fc.asyncProperty(data, fc.constantFrom(...ROLES), async (value, role) => {
            const back = await pair[role].session!.request("echo", value as Data);
            expect(normal(back)).toEqual(normal(value));
          }),
          { numRuns: 25 },
        );
        expect([pair.client.info, pair.server.info]).toEqual([undefined, undefined]);
      });
    }
  }
});

type Change = (payload: Payload, at: number, with_: number) => Payload[];
const bytesOf = (p: Payload): Buffer => (typeof p === "string" ? Buffer.from(p, "latin1") : Buffer.from(p));
const like = (p: Payload, b: Uint8Array): Payload =>
  typeof p === "string" ? Buffer.from(b).toString("latin1") : new Uint8Array(b);
const CHANGES: Record<string, Change> = {
  flip: (p, at, x) => [
    like(
      p,
      bytesOf(p).map((b, i, all) => (i === at % all.length ? b ^ (1 + (x % 127)) : b)),
    ),
  ],
  cut: (p, at) => [like(p, bytesOf(p).subarray(0, at % bytesOf(p).length))],
  grow: (p, at, x) => [like(p, Buffer.concat([bytesOf(p), Buffer.alloc(1 + (at % 40), x)]))],
  twice: (p) => [p, p],
  drop: () => [],
  noise: (p, at, x) => [like(p, Buffer.alloc(at % 300, x)), p],
  otherKind: (p) => [typeof p === "string" ? Buffer.from(p) : Buffer.from(p).toString("base64url")],
};

/** It ended with a code of the registry, or nothing was wrong with it; nothing was thrown past it. */
function expectOrderly(info: { error?: unknown; clean: boolean } | undefined): void {
  if (info?.error === undefined) return;
  expect(isSealwireError(info.error)).toBe(true);
  expect(Object.keys(ERRORS)).toContain((info.error as { code: string }).code);
  expect((info.error as { code: string }).code).not.toBe("E_INTERNAL");
}

describe("whatever happens on the way", () => {
  it.each(WIRES)("a change of any message at any moment ends in registry errors and a close, %s", async (protocol) => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          change: fc.constantFrom(...Object.keys(CHANGES)),
          direction: fc.constantFrom("c2s" as const, "s2c" as const),
          index: fc.nat(4),
          at: fc.nat(5000),
          x: fc.nat(255),
          level: fc.constantFrom(...LEVELS),
        }),
        async ({ change, direction, index, at, x, level }) => {
          const pair = await openPair({
            protocol,
            level,
            waitFor: false,
            onLink: (link) => {
              link.tap = (d, payload, i) =>
                d === direction && i === index ? (CHANGES[change] as Change)(payload, at, x) : [payload];
            },
          });
          const decided = () =>
            ROLES.every((r) => pair[r].session !== undefined) || ROLES.some((r) => pair[r].info !== undefined);
          for (let i = 0; i < 50 && !decided(); i++) await settle(1);
          for (const role of ROLES) pair[role].session?.handle("echo", (d) => d);
          const asked = ROLES.flatMap((role) =>
            [1, 2, 3].map((n) => pair[role].session?.request("echo", n).catch((e) => e)),
          );
          await settle();
          const closing = ROLES.map((role) => pair[role].session?.close());
          for (let i = 0; i < 20; i++) await pair.clock.advance(1000);
          for (const role of ROLES) {
            await end(pair, role);
            expectOrderly(pair[role].info);
          }
          for (const answer of await Promise.all(asked)) {
            if (typeof answer === "object") expectOrderly({ error: answer, clean: false });
            else if (answer !== undefined) expect([1, 2, 3]).toContain(answer);
          }
          await Promise.all(closing);
          expect(pair.clock.pending).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
    await settle();
    expect(unhandled).toEqual([]);
  });

  it.each(WIRES)("random bytes into an open session end it, and no other session notices, %s", async (protocol) => {
    const quiet = await live({ protocol, limits: { itemsBurst: 1e6 } });
    quiet.server.session!.handle("echo", (d) => d);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom(...ROLES),
        fc.constantFrom(...LEVELS),
        async (noise, role, level) => {
          const pair = await live({ protocol, level });
          pair[role].session!.handle("t", () => expect.unreachable("noise"));
          const payload = protocol === "sealwire.v1.text" ? Buffer.from(noise).toString("latin1") : noise;
          pair.link.inject(role === "client" ? "s2c" : "c2s", payload);
          await until(() => pair[role].info !== undefined);
          expectOrderly(pair[role].info);
          expect(pair[role].info!.error).toMatchObject({ remote: false, fatal: true });
          expect((await end(pair, other(role))).error).toMatchObject({ remote: true });
          expect(await quiet.client.session!.request("echo", noise.length)).toBe(noise.length);
        },
      ),
      { numRuns: 40 },
    );
    await settle();
    expect(unhandled).toEqual([]);
    expect([quiet.client.info, quiet.server.info]).toEqual([undefined, undefined]);
  });
});
