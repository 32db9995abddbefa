import { describe, expect, it } from "vitest";
import { createMemoryReplayStore } from "../../src/replay/memory-store.ts";
import { type ReplayEntry, type ReplayStore, replayKey } from "../../src/replay/store.ts";
import { type OpenOptions, open } from "../../src/standalone/open.ts";
import { toFull } from "../support/raw.ts";
import {
  ALICE,
  BOB,
  craft,
  type Edit,
  expectOpened,
  expectRefused,
  FORMS,
  failureOf,
  GROUP,
  JTI,
  type Kind,
  NOW,
  now,
  OPTIONS,
} from "./fixtures.ts";

const KINDS: readonly Kind[] = ["signed", "encrypted"];
const at = (seconds: number): Partial<OpenOptions> => ({ now: () => seconds * 1000 });
const life =
  (iat: number, exp: number): Edit =>
  (p) =>
    Object.assign(p.claims, { iat: NOW + iat, exp: NOW + exp });

describe("time [standalone:life] [time:expired] [time:future] [time:ttl]", () => {
  const rows: readonly (readonly [string, number, number, "ok" | "E_EXPIRED" | "E_FUTURE" | "E_TTL"])[] = [
    ["one second before it ends", -118, -59, "ok"],
    ["when it ends, 60 seconds after exp", -118, -60, "E_EXPIRED"],
    ["60 seconds from the future", 60, 60, "ok"],
    ["61 seconds from the future", 61, 61, "E_FUTURE"],
    ["a life of 300 seconds", 0, 300, "ok"],
    ["a life of 301 seconds", 0, 301, "E_TTL"],
    ["the longest life from a clock that is ahead", 60, 360, "ok"],
    ["expired goes before the rest", -1000, -60, "E_EXPIRED"],
    ["the future goes before the life", 61, 1000, "E_FUTURE"],
  ];
  for (const kind of KINDS) {
    it.each(rows)(`${kind}: %s`, async (_, iat, exp, result) => {
      const envelope = craft(kind, life(iat, exp));
      if (result === "ok") await expectOpened(envelope);
      else await expectRefused(envelope, result, "time");
    });
  }

  it("a second has begun when it has begun", async () => {
    const envelope = craft("signed", life(-118, -59));
    await expectOpened(envelope, { now: () => NOW * 1000 + 999 });
    await expectRefused(envelope, "E_EXPIRED", "time", { now: () => (NOW + 1) * 1000 });
  });

  it("maxLife raises and lowers it", async () => {
    const day = craft("signed", life(0, 86_400));
    await expectRefused(day, "E_TTL", "time", { maxLife: 86_399 });
    await expectOpened(day, { maxLife: 86_400 });
    await expectRefused(craft("signed"), "E_TTL", "time", { maxLife: 59 });
    await expectOpened(craft("signed"), { maxLife: 60 });
  });

  it.each([0, -1, 1.5, 86_401, Number.NaN, Number.POSITIVE_INFINITY])(
    "maxLife %s is a TypeError [standalone:ttl-max]",
    async (maxLife) => {
      expect(await failureOf(() => open(craft("signed"), { ...OPTIONS, maxLife }))).toBeInstanceOf(TypeError);
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, "now"])(
    "a clock that shows %s is a TypeError, not an open door",
    async (time) => {
      // Also where the envelope is refused before its time is looked at.
      for (const envelope of [craft("signed", life(-1000, -900)), "no envelope"]) {
        const options = { ...OPTIONS, now: () => time as number };
        expect(await failureOf(() => open(envelope, options))).toBeInstanceOf(TypeError);
      }
    },
  );
});

describe("authorize", () => {
  it.each([[false], [undefined], [1], ["true"]])("only true grants, %s does not", async (answer) => {
    await expectRefused(craft("signed"), "E_DENIED", "authorize", { authorize: () => answer as boolean });
    await expectRefused(craft("signed"), "E_DENIED", "authorize", { authorize: async () => answer as boolean });
  });

  it("what it throws is a denial", async () => {
    const failing = () => {
      throw new Error("the policy is gone");
    };
    await expectRefused(craft("encrypted"), "E_DENIED", "authorize", { authorize: failing });
    await expectRefused(craft("encrypted"), "E_DENIED", "authorize", { authorize: async () => failing() });
  });

  it("sees what would be delivered", async () => {
    const seen: unknown[] = [];
    const opened = await expectOpened(craft("encrypted"), { authorize: (e) => seen.push(e) > 0 });
    expect(seen).toEqual([opened, opened]);
    expect(opened).toMatchObject({ issuer: ALICE, audience: BOB, id: JTI, topic: "pay", encrypted: true });
  });

  it("is not asked about what is not authentic or too old", async () => {
    const authorize = () => expect.fail("asked");
    await expectRefused(craft("signed", life(-1000, -900)), "E_EXPIRED", "time", { authorize });
    await expectRefused(
      craft("signed", (p) => Object.assign(p.claims, { iss: "x" })),
      "E_KEY",
      "claims",
      { authorize },
    );
  });
});

