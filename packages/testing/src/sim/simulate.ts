import { violations } from "./invariants.ts";
import { planOf } from "./plan.ts";
import type { RunRecord } from "./record.ts";
import { run } from "./run.ts";
import { endingOf, Summary } from "./summary.ts";

export interface SimulateOptions {
  /** The first seed; the others follow it. */
  readonly from: number;
  readonly count: number;
  readonly verbose?: boolean;
  readonly write: (line: string) => void;
  readonly onProgress?: (done: number, failed: number) => void;
  /** What a run breaks; nothing where all is as it has to be. */
  readonly check?: (record: RunRecord) => readonly string[];
}

/** Runs the sessions of many seeds, reports those that break something, and counts. */
export async function simulate(
  options: SimulateOptions,
): Promise<{ readonly summary: Summary; readonly failed: number }> {
  const { from, count, verbose = false, write, onProgress, check = violations } = options;
  const summary = new Summary();
  let failed = 0;
  for (let seed = from; seed < from + count; seed++) {
    const { record, log } = await run(planOf(seed));
    summary.add(record);
    if (verbose) write([...log.lines, `log ${log.hash}`, endingOf(record)].join("\n"));
    const found = check(record);
    if (found.length > 0) {
      failed++;
      write([`seed ${seed} failed: npm run sim -- --seed ${seed} --verbose`, ...found].join("\n    "));
    }
    onProgress?.(summary.runs, failed);
  }
  return { summary, failed };
}
