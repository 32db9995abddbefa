// All drivers against all vectors that were asked for.
import { availableParallelism } from "node:os";
import { type CrossCell, crossTable, type Participant } from "./cross.ts";
import { readExpectedFailures, unknownEntries, withExpected } from "./expected.ts";
import { type Manifest, readManifests } from "./manifest.ts";
import { type DriverAbsent, type DriverRun, openDriver, runVectors, TIME_LIMIT } from "./run.ts";
import { readVectors, type Selection, selectCases, type VectorSet } from "./vectors.ts";

/** Where things are; a test has its own places. */
export interface Places {
  readonly vectors: string;
  readonly drivers: string;
  readonly expectedFailures: string;
}

export interface ConformanceOptions extends Selection {
  readonly drivers: readonly string[] | undefined;
  /** A driver without its toolchain is a failure: in CI, and where it was asked for by name. */
  readonly strict: boolean;
  readonly timeLimit?: number;
  /** Told when a driver is through. */
  readonly onDriver?: (driver: DriverRun | DriverAbsent) => void;
}

export interface Conformance {
  readonly set: VectorSet;
  /** In the order of the columns. */
  readonly drivers: readonly (DriverRun | DriverAbsent)[];
  readonly cross: readonly CrossCell[];
  /** What is wrong beyond the outcomes: stale expected failures, missing toolchains. */
  readonly faults: readonly string[];
  readonly ok: boolean;
}

export const hasRun = (driver: DriverRun | DriverAbsent): driver is DriverRun => "outcomes" in driver;

export function driversOf({ drivers }: Places, names: readonly string[] | undefined): readonly Manifest[] {
  const all = readManifests(drivers);
  for (const name of names ?? []) {
    if (!all.some((manifest) => manifest.name === name)) {
      throw new TypeError(`no driver ${name}: there are ${all.map((manifest) => manifest.name).join(", ")}`);
    }
  }
  return all.filter(({ name }) => names === undefined || names.includes(name));
}

/** @throws TypeError where the selection is empty or names what is not there */
export function vectorsOf({ vectors }: Places, selection: Selection): VectorSet {
  const all = readVectors(vectors);
  const cases = selectCases(all.cases, selection);
  if (cases.length === 0) throw new TypeError("no vector is selected: --list shows what there is");
  return { ...all, cases };
}

export async function runConformance(places: Places, options: ConformanceOptions): Promise<Conformance> {
  const set = vectorsOf(places, options);
  const manifests = driversOf(places, options.drivers);
  const entries = readExpectedFailures(places.expectedFailures);
  const faults: string[] = [];
  const participants: Participant[] = [];
  const drivers = await pooled(manifests, availableParallelism(), async (manifest) => {
    const opened = await openDriver(manifest, options.timeLimit ?? TIME_LIMIT);
    if (!("process" in opened)) {
      if (opened.broken !== undefined) faults.push(`${manifest.name}: ${opened.broken}`);
      else if (options.strict) faults.push(`${manifest.name}: its toolchain is absent: ${opened.absent}`);
      options.onDriver?.(opened);
      return opened;
    }
    const { run, stale } = withExpected(await runVectors(opened, set), entries);
    faults.push(...stale);
    participants.push({ driver: opened, run });
    options.onDriver?.(run);
    return run;
  });
  const everything = readVectors(places.vectors).cases.map(({ id }) => id);
  const names = readManifests(places.drivers).map(({ name }) => name);
  faults.push(...unknownEntries(entries, new Set(names), new Set(everything)));
  participants.sort((a, b) => manifests.indexOf(a.run.manifest) - manifests.indexOf(b.run.manifest));
  const cross = await crossTable(participants, set);
  for (const { driver, run } of participants) {
    const fault = await driver.process.end();
    if (fault !== undefined) faults.push(`${run.manifest.name}: ${fault}`);
  }
  const failed = drivers.some((d) => hasRun(d) && d.outcomes.some(({ verdict }) => verdict === "failed"));
  const crossFailed = cross.some(({ failures }) => failures.length > 0);
  return { set, drivers, cross, faults, ok: !failed && !crossFailed && faults.length === 0 };
}

/** As many at a time as there are cores; results in the order of the list. */
async function pooled<T, U>(list: readonly T[], size: number, work: (element: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < list.length; i = next++) results[i] = await work(list[i] as T);
  };
  await Promise.all(Array.from({ length: Math.min(size, list.length) }, worker));
  return results;
}