const memory = () => createMemoryReplayStore({ startedAt: 0 });

describe("replay [store:replay] [store:insert] [store:key]", () => {
  for (const kind of KINDS) {
    it(`${kind}: once, in whatever form it comes`, async () => {
      const replay = memory();
      const compact = craft(kind);
      await open(compact, { ...OPTIONS, replay });
      await expectRefused(compact, "E_REPLAY", "deliver", { replay });
    });
  }

  it("one jti is one message: another signature, another encryption, other claims", async () => {
    const replay = memory();
    await open(craft("signed"), { ...OPTIONS, replay });
    await expectRefused(
      craft("signed", (p) => Object.assign(p.claims, { dat: 1 })),
      "E_REPLAY",
      "deliver",
      { replay },
    );
    await expectRefused(craft("encrypted"), "E_REPLAY", "deliver", { replay });
  });

  it("of the same envelope at the same time one is delivered", async () => {
    const replay = memory();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        open(toFull(FORMS[i % 2] as "text", craft("signed")), { ...OPTIONS, replay }),
      ),
    );
    expect(results.filter((r) => r.status === "fulfilled").length).toBe(1);
  });

  it("the entry: key over receiver, issuer and jti, kept until exp + 2 skew", async () => {
    const entries: ReplayEntry[] = [];
    const replay: ReplayStore = { insert: (entry) => (entries.push(entry) > 0 ? "new" : "seen") };
    await open(
      craft("signed", (p) => Object.assign(p.claims, { aud: GROUP })),
      { ...OPTIONS, replay },
    );
    expect(entries).toEqual([
      { key: await replayKey(BOB, ALICE, JTI), issuer: ALICE, issuedAt: NOW, keepUntil: NOW + 60 + 120, now: NOW },
    ]);
  });

  it("nothing is used up by an envelope that is refused before", async () => {
    const replay: ReplayStore = { insert: () => expect.fail("inserted") };
    const refused: readonly [string, Partial<OpenOptions>][] = [
      [craft("signed", (p) => Object.assign(p, { signature: () => Buffer.alloc(64) })), {}],
      [craft("signed", (p) => Object.assign(p.claims, { aud: "x" })), {}],
      [craft("signed"), at(NOW + 1000)],
      [craft("signed"), { authorize: () => false }],
    ];
    for (const [envelope, options] of refused) {
      expect(await failureOf(() => open(envelope, { ...OPTIONS, ...options, replay }))).not.toMatchObject({
        stage: "deliver",
      });
    }
  });
});

describe("the store fails closed [store:closed]", () => {
  const stores: readonly (readonly [string, ReplayStore["insert"]])[] = [
    [
      "throws",
      () => {
        throw new Error("down");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("timed out");
      },
    ],
    ["is full", () => "full"],
    ["began later", () => Promise.resolve("before-start")],
    ["answers with nothing", () => undefined as never],
    ["answers with something else", () => true as never],
    ["answers OK", () => "OK" as never],
  ];
  it.each(stores)("one that %s", async (_, insert) => {
    await expectRefused(craft("signed"), "E_REPLAY_STORE", "deliver", { replay: { insert } });
    await expectRefused(craft("encrypted"), "E_REPLAY_STORE", "deliver", { replay: { insert } });
  });

  it.each([undefined, null, {}, true, Symbol("unsafeAllowReplay")])(
    "replay has to be a store, %s is a TypeError",
    async (replay) => {
      expect(await failureOf(() => open(craft("signed"), { ...OPTIONS, replay: replay as never }))).toBeInstanceOf(
        TypeError,
      );
    },
  );
});

describe("a node that restarted without a store [store:start]", () => {
  it("refuses what may have been delivered before", async () => {
    const replay = createMemoryReplayStore({ startedAt: NOW });
    const issued =
      (after: number): Edit =>
      (p) =>
        Object.assign(p.claims, { iat: NOW + after, exp: NOW + after + 60 });
    await expectRefused(craft("signed", issued(60)), "E_REPLAY_STORE", "deliver", { replay });
    await open(craft("signed", issued(61)), { ...OPTIONS, ...at(NOW + 61), replay });
  });
});

it("a refusal never ends anything [standalone:not-fatal]", async () => {
  for (const options of [at(NOW + 1000), { authorize: () => false }, { audience: "x" }]) {
    expect(
      await failureOf(() => open(craft("signed"), { ...OPTIONS, ...options, now: options.now ?? now })),
    ).toMatchObject({
      fatal: false,
      closeCode: undefined,
    });
  }
});
