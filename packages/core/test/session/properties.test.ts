import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import { isSealwireError } from "../../src/errors.ts";
import { ERRORS } from "../../src/registry.generated.ts";
import type { Data } from "../../src/wire/json.ts";
import { product } from "../support/all-pairs.ts";
import { settle, until } from "../support/clock.ts";
import { LEVELS, WIRES } from "../support/messages.ts";
import { openPair, type Pair, type PairOptions } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";

// What escapes anywhere in these tests is a fault, whichever test it belongs to.
const escaped: unknown[] = [];
const note = (error: unknown) => {
  escaped.push(error);
};
beforeAll(() => {
  process.on("unhandledRejection", note);
});
afterAll(() => {
  process.off("unhandledRejection", note);
  expect(escaped).toEqual([]);
});

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
);
const json = fc.letrec<{ value: Data }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    text,
    number.map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.array(tie("value"), { maxLength: 5 }) as fc.Arbitrary<Data>,
    fc.dictionary(
      text.filter((k) => k !== "__proto__"),
      tie("value"),
      { maxKeys: 5, noNullPrototype: true },
    ) as fc.Arbitrary<Data>,
  ),
})).value;
const data = fc.oneof(json, fc.uint8Array({ maxLength: 300 }));

describe("any data goes round", () => {
  const rows = product({ level: LEVELS, protocol: WIRES, codec: ["json", "cbor"] } as const);
  it.each(rows.map((r) => [Object.values(r).join(" "), r] as const))("%s", async (_, row) => {
    const pair = await openPair({ ...row, serverHooks: { authorize: () => true, rateLimited: false } });
    pair.server.session!.handle("echo", (d) => d);
    await fc.assert(
      fc.asyncProperty(data, async (d) => {
        expect(await pair.client.session!.request("echo", d)).toEqual(d);
      }),
      { numRuns: 25 },
    );
  });
});

