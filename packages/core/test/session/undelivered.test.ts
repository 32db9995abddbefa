import { describe, expect, it } from "vitest";
import { Undelivered } from "../../src/session/undelivered.ts";

/** Messages 1 to `committed`, of which those of `waiting` have not been delivered. */
function start(committed: number, waiting: readonly number[]): Undelivered {
  const undelivered = new Undelivered();
  for (let seq = 1; seq <= committed; seq++) {
    undelivered.add(seq, undefined);
    if (waiting.includes(seq)) continue;
    undelivered.begin(seq);
    undelivered.done(seq, undefined);
  }
  return undelivered;
}

describe("what a server leaves to the next one [resume:again]", () => {
  it.each<[string, number, number[], number, number, number]>([
    ["nothing waits", 5, [], 0, 5, 0],
    ["the last one waits", 5, [5], 4, 4, 0],
    ["all wait", 3, [1, 2, 3], 0, 0, 0],
    ["some are acknowledged", 5, [3, 4, 5], 4, 4, 2],
    ["all are acknowledged", 5, [4, 5], 5, 5, 2],
    ["a later one has begun", 5, [3, 5], 0, 4, 1],
  ])("%s", (_, committed, waiting, announced, last, left) => {
    const undelivered = start(committed, waiting);
    expect([undelivered.cede(committed, announced), undelivered.size]).toEqual([{ last, part: undefined }, left]);
    expect([last, last + 1].map((seq) => undelivered.isCeded(seq, undefined))).toEqual([false, true]);
  });

  /** Message 1, and a batch of which the application has item 0, and 1 is refused. */
  function inPart(): Undelivered {
    const undelivered = start(1, []);
    for (const index of [0, 1, 2, 3]) undelivered.add(2, index);
    undelivered.begin(2);
    for (const index of [0, 1]) undelivered.done(2, index);
    return undelivered;
  }

  it("of a batch that the application has in part the rest, and which part that is", () => {
    const undelivered = inPart();
    expect([undelivered.size, undelivered.cede(2, 1), undelivered.size]).toEqual([
      1,
      { last: 1, part: { seq: 2, settled: [0, 1] } },
      0,
    ]);
    expect([0, 1, 2, 3].map((index) => undelivered.isCeded(2, index))).toEqual([false, false, true, true]);
    expect([undelivered.isCeded(1, undefined), undelivered.isCeded(3, undefined)]).toEqual([false, true]);
  });

  it("of a batch of which an item was refused and none delivered the rest: its refusal was said", () => {
    const undelivered = start(1, []);
    undelivered.add(2, 0);
    undelivered.done(2, 0);
    undelivered.add(2, 1);
    expect(undelivered.cede(2, 1)).toEqual({ last: 1, part: { seq: 2, settled: [0] } });
    expect([0, 1, 2].map((index) => undelivered.isCeded(2, index))).toEqual([false, true, true]);
  });

  it("nothing of it where it is acknowledged, or a later one has begun", () => {
    expect(inPart().cede(2, 2)).toEqual({ last: 2, part: undefined });
    const undelivered = inPart();
    undelivered.add(3, undefined);
    undelivered.begin(3);
    undelivered.done(3, undefined);
    expect(undelivered.cede(3, 0)).toEqual({ last: 3, part: undefined });
  });

  it("nothing is kept of a batch that has come as a whole and is delivered", () => {
    const undelivered = new Undelivered();
    for (const index of [0, 1]) {
      undelivered.add(1, index);
      undelivered.begin(1);
      undelivered.done(1, index);
    }
    undelivered.whole(1);
    expect(undelivered.cede(1, 0)).toEqual({ last: 1, part: undefined });
    // One that waits stays, whole or not.
    for (const index of [0, 1]) undelivered.add(2, index);
    undelivered.begin(2);
    undelivered.done(2, 0);
    undelivered.whole(2);
    expect(undelivered.cede(2, 1)).toEqual({ last: 1, part: { seq: 2, settled: [0] } });
  });

  it("an item that comes after the others were delivered is of the same batch", () => {
    const undelivered = new Undelivered();
    undelivered.add(1, 0);
    undelivered.begin(1);
    undelivered.done(1, 0);
    expect(undelivered.size).toBe(0);
    undelivered.add(1, 1);
    expect(undelivered.cede(1, 0)).toEqual({ last: 0, part: { seq: 1, settled: [0] } });
  });
});
