import { expect, it } from "vitest";
import { planOf } from "../../src/sim/plan.ts";
import { run } from "../../src/sim/run.ts";
import { simulate } from "../../src/sim/simulate.ts";

it("1,000 sessions: nothing lost, doubled or out of order unless the end says so, and every end explained", async () => {
  const lines: string[] = [];
  const { summary, failed } = await simulate({ from: 1, count: 1000, write: (line) => lines.push(line) });
  expect(lines).toEqual([]);
  expect(failed).toBe(0);
  // Not a simulation in which nothing happens.
  for (const kind of ["reset", "silent", "fin", "repeat", "withhold", "jump", "pause", "unplug"]) {
    expect(summary.faults.get(kind), kind).toBeGreaterThan(20);
  }
  expect(summary.endings.get("client clean, server clean")).toBeGreaterThan(300);
  expect(summary.endings.get("client E_TRUNCATED, server E_TRUNCATED")).toBeGreaterThan(20);
  expect(summary.delivered).toBeGreaterThan(5000);
}, 300_000);

it("the same seed gives the same log, and another seed another one", async () => {
  const hashes = new Set<string>();
  for (let seed = 1001; seed <= 1040; seed++) {
    const [first, second] = [await run(planOf(seed)), await run(planOf(seed))];
    expect(second.log.lines).toEqual(first.log.lines);
    hashes.add(first.log.hash);
  }
  expect(hashes.size).toBe(40);
});

it("a seed that fails says how to run it again", async () => {
  const lines: string[] = [];
  const { failed } = await simulate({
    from: 7,
    count: 3,
    write: (line) => lines.push(line),
    check: ({ plan }) => (plan.seed === 8 ? ["3 was delivered after 4"] : []),
  });
  expect(failed).toBe(1);
  expect(lines).toEqual(["seed 8 failed: npm run sim -- --seed 8 --verbose\n    3 was delivered after 4"]);
});
