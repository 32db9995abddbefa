import { expect, it } from "vitest";
import { planOf } from "../../src/sim/draw.ts";
import { run } from "../../src/sim/run.ts";
import { simulate } from "../../src/sim/simulate.ts";

const KINDS = ["reset", "silent", "fin", "lose", "repeat", "withhold"] as const;
const TROUBLES = ["jump", "pause", "unplug", "restart", "crash", "revoke"] as const;

it("1,000 runs: nothing lost, doubled or out of order without a word of it, and every end explained", async () => {
  const lines: string[] = [];
  const { summary } = await simulate({ from: 1, count: 1000, write: (line) => lines.push(line) });
  expect(lines).toEqual([]);
  // Not a simulation in which nothing happens.
  for (const kind of [...KINDS, ...TROUBLES]) expect(summary.faults.get(kind), kind).toBeGreaterThan(10);
  expect(summary.resumes).toBeGreaterThan(200);
  expect(summary.replaced).toBeGreaterThan(50);
  expect(summary.delivered).toBeGreaterThan(8000);
  expect(summary.read).toBeGreaterThan(2000);
  expect(summary.clients.get("clean")).toBeGreaterThan(300);
  for (const end of ["E_SESSION_EXPIRED", "E_TRUNCATED", "E_REVOKED"]) {
    expect(summary.servers.get(end), end).toBeGreaterThan(10);
  }
}, 600_000);

it("the same seed gives the same log, and another seed another one", async () => {
  const hashes = new Set<string>();
  for (let seed = 1001; seed <= 1040; seed++) {
    const [first, second] = [await run(planOf(seed)), await run(planOf(seed))];
    expect(second.log.lines).toEqual(first.log.lines);
    hashes.add(first.log.hash);
  }
  expect(hashes.size).toBe(40);
}, 60_000);

it("a seed that fails says how to run it again", async () => {
  const lines: string[] = [];
  const { failures } = await simulate({
    from: 7,
    count: 3,
    write: (line) => lines.push(line),
    check: ({ plan }) => (plan.seed === 8 ? ["3 was delivered after 4"] : []),
  });
  const command = "npm run sim -- --seed 8 --verbose";
  expect(failures).toEqual([{ seed: 8, command, found: ["3 was delivered after 4"] }]);
  expect(lines).toEqual([`seed 8 failed: ${command}\n    3 was delivered after 4`]);
});
