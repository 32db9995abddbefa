import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import {
  type Conformance,
  type ConformanceOptions,
  hasRun,
  type Places,
  runConformance,
} from "../../src/runner/conformance.ts";
import type { Outcome } from "../../src/runner/run.ts";

const FAKE = fileURLToPath(new URL("../fixtures/fake-driver.mjs", import.meta.url));

export interface FakeVector {
  readonly id: string;
  readonly op: string;
  readonly level?: string;
  readonly input?: object;
  readonly result?: object;
  readonly follow?: object;
}

/** An accepted `echo`, which every fake driver gets right. */
export const good = (id: string): FakeVector => ({
  id,
  op: "echo",
  input: { value: id },
  result: { ok: true, value: id },
});

export interface FakeDriver {
  readonly name: string;
  readonly level?: string;
  /** Third argument of fake-driver.mjs. */
  readonly habit?: string;
  readonly needs?: readonly string[][];
  readonly build?: readonly string[][];
}

export interface World {
  readonly vectors?: readonly FakeVector[];
  readonly drivers?: readonly FakeDriver[];
  readonly keys?: object;
  readonly expected?: readonly object[];
}

/** Vectors, drivers and a list of expected failures in a folder of their own. Each vector is a group of the suite "fake". */
export function makePlaces({
  vectors = [good("fake/good")],
  drivers = [{ name: "fake" }],
  keys = {},
  expected = [],
}: World): Places {
  const root = mkdtempSync(join(tmpdir(), "sealwire-runner-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const put = (path: string, value: unknown): void => writeFileSync(join(root, path), JSON.stringify(value));
  mkdirSync(join(root, "vectors"));
  const groups = vectors.map(({ id, op, level = "L1", input = {}, result = { ok: true }, follow: then }) => ({
    id,
    level,
    section: "none",
    op,
    vectors: [{ id, comment: "a comment", req: [], input, result, then }],
  }));
  put("vectors/fake.json", { suite: "fake", groups });
  put("vectors/keys.json", { keys });
  put("expected.json", expected);
  for (const { name, level = "L1", habit, needs = [], build = [] } of drivers) {
    mkdirSync(join(root, "drivers", name), { recursive: true });
    const run = ["node", FAKE, name, level, ...(habit === undefined ? [] : [habit])];
    put(`drivers/${name}/driver.json`, { name, language: "Fake", needs, build, run });
  }
  return {
    vectors: join(root, "vectors"),
    drivers: join(root, "drivers"),
    expectedFailures: join(root, "expected.json"),
  };
}

export function runFake(world: World, options: Partial<ConformanceOptions> = {}): Promise<Conformance> {
  const all = { drivers: undefined, suites: undefined, group: undefined, vector: undefined, strict: false };
  return runConformance(makePlaces(world), { ...all, ...options });
}

/** Verdict by vector, of the first driver. */
export function outcomesOf({ drivers }: Conformance): Record<string, Outcome> {
  const [driver] = drivers;
  if (driver === undefined || !hasRun(driver)) throw new Error(`no run: ${driver?.broken ?? driver?.absent}`);
  return Object.fromEntries(driver.outcomes.map((outcome) => [outcome.vector.id, outcome]));
}

export const verdictsOf = (result: Conformance): Record<string, string> =>
  Object.fromEntries(Object.entries(outcomesOf(result)).map(([id, { verdict }]) => [id, verdict]));
