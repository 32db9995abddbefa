import { describe, expect, it } from "vitest";
import { Lending, Memory } from "../../src/wire/memory.ts";

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
