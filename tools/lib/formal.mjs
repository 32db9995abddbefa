// The formal models of specs/formal: what models.json expects of each, and what Spin and ProVerif say.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, findProgram } from "./programs.mjs";
import { root, run } from "./run.mjs";

/**
 * @typedef {{ name: string, file: string, shows: string, rules: string[] }} Model
 * @typedef {Model & { defines: string[], expected: "holds" | "fails", violates?: string, long?: boolean }} SpinModel
 *   violates: part of the assertion that a control has to violate; long: not in npm test
 * @typedef {Model & { queries: string[], edits: [string, string][], expected: "true" | "false" | "open" }} ProverifModel
 *   edits: what a control changes in the file; open: there is no result to expect, and the model is not run
 * @typedef {{ model: Model, ok: boolean, verdict: string, states?: number, seconds: number, output: string }} Outcome
 */

const folder = join(root, "specs/formal");

/** @returns {{ spin: SpinModel[], proverif: ProverifModel[] }} */
export const readModels = () => JSON.parse(readFileSync(join(folder, "models.json"), "utf8"));

/** @param {Model} model */
const sourceOf = (model) => readFileSync(join(folder, model.file), "utf8");

/** Spin and a C compiler, installed where that is ours to do. @param {{ install: boolean }} options */
export async function ensureSpin({ install }) {
  const missing = () => [["spin"], ["gcc"]].filter((names) => !findProgram(names)).flat();
  if (missing().length > 0 && install) await aptInstall(missing(), "the formal models");
  return missing();
}

/** @template T @param {(folder: string) => Promise<T>} work @returns {Promise<T>} */
async function inTemporaryFolder(work) {
  const place = mkdtempSync(join(tmpdir(), "sealwire-formal-"));
  try {
    return await work(place);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/**
 * What an exhaustive search says: everything else than a full search without error, or an assertion violated, is neither.
 * @param {string} output of pan
 * @returns {{ verdict: "holds" | "fails" | "incomplete", states: number, violated: string }}
 */
export function readSearch(output) {
  const states = Number(/(\d+) states, stored/.exec(output)?.[1] ?? 0);
  const violated = /pan:\d+: assertion violated (.*) \(at depth/.exec(output)?.[1] ?? "";
  if (violated) return { verdict: "fails", states, violated };
  const whole = /errors: 0\b/.test(output) && !/max search depth too small|Search not completed|MEMLIM/.test(output);
  return { verdict: whole && states > 0 ? "holds" : "incomplete", states, violated };
}

/** @param {SpinModel} model @returns {Promise<Outcome>} */
export function runSpin(model) {
  const started = performance.now();
  return inTemporaryFolder(async (cwd) => {
    writeFileSync(join(cwd, "model.pml"), sourceOf(model));
    // A control ends after a few states: there the compiler would take longer than the search.
    const optimize = model.expected === "holds" ? ["-O1", "-DCOLLAPSE"] : ["-O0"];
    const steps = [
      ["spin", ["-a", ...model.defines.map((define) => `-D${define}`), "model.pml"]],
      ["gcc", ["-w", "-DSAFETY", "-DMEMLIM=8192", ...optimize, "-o", "pan", "pan.c"]],
      [join(cwd, "pan"), ["-m1000000"]],
    ];
    let output = "";
    for (const [command, args] of /** @type {[string, string[]][]} */ (steps)) {
      const result = await run(command, args, { cwd });
      output = result.output;
      if (!result.ok && command !== join(cwd, "pan")) break;
    }
    const { verdict, states, violated } = readSearch(output);
    const ok = verdict === model.expected && violated.includes(model.violates ?? "");
    return { model, ok, verdict, states, seconds: (performance.now() - started) / 1000, output };
  });
}

/**
 * The text for ProVerif: the edits made, only the named queries left.
 * @param {string} source @param {{ file: string, edits: [string, string][], queries: string[] }} model
 */
export function proverifText(source, { file, edits, queries }) {
  let text = source;
  for (const [from, to] of edits) {
    if (!text.includes(from)) throw new Error(`${file} does not hold ${JSON.stringify(from)}`);
    text = text.replaceAll(from, to);
  }
  for (const query of queries) if (!text.includes(`(*${query}*)`)) throw new Error(`${file} has no query ${query}`);
  return text.replace(/^\(\*([QR]\d+)\*\) query .*\n/gm, (all, name) => (queries.includes(name) ? all : ""));
}

/** @param {ProverifModel} model @returns {Promise<Outcome>} */
export function runProverif(model) {
  const started = performance.now();
  return inTemporaryFolder(async (cwd) => {
    writeFileSync(join(cwd, "model.pv"), proverifText(sourceOf(model), model));
    const { output } = await run("proverif", ["model.pv"], { cwd });
    const results = [...output.matchAll(/^RESULT .*?(?: is (true|false)| cannot be proved)\./gm)].map(
      (m) => m[1] ?? "open",
    );
    const complete = results.length === model.queries.length;
    const verdict =
      complete && results.every((result) => result === results[0]) ? results[0] : results.join(" ") || "none";
    return { model, ok: verdict === model.expected, verdict, seconds: (performance.now() - started) / 1000, output };
  });
}

/**
 * Runs as many at once as there are cores; outcomes in the order of the models.
 * @template M @param {M[]} models @param {(model: M) => Promise<Outcome>} runOne
 * @returns {Promise<Outcome[]>}
 */
export async function runAll(models, runOne) {
  const outcomes = [];
  let next = 0;
  const worker = async () => {
    while (next < models.length) {
      const index = next++;
      outcomes[index] = await runOne(models[index]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return outcomes;
}

/**
 * What npm test runs: the shorter Spin models, one result for each file.
 * @returns {[name: string, work: () => Promise<{ ok: boolean, output: string }>][]}
 */
export function spinChecks() {
  const models = readModels().spin.filter(({ long }) => !long);
  return [...new Set(models.map(({ file }) => file))].map((file) => {
    const own = models.filter((model) => model.file === file);
    const controls = own.filter(({ expected }) => expected === "fails").length;
    const work = async () => {
      const bad = (await runAll(own, runSpin)).filter(({ ok }) => !ok);
      const output = bad.map(({ model, verdict, output }) => `${model.name}: ${verdict}\n${output}`).join("\n");
      return { ok: bad.length === 0, output };
    };
    return [`formal: ${file}, ${own.length - controls} hold and ${controls} controls fail`, work];
  });
}
