import { describe, expect, it } from "vitest";
import { Undelivered } from "../../src/session/undelivered.ts";

/** Messages 1 to `committed`, of which those of `waiting` have not been delivered. */
function start(committed: number, waiting: readonly number[]): Undelivered {
  const undelivered = new Undelivered();
  for (let seq = 1; seq <= committed; seq++) {
    undelivered.add(seq);
    if (waiting.includes(seq)) continue;
    undelivered.begin(seq);
    undelivered.done(seq);
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
    expect([undelivered.cede(committed, announced), undelivered.size]).toEqual([last, left]);
    expect([undelivered.isCeded(last), undelivered.isCeded(last + 1)]).toEqual([false, true]);
  });

  it("a batch of which one item is with the application stays whole", () => {
    const undelivered = new Undelivered();
    undelivered.add(1);
    undelivered.begin(1);
    undelivered.done(1);
    undelivered.add(1);
    undelivered.add(1);
    undelivered.done(1);
    expect([undelivered.size, undelivered.cede(1, 0), undelivered.size]).toEqual([1, 1, 1]);
    undelivered.done(1);
    expect(undelivered.size).toBe(0);
  });
});
