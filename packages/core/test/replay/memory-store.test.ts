import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backend } from "#backend";
import { replayStoreContract } from "../../src/replay/contract.ts";
import { ExpiringTable, slotOf } from "../../src/replay/expiring-table.ts";
import { createMemoryReplayStore } from "../../src/replay/memory-store.ts";
import { type ReplayStore, replayKey } from "../../src/replay/store.ts";

const NOW = 1_893_456_000;
const START = { startedAt: 0, skew: 60 };

/** 32 bytes as a hash has them, without the hash: the low bits of `n` stand where the slot is taken from. */
function keyOf(n: number): Uint8Array {
  const key = new Uint8Array(32);
  const view = new DataView(key.buffer);
  view.setUint32(0, Math.imul(n, 0x9e3779b1) >>> 0);
  view.setUint32(4, n);
  return key;
}

describe("the contract [store:atomic] [store:keep] [store:share] [store:start]", () => {
  const small = replayStoreContract(
    () => ({ store: createMemoryReplayStore({ startedAt: NOW - 3600, skew: 60, capacity: 200 }) }),
    { capacity: 200, issuerShare: 10, unknownUntil: NOW - 3540 },
  );
  const one = replayStoreContract(
    () => ({ store: createMemoryReplayStore({ ...START, capacity: 25, issuerShare: 100 }) }),
    { capacity: 25, issuerShare: 100 },
  );
  it.each(small)("$name", ({ run }) => run());
  it.each(one.slice(-2))("one issuer may fill it: $name", ({ run }) => run());

  const broken: readonly [string, () => ReplayStore, RegExp][] = [
    ["takes everything", () => ({ insert: () => "new" }), /the same envelope|hundred|do not meet|key alone|kept until/],
    ["asks first and writes later", () => later(new Set()), /hundred/],
    ["forgets at once", () => forgetful(5), /kept until/],
    ["never forgets", () => forgetful(1e9), /not longer/],
    ["evicts the oldest", () => evicting(200), /forgets nothing that lives/],
    ["knows no share", () => createMemoryReplayStore({ ...START, capacity: 200, issuerShare: 100 }), /share/],
    ["knows no start", () => createMemoryReplayStore({ ...START, capacity: 200 }), /before the store began/],
  ];
  it.each(broken)("finds a store that %s", async (_, make, name) => {
    const cases = replayStoreContract(() => ({ store: make() }), {
      capacity: 200,
      issuerShare: 10,
      unknownUntil: NOW - 3540,
    });
    const failed = await Promise.all(
      cases.map(({ run }) =>
        run().then(
          () => [],
          () => [1],
        ),
      ),
    );
    const names = cases.filter((_case, i) => failed[i]!.length > 0).map((c) => c.name);
    expect(names.filter((n) => name.test(n))).not.toEqual([]);
  });

  it("disposes of every store, also of one that fails", async () => {
    let disposed = 0;
    const cases = replayStoreContract(() => ({
      store: { insert: () => "full" },
      dispose: () => {
        disposed++;
      },
    }));
    for (const { run } of cases) await expect(run()).rejects.toThrow();
    expect(disposed).toBe(cases.length);
  });
});

const hex = (key: Uint8Array) => Buffer.from(key).toString("hex");

const later = (keys: Set<string>): ReplayStore => ({
  insert: async ({ key }) => {
    const seen = keys.has(hex(key));
    await Promise.resolve();
    keys.add(hex(key));
    return seen ? "seen" : "new";
  },
});

function forgetful(seconds: number): ReplayStore {
  const ends = new Map<string, number>();
  return {
    insert: ({ key, now }) => {
      if ((ends.get(hex(key)) ?? 0) > now) return "seen";
      ends.set(hex(key), now + seconds);
      return "new";
    },
  };
}

function evicting(capacity: number): ReplayStore {
  const keys = new Set<string>();
  return {
    insert: ({ key }) => {
      if (keys.has(hex(key))) return "seen";
      if (keys.size === capacity) keys.delete(keys.values().next().value as string);
      keys.add(hex(key));
      return "new";
    },
  };
}

