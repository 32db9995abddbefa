// A driver against the vectors.
import { mismatch, show } from "./compare.ts";
import { expand, type Keys, type Values } from "./expand.ts";
import { buildDriver, type Manifest, missingToolchain, resolved } from "./manifest.ts";
import { type Answer, DriverProcess, type Hello } from "./process.ts";
import { type FollowUp, inputOf, LEVELS, type VectorCase, type VectorSet } from "./vectors.ts";

/** `expected`: it failed, and the list of expected failures says why. */
export type Verdict = "passed" | "failed" | "expected" | "not-claimed";

export interface Outcome {
  readonly vector: VectorCase;
  readonly verdict: Verdict;
  /** What went wrong. */
  readonly why?: string;
  readonly got?: unknown;
}

export interface DriverRun {
  readonly manifest: Manifest;
  readonly hello: Hello;
  readonly outcomes: readonly Outcome[];
  readonly seconds: number;
}

/** A driver that gave no result at all: its toolchain is absent, or it cannot be built or started. */
export interface DriverAbsent {
  readonly manifest: Manifest;
  readonly absent?: string;
  readonly broken?: string;
}

export const TIME_LIMIT = 60_000;

/** A driver that runs and can be asked. */
export interface OpenDriver {
  readonly manifest: Manifest;
  readonly hello: Hello;
  readonly process: DriverProcess;
}

export async function openDriver(
  manifest: Manifest,
  timeLimit: number = TIME_LIMIT,
): Promise<OpenDriver | DriverAbsent> {
  const absent = await missingToolchain(manifest);
  if (absent !== undefined) return { manifest, absent };
  const broken = await buildDriver(manifest);
  if (broken !== undefined) return { manifest, broken };
  const process = new DriverProcess({ command: resolved(manifest.run), cwd: manifest.folder, timeLimit });
  try {
    return { manifest, hello: await process.start(), process };
  } catch (error) {
    return { manifest, broken: `the driver does not start: ${(error as Error).message}` };
  }
}

/** Asks one vector, and what follows it. */
async function judge({ process, hello }: OpenDriver, vector: VectorCase, keys: Keys): Promise<Outcome> {
  if (LEVELS.indexOf(vector.level) > LEVELS.indexOf(hello.level)) return { vector, verdict: "not-claimed" };
  const answer = await process.call(vector.op, () => inputOf(vector, keys));
  const got = "result" in answer ? answer.result : undefined;
  const why = faultOf(answer, vector, keys);
  if (why !== undefined) return { vector, verdict: "failed", why, got };
  const { then } = vector;
  if (then === undefined) return { vector, verdict: "passed", got };
  const second = await process.call(then.op, () => followUpInput(then, got?.message, keys));
  const whyNot = faultOf(second, then, keys);
  return whyNot === undefined
    ? { vector, verdict: "passed", got }
    : { vector, verdict: "failed", why: `then ${then.op}: ${whyNot}`, got };
}

export const followUpInput = ({ input }: FollowUp, message: unknown, keys: Keys): Values => ({
  ...(expand(input, keys) as Values),
  message,
});

/** What is wrong with an answer to a vector or to what follows one. */
export function faultOf(answer: Answer, { op, input, result }: FollowUp, keys: Keys): string | undefined {
  if ("unsupported" in answer) return `unsupported, at a level that the driver claims: ${op}`;
  if ("fault" in answer) return answer.fault;
  return mismatch(expand(result, keys) as Values, answer.result, input);
}

/** Runs the vectors; the process stays open. */
export async function runVectors(driver: OpenDriver, { cases, keys }: VectorSet): Promise<DriverRun> {
  const started = performance.now();
  const outcomes = await Promise.all(cases.map((vector) => judge(driver, vector, keys)));
  const { manifest, hello } = driver;
  return { manifest, hello, outcomes, seconds: (performance.now() - started) / 1000 };
}

/** Input, expectation and answer of one vector, for the one who mends a driver. */
export function explain({ vector, verdict, why, got }: Outcome, keys: Keys): string {
  const lines = [
    `${vector.id} (${vector.op}, ${vector.level}): ${vector.comment}`,
    `input:    ${show(inputOf(vector, keys), 100_000)}`,
    `expected: ${show(expand(vector.result, keys), 100_000)}`,
    `got:      ${show(got, 100_000)}`,
  ];
  if (vector.then) lines.push(`then:     ${show(expand(vector.then, keys), 100_000)}`);
  lines.push(`${verdict}${why === undefined ? "" : `: ${why}`}`);
  return lines.join("\n");
}
