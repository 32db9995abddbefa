// Failures that are known and have a reason. One that no longer fails has to leave the list.
import { existsSync, readFileSync } from "node:fs";
import type { DriverRun, Outcome } from "./run.ts";

export interface ExpectedFailure {
  readonly driver: string;
  readonly vector: string;
  readonly reason: string;
}

/** @throws Error for an entry without a driver, a vector or a reason */
export function readExpectedFailures(file: string): readonly ExpectedFailure[] {
  if (!existsSync(file)) return [];
  const entries = JSON.parse(readFileSync(file, "utf8")) as readonly Partial<ExpectedFailure>[];
  const filled = (text: unknown): boolean => typeof text === "string" && text.trim() !== "";
  for (const entry of entries) {
    if (filled(entry.driver) && filled(entry.vector) && filled(entry.reason)) continue;
    throw new Error(`${file}: an entry needs driver, vector and reason: ${JSON.stringify(entry)}`);
  }
  return entries as readonly ExpectedFailure[];
}

/** The run with its expected failures marked as such, and the entries that are stale. */
export function withExpected(
  run: DriverRun,
  entries: readonly ExpectedFailure[],
): { readonly run: DriverRun; readonly stale: readonly string[] } {
  const own = new Map(entries.filter((e) => e.driver === run.manifest.name).map((e) => [e.vector, e.reason]));
  const stale: string[] = [];
  const outcomes = run.outcomes.map((outcome): Outcome => {
    const { vector, verdict } = outcome;
    if (!own.has(vector.id)) return outcome;
    if (verdict === "failed") return { ...outcome, verdict: "expected" };
    stale.push(`${run.manifest.name}: ${vector.id} is listed in expected-failures.json, but it does not fail`);
    return outcome;
  });
  return { run: { ...run, outcomes }, stale };
}

/** Entries that name a driver or a vector that is not there. */
export function unknownEntries(
  entries: readonly ExpectedFailure[],
  drivers: ReadonlySet<string>,
  vectors: ReadonlySet<string>,
): readonly string[] {
  return entries
    .filter(({ driver, vector }) => !drivers.has(driver) || !vectors.has(vector))
    .map(({ driver, vector }) => `expected-failures.json names ${driver}: ${vector}, which does not exist`);
}