describe("the store in memory", () => {
  it("does what a map does, with few slots and many ends [store:keep] [store:share]", () => {
    const step = fc.record({
      n: fc.integer({ min: 0, max: 40 }),
      issuer: fc.constantFrom("a", "b", "c"),
      life: fc.integer({ min: 1, max: 50 }),
      passed: fc.constantFrom(0, 0, 0, 1, 5, 60),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const store = createMemoryReplayStore({ ...START, capacity: 12, issuerShare: 50 });
        const model = new Map<number, { end: number; issuer: string }>();
        let now = NOW;
        for (const { n, issuer, life, passed } of steps) {
          now += passed;
          for (const [key, { end }] of model) if (end <= now) model.delete(key);
          const share = [...model.values()].filter((entry) => entry.issuer === issuer).length;
          const expected = model.has(n) ? "seen" : model.size === 12 || share === 6 ? "full" : "new";
          const entry = { key: keyOf(n), issuer, issuedAt: now, keepUntil: now + life, now };
          expect(store.insert(entry)).toBe(expected);
          if (expected === "new") model.set(n, { end: now + life, issuer });
        }
      }),
      { numRuns: 300 },
    );
  });

  it("refuses what it may have forgotten where the clock is set back [store:closed] [store:clock]", () => {
    const store = createMemoryReplayStore({ ...START, capacity: 10 });
    const insert = (n: number, now: number, keepUntil: number) =>
      store.insert({ key: keyOf(n), issuer: `${n}`, issuedAt: now, keepUntil, now });
    expect(insert(1, NOW, NOW + 100)).toBe("new");
    expect(insert(2, NOW + 5000, NOW + 6000)).toBe("new");
    expect(insert(1, NOW + 10, NOW + 100)).toBe("before-start");
    expect(insert(3, NOW + 10, NOW + 5000)).toBe("before-start");
    expect(insert(2, NOW + 10, NOW + 6000)).toBe("seen");
    expect(insert(3, NOW + 10, NOW + 5001)).toBe("new");
  });

  it("refuses up to start + skew, whatever came before [store:start]", () => {
    const store = createMemoryReplayStore({ startedAt: NOW, capacity: 10 });
    const insert = (issuedAt: number) =>
      store.insert({ key: keyOf(issuedAt), issuer: "i", issuedAt, keepUntil: NOW + 500, now: NOW + 70 });
    // The tolerance of standalone envelopes is the default.
    expect([NOW - 10, NOW, NOW + 60, NOW + 61].map(insert)).toEqual([
      "before-start",
      "before-start",
      "before-start",
      "new",
    ]);
  });

  describe("a long pause is swept in pieces", () => {
    const LIFE = 100;
    const full = (issuerShare: number) => {
      const store = createMemoryReplayStore({ ...START, capacity: 1000, issuerShare });
      const insert = (n: number, now: number, issuer = n % 2 === 0 ? "even" : "odd", life = LIFE) =>
        store.insert({ key: keyOf(n), issuer, issuedAt: now, keepUntil: now + life, now });
      for (let n = 0; n < 1000; n++) expect(insert(n, NOW, undefined, n % 2 === 0 ? LIFE : LIFE + 1)).toBe("new");
      expect(insert(5000, NOW + LIFE - 1, "third")).toBe("full");
      return { store, insert };
    };

    it("what has ended holds no room, that of its issuer neither", () => {
      const { store, insert } = full(50);
      expect(insert(5000, NOW + LIFE + 1, "third")).toBe("new");
      expect(store.size).toBeLessThan(1000);
      expect(store.size).toBeGreaterThan(500);
      // The even ones come first: those of the odd issuer are still in the table.
      expect(insert(5001, NOW + LIFE + 1, "odd")).toBe("new");
      expect(store.size).toBe(2);
    });

    it("a key whose entry has ended is new once, before and after the sweep came to it [store:replay]", () => {
      const { store, insert } = full(100);
      const now = NOW + LIFE + 1;
      for (const n of [501, 502, 999, 0]) {
        expect(insert(n, now)).toBe("new");
        expect(insert(n, now)).toBe("seen");
      }
      for (let n = 1001; n < 1100; n++) expect(insert(n, now)).toBe("new");
      for (const n of [501, 502, 999, 0]) expect(insert(n, now)).toBe("seen");
      expect(store.size).toBe(103);
    });
  });

  it.each([
    ["no options", undefined],
    ["no start", {}],
    ["capacity 0", { ...START, capacity: 0 }],
    ["half an entry", { ...START, capacity: 1.5 }],
    ["no share", { ...START, issuerShare: 0 }],
    ["more than all", { ...START, issuerShare: 101 }],
    ["negative skew", { startedAt: 0, skew: -1 }],
  ])("%s: a TypeError", (_, options) => {
    expect(() => createMemoryReplayStore(options as never)).toThrow(TypeError);
  });

  it.each([
    ["a short key", { key: new Uint8Array(31) }],
    ["no time", { now: Number.NaN }],
    ["no end", { keepUntil: Number.POSITIVE_INFINITY }],
  ])("an entry with %s is no entry [store:closed]", (_, wrong) => {
    const store = createMemoryReplayStore(START);
    const entry = { key: keyOf(1), issuer: "i", issuedAt: NOW, keepUntil: NOW + 60, now: NOW };
    expect(() => store.insert({ ...entry, ...wrong })).toThrow(TypeError);
    expect(store.insert(entry)).toBe("new");
  });

  it("takes at most 40 bytes an entry at a million", () => {
    const store = createMemoryReplayStore({ ...START, capacity: 1_000_000 });
    expect(store.byteLength / 1_000_000).toBeLessThanOrEqual(40);
  });
});

