import { expect, it } from "vitest";
import { Memory } from "../../src/wire/memory.ts";

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
