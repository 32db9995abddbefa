import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { Kept, Retention } from "../../src/session/retention.ts";
import { claimsMemory } from "../../src/wire/memory.ts";

const message = (seq: number) => Kept.of(seq, undefined, 9, "t", 10);

/** Keeps messages 1 to `count`, each of `size` bytes that tell its number. */
function start(count: number, size: number, resumable = true): Retention {
  const retention = new Retention({ ...DEFAULT_LIMITS, retainedMessages: 5000 }, resumable);
  for (let seq = 1; seq <= count; seq++) {
    const kept = message(seq);
    retention.add(kept);
    retention.hold(kept, new Uint8Array(size).fill(seq));
  }
  return retention;
}

const buffersOf = (retention: Retention) => new Set(retention.all().map(({ claims }) => claims?.buffer));

describe("the claims of what is kept", () => {
  it.each([1, 100, 1000, 4096, 4097, 20_000])("are those that were sealed, of %i bytes each", (size) => {
    for (const { seq, claims } of start(200, size).all()) {
      expect(claims).toHaveLength(size);
      expect(claims?.every((byte) => byte === seq)).toBe(true);
    }
  });

  it("share memory where they are small, and are not copied where they are not", () => {
    expect(buffersOf(start(200, 300)).size).toBeLessThan(10);
    expect(buffersOf(start(3, 300)).size).toBe(1);
    const retention = start(0, 0);
    const claims = new Uint8Array(20_000);
    const kept = message(1);
    retention.hold(kept, claims);
    expect(kept.claims?.buffer).toBe(claims.buffer);
  });

  it.each([300, 5000, 8193, 16_384])(
    "hold no more than twice their memory where much is kept, of %i bytes each",
    (size) => {
      const bytes = [...buffersOf(start(100, size))].reduce((sum, buffer) => sum + (buffer?.byteLength ?? 0), 0);
      expect(bytes).toBeLessThan(2 * 100 * size);
    },
  );

  it("take little memory where little is kept, also after much was", () => {
    const retention = start(200, 300);
    retention.acknowledge(200);
    for (let seq = 201; seq <= 203; seq++) {
      const kept = message(seq);
      retention.add(kept);
      retention.hold(kept, new Uint8Array(300));
    }
    expect([...buffersOf(retention)].map((buffer) => buffer?.byteLength)).toEqual([1024]);
  });

  it("are not kept where nothing is sent again", () => {
    expect(
      start(3, 10, false)
        .all()
        .map(({ claims }) => claims),
    ).toEqual([undefined, undefined, undefined]);
  });

  it("are in memory that is used again after their receipt, and holds zeros until then", () => {
    const retention = start(0, 0);
    const kept = message(1);
    retention.add(kept);
    retention.hold(kept, new Uint8Array(5000).fill(7));
    // Not by `all`, which lends it.
    const memory = kept.claims as Uint8Array;
    retention.acknowledge(1);
    expect(memory).toEqual(new Uint8Array(5000));
    const next = message(2);
    retention.add(next);
    retention.hold(next, new Uint8Array(4500).fill(8));
    expect(next.claims?.buffer).toBe(memory.buffer);
  });

  describe("where they are large, are in memory that is used again", () => {
    const [SIZE, OTHERS] = [65_600, 70_000_000];
    /** Nobody else's memory of that size waits. */
    const isFree = (memory: Uint8Array) => {
      const taken: Uint8Array[] = [];
      for (let bytes = 0; bytes < OTHERS; bytes += SIZE) {
        const one = claimsMemory.take(SIZE);
        if (one.buffer === memory.buffer) return true;
        taken.push(one);
      }
      return false;
    };
    const send = (resumable = true) => {
      const retention = start(0, 0, resumable);
      const [kept, claims] = [message(1), claimsMemory.take(SIZE).fill(7)];
      retention.add(kept);
      retention.hold(kept, claims);
      return { retention, kept, claims };
    };

    it("after the receipt, and holds zeros until then", () => {
      const { retention, kept, claims } = send();
      retention.sealed(kept, claims);
      expect(claims.every((byte) => byte === 7)).toBe(true);
      retention.acknowledge(1);
      expect(claims.every((byte) => byte === 0)).toBe(true);
      expect(isFree(claims)).toBe(true);
    });
    it("not where the receipt comes before the cipher has answered: a peer may tell of what it has not got", () => {
      const { retention, claims } = send();
      retention.acknowledge(1);
      expect(claims.every((byte) => byte === 7)).toBe(true);
      expect(isFree(claims)).toBe(false);
    });
    it.each(["before", "after"])("not where somebody was given them %s they were sealed", (when) => {
      const { retention, kept, claims } = send();
      if (when === "before") retention.all();
      retention.sealed(kept, claims);
      if (when === "after") retention.all();
      retention.acknowledge(1);
      expect(claims.every((byte) => byte === 7)).toBe(true);
      expect(isFree(claims)).toBe(false);
    });
    it("not where another message has taken the place of the one whose receipt came too early", () => {
      const { retention, claims } = send();
      const other = message(2);
      const others = claimsMemory.take(SIZE).fill(8);
      retention.add(other);
      retention.hold(other, others);
      // As if `other` were the same object.
      retention.sealed(other, claims);
      retention.acknowledge(2);
      expect(others.every((byte) => byte === 8)).toBe(true);
      expect(isFree(others)).toBe(false);
    });
    it("at once where nothing is sent again", () => {
      const { retention, kept, claims } = send(false);
      retention.sealed(kept, claims);
      expect(isFree(claims)).toBe(true);
    });
  });

  it("are copied where they are not large: their memory is free once they were sealed", () => {
    const retention = start(0, 0);
    const [kept, claims] = [message(1), claimsMemory.take(333).fill(7)];
    retention.add(kept);
    retention.hold(kept, claims);
    retention.sealed(kept, claims);
    expect(claimsMemory.take(333)).toBe(claims);
    expect(kept.claims).toEqual(new Uint8Array(333).fill(7));
  });

  it("belong to an object that is used again after their receipt, unless somebody was given it or is about to seal it", () => {
    const retention = start(0, 0);
    const send = (seq: number, jti?: string) => {
      const kept = Kept.of(seq, jti, 9, "t", 10);
      retention.add(kept);
      return kept;
    };
    const first = send(1, "jti");
    retention.join(first, "other", 10);
    retention.hold(first, new Uint8Array(300).fill(1));
    retention.acknowledge(1);
    const again = send(2);
    expect(again).toBe(first);
    const { seq, jti, exp, topics, bytes, claims } = again;
    expect({ seq, jti, exp, topics, bytes, claims }).toEqual({
      seq: 2,
      jti: undefined,
      exp: 9,
      topics: ["t"],
      bytes: 10,
      claims: undefined,
    });
    // Not sealed.
    retention.acknowledge(2);
    const third = send(3);
    expect(third).not.toBe(again);
    retention.hold(third, new Uint8Array(300).fill(3));
    expect(retention.all()).toEqual([third]);
    retention.acknowledge(3);
    expect(send(4)).not.toBe(third);
    expect(third.seq).toBe(3);
  });

  it("are where they were for whoever was given them before they were sealed", () => {
    const retention = start(0, 0);
    const kept = message(1);
    retention.add(kept);
    const [given] = retention.all();
    retention.hold(kept, new Uint8Array(300).fill(7));
    retention.acknowledge(1);
    start(1, 300);
    expect(given?.claims).toEqual(new Uint8Array(300).fill(7));
  });

  it("are where they were for whoever was given them, whatever is acknowledged, taken and sent meanwhile", () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant("send" as const), size: fc.integer({ min: 1, max: 18_000 }), exp: fc.nat(9) }),
      fc.record({ op: fc.constant("acknowledge" as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ op: fc.constant("expire" as const), now: fc.nat(9) }),
      fc.record({ op: fc.constantFrom("all" as const, "drop" as const, "clear" as const), part: fc.nat(9) }),
    );
    const run = fc.array(fc.tuple(fc.nat(1), step), { maxLength: 60 });
    fc.assert(
      fc.property(run, (steps) => {
        const ends = [0, 1].map(() => ({ retention: start(0, 0), sent: 0, known: new Set<Kept>() }));
        const given = new Set<Kept>();
        for (const [which, one] of steps) {
          const end = ends[which] as (typeof ends)[number];
          const { retention, known } = end;
          const gone = (kept: readonly Kept[]) => {
            for (const each of kept) given.add(each);
            for (const each of kept) known.delete(each);
          };
          if (one.op === "send") {
            const kept = Kept.of(++end.sent, undefined, one.exp, "t", one.size);
            retention.add(kept);
            retention.hold(kept, new Uint8Array(one.size).fill((end.sent + 128 * which) & 255));
            known.add(kept);
          } else if (one.op === "acknowledge") {
            const rcv = Math.floor(end.sent * one.part);
            retention.acknowledge(rcv);
            for (const kept of known) if (kept.seq <= rcv) known.delete(kept);
          } else if (one.op === "expire") gone(retention.expire(one.now));
          else if (one.op === "all") for (const kept of retention.all()) given.add(kept);
          else if (one.op === "drop") {
            retention.drop(end.sent);
            for (const kept of known) if (kept.seq === end.sent) known.delete(kept);
          } else {
            gone(retention.all());
            retention.clear();
          }
          const whole = ({ seq, bytes, claims }: Kept, from: number) =>
            claims?.length === bytes && claims.every((byte) => byte === ((seq + 128 * from) & 255));
          for (const [from, { known: kept }] of ends.entries())
            for (const each of kept) expect(whole(each, from)).toBe(true);
          for (const each of given) expect(whole(each, 0) || whole(each, 1)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
