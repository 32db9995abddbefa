import { planOf } from "./draw.ts";
import { violations } from "./invariants.ts";
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

/** A seed whose run breaks something. */
export interface Failure {
  readonly seed: number;
  /** Runs it again. */
  readonly command: string;
  readonly found: readonly string[];
}

/** Runs the plans of many seeds, reports those that break something, and counts. */
export async function simulate(
  options: SimulateOptions,
): Promise<{ readonly summary: Summary; readonly failures: readonly Failure[] }> {
  const { from, count, verbose = false, write, onProgress, check = violations } = options;
  const summary = new Summary();
  const failures: Failure[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const { record, log } = await run(planOf(seed));
    summary.add(record);
    if (verbose) write([...log.lines, `log ${log.hash}`, endingOf(record)].join("\n"));
    const found = check(record);
    if (found.length > 0) {
      const command = `npm run sim -- --seed ${seed} --verbose`;
      failures.push({ seed, command, found });
      write([`seed ${seed} failed: ${command}`, ...found].join("\n    "));
    }
    onProgress?.(summary.runs, failures.length);
  }
  return { summary, failures };
}
