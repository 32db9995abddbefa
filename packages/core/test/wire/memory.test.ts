import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lending, Memory, Passing } from "../../src/wire/memory.ts";

/** Several blocks full, of lengths that do not fill one exactly. */
const pieces = (memory: Memory): Uint8Array[] =>
  Array.from({ length: 500 }, (_, i) => memory.cut(1 + ((i * 37) % 700)));

it("pieces are as long as asked, zeros, and share no byte", () => {
  const all = pieces(new Memory());
  all.forEach((piece, i) => {
    expect(piece).toHaveLength(1 + ((i * 37) % 700));
    expect(piece.every((byte) => byte === 0)).toBe(true);
    piece.fill(1 + (i % 255));
  });
  all.forEach((piece, i) => {
    expect(piece.every((byte) => byte === 1 + (i % 255))).toBe(true);
  });
});

it("short pieces are of few blocks, and a long one is memory of its own", () => {
  const memory = new Memory();
  const all = pieces(memory);
  expect(new Set(all.map(({ buffer }) => buffer)).size).toBeLessThan(15);
  const long = memory.cut(100_000);
  expect(long.buffer.byteLength).toBe(100_000);
  expect(memory.cut(1).buffer).toBe(all.at(-1)?.buffer);
});

describe("lent memory", () => {
  const BIG = 65_600;

  it("is lent to one at a time, and again once it was given back", () => {
    const frames = new Lending({ spare: 1_048_576, wipes: false });
    const [a, b] = [frames.take(BIG), frames.take(BIG)];
    expect([a.length, b.length]).toEqual([BIG, BIG]);
    expect(b.buffer).not.toBe(a.buffer);
    frames.giveBack(a);
    const again = frames.take(BIG - 100);
    expect(again.buffer).toBe(a.buffer);
    expect(again).toHaveLength(BIG - 100);
    expect(frames.take(BIG).buffer).not.toBe(a.buffer);
  });

  it("is given back once, and only what was lent", () => {
    const frames = new Lending({ spare: 1_048_576, wipes: false });
    const own = new Uint8Array(BIG);
    frames.giveBack(own);
    expect(frames.take(BIG).buffer).not.toBe(own.buffer);
    const lent = frames.take(BIG);
    frames.giveBack(lent);
    frames.giveBack(lent);
    expect(frames.take(BIG).buffer).toBe(lent.buffer);
    expect(frames.take(BIG).buffer).not.toBe(lent.buffer);
  });

  it("holds zeros once it was given back, where it was of nobody else to see", () => {
    for (const wipes of [true, false]) {
      const claims = new Lending({ spare: 1_048_576, wipes });
      const lent = claims.take(BIG).fill(7);
      claims.giveBack(lent);
      expect(lent.every((byte) => byte === 0)).toBe(wipes);
      const own = new Uint8Array(BIG).fill(7);
      claims.giveBack(own);
      expect(own.every((byte) => byte === 7)).toBe(true);
    }
  });

  it("is never much more than was asked for, and no more than 1 MiB of it waits", () => {
    const frames = new Lending({ spare: 1_048_576, wipes: false });
    const sizes = Array.from({ length: 200 }, (_, i) => 16_384 + ((i * 7919) % 400_000));
    for (const size of sizes) {
      const lent = frames.take(size);
      expect(lent.buffer.byteLength).toBeLessThanOrEqual(1.5 * size + 1);
      frames.giveBack(lent);
    }
    const all = Array.from({ length: 40 }, () => frames.take(BIG));
    for (const one of all) frames.giveBack(one);
    const again = new Set(Array.from({ length: 40 }, () => frames.take(BIG).buffer));
    const waited = all.filter(({ buffer }) => again.has(buffer)).length;
    expect(waited).toBeGreaterThan(0);
    expect(waited * BIG).toBeLessThanOrEqual(1_048_576);
  });
});

describe("passing memory", () => {
  const OPTIONS = { spare: 1_048_576, short: 4096, wipes: true };

  it("serves the next of its length once it was given back, and holds zeros until then", () => {
    for (const length of [1, 300, 16_383, 16_384, 65_600]) {
      const memory = new Passing({ ...OPTIONS, short: 20_000 });
      const given = memory.take(length).fill(7);
      expect(memory.take(length).buffer === given.buffer && length >= 16_383).toBe(false);
      memory.giveBack(given);
      expect(given.every((byte) => byte === 0)).toBe(true);
      const again = memory.take(length);
      expect([again.buffer, again.byteOffset, again.length]).toEqual([given.buffer, given.byteOffset, length]);
    }
  });

  it("is of one at a time, whatever is taken and given back", () => {
    const step = fc.record({
      length: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(300, 2048, 2049, 16_384, 17_000)),
      gives: fc.option(fc.nat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.boolean(), (steps, wipes) => {
        const memory = new Passing({ ...OPTIONS, wipes });
        const taken: { bytes: Uint8Array; mark: number }[] = [];
        steps.forEach(({ length, gives }, i) => {
          const mark = 1 + (i % 255);
          taken.push({ bytes: memory.take(length).fill(mark), mark });
          if (gives === undefined) return;
          const [one] = taken.splice(gives % taken.length, 1) as [(typeof taken)[number]];
          expect(one.bytes.every((byte) => byte === one.mark)).toBe(true);
          memory.giveBack(one.bytes);
        });
        for (const { bytes, mark } of taken) expect(bytes.every((byte) => byte === mark)).toBe(true);
      }),
    );
  });

  it("is given back as it was taken: a part of it is not lent to anybody, and holds nothing", () => {
    const memory = new Passing(OPTIONS);
    for (const [length, part] of [
      [16_384, 30],
      [20_000, 16_384],
      [20_000, 30],
      [3000, 30],
    ] as const) {
      const whole = memory.take(length).fill(7);
      const some = whole.subarray(0, part);
      memory.giveBack(some);
      expect(some.every((byte) => byte === 7)).toBe(true);
      expect(memory.take(part).buffer).not.toBe(whole.buffer);
      expect(memory.take(length).buffer).not.toBe(whole.buffer);
    }
  });

  it("waits for lengths that come again, and never more of it than is set", () => {
    const memory = new Passing(OPTIONS);
    const all = Array.from({ length: 30 }, () => memory.take(300));
    for (const bytes of all) memory.giveBack(bytes);
    const again = Array.from({ length: 30 }, () => memory.take(300));
    const waited = again.filter((bytes) => all.includes(bytes)).length;
    expect(waited).toBeGreaterThan(0);
    expect(waited * 300).toBeLessThanOrEqual(OPTIONS.short);
    for (let length = 1; length < 200; length++) memory.giveBack(memory.take(length));
    const newest = memory.take(199);
    expect(newest).toHaveLength(199);
    memory.giveBack(newest);
    expect(memory.take(199)).toBe(newest);
  });
});
