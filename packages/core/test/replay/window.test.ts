import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSealwireError } from "../../src/errors.ts";
import type { StrictCounter } from "../../src/replay/strict.ts";
import { ReplayWindow } from "../../src/replay/window.ts";

/** The definition, without any bitmap. */
class NaiveWindow {
  last = 0;
  readonly seen = new Set<number>();
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  verdict(seq: number): string {
    if (seq === 0) return "E_SEQ";
    if (seq <= this.last && (this.last - seq >= this.size || this.seen.has(seq))) return "E_REPLAY";
    return "ok";
  }

  commit(seq: number): void {
    this.seen.add(seq);
    this.last = Math.max(this.last, seq);
  }
}

function verdict(window: ReplayWindow | StrictCounter, seq: number): string {
  try {
    window.check(seq);
    return "ok";
  } catch (error) {
    if (isSealwireError(error)) return error.code;
    throw error;
  }
}

/** Checks all and commits what passes, as authentic messages do. */
function run(window: ReplayWindow, seqs: readonly number[]): string[] {
  return seqs.map((seq) => {
    const answer = verdict(window, seq);
    if (answer === "ok") window.commit(seq);
    return answer;
  });
}

const SIZES = [1, 2, 31, 32, 33, 34, 63, 64, 65, 1000, 1024];
const BASES = [0, 2 ** 31, 2 ** 32, 2 ** 37, Number.MAX_SAFE_INTEGER - 5000];

describe("the window accepts what the definition accepts [window:accept] [window:old] [seq:replay] [seq:gap]", () => {
  const walk = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: -70, max: 70 }) },
      { weight: 2, arbitrary: fc.integer({ min: -1100, max: 1100 }) },
      { weight: 1, arbitrary: fc.constantFrom(0, -31, -32, -33, -1023, -1024, -1025, 1023, 1024, 1056, 1088) },
    ),
    { minLength: 1, maxLength: 200 },
  );

  it.each(SIZES)("size %i: steps back and forth around any number", (size) => {
    fc.assert(
      fc.property(walk, fc.constantFrom(...BASES), (steps, base) => {
        const window = new ReplayWindow(size);
        const naive = new NaiveWindow(size);
        for (const step of steps) {
          const at = Math.max(naive.last, base) + step;
          const seq = Math.min(Math.max(at, 0), Number.MAX_SAFE_INTEGER);
          const expected = naive.verdict(seq);
          expect(verdict(window, seq)).toBe(expected);
          if (expected !== "ok") continue;
          window.commit(seq);
          naive.commit(seq);
          expect(window.last).toBe(naive.last);
          expect(window.missing).toBe(naive.last - naive.seen.size);
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each(SIZES)("size %i: afterwards every number around the window has the answer of the definition", (size) => {
    fc.assert(
      fc.property(walk, fc.constantFrom(...BASES), (steps, base) => {
        const window = new ReplayWindow(size);
        const naive = new NaiveWindow(size);
        for (const step of steps) {
          const seq = Math.min(Math.max(Math.max(naive.last, base) + step, 1), Number.MAX_SAFE_INTEGER);
          if (naive.verdict(seq) !== "ok") continue;
          window.commit(seq);
          naive.commit(seq);
        }
        const from = Math.max(0, naive.last - size - 70);
        const to = Math.min(Number.MAX_SAFE_INTEGER, naive.last + 70);
        for (let seq = from; seq <= to; seq++) expect([seq, verdict(window, seq)]).toEqual([seq, naive.verdict(seq)]);
      }),
      { numRuns: 20 },
    );
  });

  it("reordered within the window, every number is accepted once and none is missing", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(Array.from({ length: 64 }, (_, i) => i + 1)), (seqs) => {
        const window = new ReplayWindow(64);
        expect(new Set(run(window, seqs))).toEqual(new Set(seqs.length === 0 ? [] : ["ok"]));
        expect(new Set(run(window, seqs))).toEqual(new Set(seqs.length === 0 ? [] : ["E_REPLAY"]));
        expect(window.missing).toBe(Math.max(0, ...seqs) - seqs.length);
      }),
    );
  });
});

describe("edges", () => {
  it.each(BASES.map((base) => base + 2000))("top %i: top−1023 is accepted, top−1024 is not [window:old]", (top) => {
    const window = new ReplayWindow();
    expect(window.size).toBe(1024);
    expect(run(window, [top, top - 1024, top - 1023, top - 1023, top - 1022, top])).toEqual([
      "ok",
      "E_REPLAY",
      "ok",
      "E_REPLAY",
      "ok",
      "E_REPLAY",
    ]);
  });

  it("numbers that share the low 32 bits, or a slot of the ring, are different numbers [window:accept]", () => {
    const window = new ReplayWindow(1024);
    const seqs = [5, 2 ** 31 + 5, 2 ** 32 + 5, 2 ** 32 + 2 ** 31 + 5, 2 ** 40 + 5, 2 ** 53 - 1];
    expect(run(window, seqs)).toEqual(seqs.map(() => "ok"));
    for (let n = 1; n <= 1100; n++) {
      const ring = new ReplayWindow(1024);
      expect(run(ring, [n, n + 32 * 33, n + 2 * 32 * 33])).toEqual(["ok", "ok", "ok"]);
    }
  });

  it("a jump over the whole ring leaves no bit of before", () => {
    for (const jump of [1024, 1055, 1056, 1057, 1087, 1088, 5000, 2 ** 33]) {
      const window = new ReplayWindow(1024);
      run(
        window,
        Array.from({ length: 1024 }, (_, i) => i + 1),
      );
      const top = 1024 + jump;
      expect(run(window, [top])).toEqual(["ok"]);
      for (let seq = top - 1; seq > Math.max(1024, top - 1024); seq--) expect(verdict(window, seq)).toBe("ok");
    }
  });

  it("the number 0 is no number [seq:gap]", () => {
    const window = new ReplayWindow(8);
    expect(run(window, [0, 1, 0])).toEqual(["E_SEQ", "ok", "E_SEQ"]);
  });

  it("check changes nothing; what was refused cannot be committed [seq:commit]", () => {
    const window = new ReplayWindow(32);
    for (let i = 0; i < 3; i++) expect(verdict(window, 900_000)).toBe("ok");
    expect([window.last, window.missing]).toEqual([0, 0]);
    run(window, [100]);
    for (const seq of [100, 68, 1])
      expect(() => window.commit(seq)).toThrow(expect.objectContaining({ code: "E_REPLAY" }));
    expect([window.last, window.missing]).toEqual([100, 99]);
    expect(verdict(window, 69)).toBe("ok");
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "8" as never])("size %s is a TypeError", (size) => {
    expect(() => new ReplayWindow(size)).toThrow(TypeError);
  });
  it.each([1.5, Number.NaN, 2 ** 53, "8" as never])("a number %s is a TypeError", (seq) => {
    const window = new ReplayWindow(8);
    expect(() => window.check(seq)).toThrow(TypeError);
    expect(() => window.commit(seq)).toThrow(TypeError);
  });
});