describe("the table", () => {
  it.each([1, 3, 10])("finds every key while all of them share %i homes at the end of the slots", (homes) => {
    const table = new ExpiringTable(64, backend.random(16));
    const clustered = (n: number) => {
      const key = keyOf(n);
      // 97 slots.
      new DataView(key.buffer).setUint32(0, 2 ** 32 - 1 - Math.floor(((n % homes) * 2 ** 32) / 97));
      return key;
    };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 200 }), (numbers) => {
        const inside = new Map<number, number>();
        for (const n of numbers) {
          if (inside.has(n) || inside.size === 64) {
            const first = Math.min(...inside.values());
            expect(table.firstEnd).toBe(first);
            const owner = table.removeFirst();
            expect(inside.get(owner)).toBe(first);
            inside.delete(owner);
          } else {
            const end = (n * 7919) % 13;
            table.add(clustered(n), end, n);
            inside.set(n, end);
          }
          for (let i = 0; i <= 60; i++) expect(table.endOf(clustered(i))).toBe(inside.get(i));
          expect(table.size).toBe(inside.size);
        }
        while (table.size > 0) table.removeFirst();
      }),
      { numRuns: 50 },
    );
  });
});

describe("the replay key [store:key]", () => {
  it("is the hash of the label and the three names, each with its length", async () => {
    const { createHash } = await import("node:crypto");
    const part = (text: string) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(text));
      return Buffer.concat([length, Buffer.from(text)]);
    };
    const cases: readonly [string, string, string][] = [
      ["https://a.example", "https://b.example", "id-1"],
      ["é", "漢", "🙂"],
      ["", "", ""],
    ];
    for (const names of cases) {
      const bytes = Buffer.concat([Buffer.from("sealwire1 jti\0"), ...names.map(part)]);
      expect(hex(await replayKey(...names))).toBe(createHash("sha256").update(bytes).digest("hex"));
    }
  });
});

describe("keys that an issuer has chosen", () => {
  // Tried out until their first word is the same: without a secret all of them would begin their search at one slot.
  const chosen = Array.from({ length: 1000 }, (_, i) => Uint32Array.of(7, Math.imul(i, 0x9e3779b1), i, ~i));

  it("spread over the table, and differently in every table", () => {
    const slotsBy = (secret: Uint32Array) => chosen.map((key) => slotOf(key, 0, secret, 100_000));
    const [one, two] = [
      Uint32Array.of(3, 0x8f1bbcdd, 0x5a827999, 0x6ed9eba1),
      Uint32Array.of(9, 0x2545f491, 0xca62c1d7, 5),
    ];
    expect(new Set(slotsBy(one)).size).toBeGreaterThan(900);
    expect(slotsBy(one)).not.toEqual(slotsBy(two));
  });

  it("a place in the middle of an array of keys is the same as alone", () => {
    const secret = Uint32Array.of(1, 3, 5, 7);
    const all = new Uint32Array(8);
    all.set(chosen[5] as Uint32Array, 4);
    expect(slotOf(all, 4, secret, 1000)).toBe(slotOf(chosen[5] as Uint32Array, 0, secret, 1000));
  });
});