/** What somebody in between does to one message. */
const meddling = fc.oneof(
  fc.record({ kind: fc.constant("bytes" as const), bytes: fc.uint8Array({ maxLength: 200 }) }),
  fc.record({ kind: fc.constant("text" as const), text: fc.string({ unit: "binary", maxLength: 200 }) }),
  fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat() }),
  fc.record({ kind: fc.constant("extend" as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  fc.record({ kind: fc.constant("drop" as const) }),
  fc.record({ kind: fc.constant("repeat" as const) }),
  fc.record({ kind: fc.constant("reflect" as const) }),
);
type Meddling = typeof meddling extends fc.Arbitrary<infer T> ? T : never;

function meddle(m: Meddling, payload: Payload, other: Payload | undefined): Payload[] {
  const bytes = Buffer.from(payload);
  const back = (b: Uint8Array): Payload => (typeof payload === "string" ? Buffer.from(b).toString("latin1") : b);
  switch (m.kind) {
    case "bytes":
      return [m.bytes];
    case "text":
      return [m.text];
    case "flip":
      return [back(bytes.map((b, i) => (i === m.at % bytes.length ? b ^ m.mask : b)))];
    case "cut":
      return [back(bytes.subarray(0, m.at % bytes.length))];
    case "extend":
      return [back(Buffer.concat([bytes, m.bytes]))];
    case "drop":
      return [];
    case "repeat":
      return [payload, payload];
    case "reflect":
      return other === undefined ? [] : [other];
  }
}

/** Handshake and a few messages each way with one message meddled with; all is over at the end. */
async function run(options: PairOptions, direction: "c2s" | "s2c", index: number, m: Meddling) {
  const got: Record<"client" | "server", unknown[]> = { client: [], server: [] };
  const last: Partial<Record<"c2s" | "s2c", Payload>> = {};
  const hooks = (side: "client" | "server") => ({
    authorize: () => true,
    handler: () => (d: Data) => {
      got[side].push(d);
    },
  });
  const pair = await openPair({
    ...options,
    waitFor: false,
    clientHooks: hooks("client"),
    serverHooks: hooks("server"),
    onLink: (link) => {
      link.tap = (d, payload, i) => {
        last[d] = payload;
        return d === direction && i === index ? meddle(m, payload, last[d === "c2s" ? "s2c" : "c2s"]) : [payload];
      };
    },
  });
  const over = (side: "client" | "server") => pair[side].info !== undefined || pair[side].session !== undefined;
  for (let i = 0; i < 12 && !(over("client") && over("server")); i++) await pair.clock.advance(1000);
  await settle();
  for (const n of [1, 2, 3]) {
    for (const side of ["client", "server"] as const) await pair[side].session?.send("t", n).catch(() => {});
  }
  await settle();
  void pair.client.session?.close();
  for (let i = 0; i < 40 && !(pair.client.info && pair.server.info); i++) await pair.clock.advance(5000);
  return { pair, got };
}

/** Ended on both sides with nothing but codes of the registry, and with nothing left behind. */
function expectOrderly(pair: Pair): void {
  for (const side of ["client", "server"] as const) {
    const { info } = pair[side];
    expect(info, `${side} has not ended`).toBeDefined();
    if (info!.error === undefined) continue;
    expect(isSealwireError(info!.error)).toBe(true);
    expect(Object.keys(ERRORS)).toContain(info!.error.code);
    expect(info!.error.code).not.toBe("E_INTERNAL");
  }
  expect(pair.clock.pending).toBe(0);
}

describe("whatever somebody in between does", () => {
  const where = fc.record({
    direction: fc.constantFrom("c2s" as const, "s2c" as const),
    index: fc.nat({ max: 5 }),
    m: meddling,
    level: fc.constantFrom(...LEVELS),
    protocol: fc.constantFrom(...WIRES),
    codec: fc.constantFrom("json" as const, "cbor" as const),
  });
  it("ends in a code of the registry and a close; what was delivered is what was sent, in order", async () => {
    await fc.assert(
      fc.asyncProperty(where, async ({ direction, index, m, ...options }) => {
        const { pair, got } = await run(options, direction, index, m);
        expectOrderly(pair);
        for (const side of ["client", "server"] as const)
          expect([1, 2, 3].slice(0, got[side].length)).toEqual(got[side]);
      }),
      { numRuns: 120 },
    );
  }, 60_000);

  it("garbage with the right keys too: sealed claims of any kind", async () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.json({ maxDepth: 3 }),
      fc
        .dictionary(
          fc.constantFrom("seq", "exp", "iat", "top", "ref", "req", "dat", "bin", "bat", "rcv", "pad", "x"),
          json,
        )
        .map((o) => JSON.stringify(o)),
    );
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.boolean(),
        fc.constantFrom("json" as const, "cbor" as const),
        async (c, control, codec) => {
          const pair = await openPair({ codec, level: "mac", serverHooks: { authorize: () => true } });
          const puppet = Puppet.seize(pair);
          puppet.deliver(control ? await puppet.control(c) : await puppet.message(c));
          await settle();
          // Taken or refused; a second one that is surely no next message ends it in any case.
          puppet.deliver(Buffer.alloc(3));
          await until(() => pair.server.info !== undefined, "the end");
          expect(["E_CLAIMS", "E_SEQ", "E_CBOR", "E_EXPIRED"]).toContain(pair.server.info!.error!.code);
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it("the session beside it does not notice", async () => {
    await fc.assert(
      fc.asyncProperty(where, async ({ direction, index, m, ...options }) => {
        const quiet = await openPair({ ...options, serverHooks: { authorize: () => true } });
        quiet.server.session!.handle("echo", (d) => d);
        const loud = run(options, direction, index, m);
        for (let i = 0; i < 5; i++) expect(await quiet.client.session!.request("echo", i)).toBe(i);
        expectOrderly((await loud).pair);
        expect(await quiet.client.session!.request("echo", "still there")).toBe("still there");
        expect(await quiet.client.session!.close()).toMatchObject({ clean: true });
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
