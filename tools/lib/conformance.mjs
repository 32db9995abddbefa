// The drivers of packages/conformance within npm test: built beside the other tests, then run against the vectors.
import { existsSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import { childEnv, root, run } from "./run.mjs";

const MAIN = join(root, "packages/conformance/dist/runner/main.js");
const LOW = 10;

/**
 * Starts building what the drivers need, behind everything else: much of it waits for a network.
 * @returns {Promise<unknown>} settles when it is through; what fails shows again in the run
 */
export function buildDrivers() {
  if (!existsSync(MAIN)) return Promise.resolve();
  const onStart = (child) => {
    try {
      setPriority(child.pid, LOW);
    } catch {
      // Only politeness: the process may have ended already.
    }
  };
  return run(process.execPath, [MAIN, "--build"], { onStart });
}

/**
 * One entry for each driver, one for all pairs, and one for what is wrong besides.
 * @typedef {{ name: string, ok: boolean, output?: string, detail?: string, ms?: number, skipped?: string }} Entry
 * @returns {Promise<Entry[]>}
 */
export async function runDrivers() {
  const name = "conformance";
  if (!existsSync(MAIN)) return [{ name, ok: false, output: "packages/conformance is not built" }];
  // A missing toolchain is told as a skip here, and counts as a failure in CI with all the other skips.
  const result = await run(process.execPath, [MAIN, "--json"], { env: { ...childEnv(), CI: "" } });
  try {
    return entriesOf(JSON.parse(result.stdout));
  } catch {
    return [{ name, ok: false, output: result.output }];
  }
}

const PYTHON = join(root, "packages/conformance/drivers/python");

/** What the Python implementation shows besides, where it is built. @returns {[name: string, args: string[]][]} */
export function pythonChecks() {
  if (!existsSync(join(PYTHON, "build/venv/bin/python"))) return [];
  return [
    ["python: every byte-exact value of the vectors, made again from its inputs", ["generate.py"]],
    ["python: the CDDL of the specification against the frames of the vectors", ["cddl.py"]],
    ["python: its own tests, and its live client against its live server", ["-m", "unittest"]],
  ];
}

/** @param {string[]} args */
export const runPython = (args) => run(join(PYTHON, "build/venv/bin/python"), args, { cwd: PYTHON });

/** @param {any} report of `--json` @returns {Entry[]} */
export function entriesOf({ drivers, cross, faults }) {
  const sum = (cells) => cells.reduce((total, cell) => total + cell.total, 0);
  const lines = (failures) => failures.slice(0, 20).map(({ vector, why }) => `${vector}: ${why}`);
  const entries = drivers.map(({ name, status, absent, passed, total, failures, seconds }) => {
    const about = `conformance: ${name}`;
    if (status === "absent") return { name: about, ok: true, skipped: `${about}: ${absent}` };
    if (status === "broken") return { name: about, ok: false, output: absent };
    const more = failures.length > 20 ? [`${failures.length - 20} more: npm run conformance -- --verbose`] : [];
    return {
      name: `${about}: ${passed === total ? total : `${passed} of ${total}`} vectors`,
      ok: failures.length === 0,
      output: [...lines(failures), ...more].join("\n"),
      ms: seconds * 1000,
    };
  });
  const pairs = cross.filter(({ total }) => total > 0);
  if (pairs.length > 0) {
    const bad = pairs.flatMap(({ sealer, opener, failures }) =>
      lines(failures.slice(0, 3)).map((text) => `${sealer} → ${opener}: ${text}`),
    );
    const name = `conformance: ${sum(pairs)} messages of one driver opened by another`;
    entries.push({ name, ok: bad.length === 0, output: bad.join("\n"), ms: 0 });
  }
  const broken = new Set(
    drivers.filter(({ status }) => status === "broken").map(({ name, absent }) => `${name}: ${absent}`),
  );
  const others = faults.filter((fault) => !broken.has(fault));
  if (others.length > 0)
    entries.push({ name: "conformance: the runs themselves", ok: false, output: others.join("\n") });
  return entries;
}
