#!/usr/bin/env node
// The structure checks: what the architecture promises and no compiler sees. `node tools/structure.mjs` runs them alone.
import { fileURLToPath } from "node:url";
import { block, green, line, red } from "./lib/report.mjs";
import { checkBrowserBundle, checkBuiltOutput } from "./structure/built.mjs";
import { checkBorders, checkCoreDirection, checkCorePurity } from "./structure/imports.mjs";
import { checkContributing, checkPackages } from "./structure/packages.mjs";
import {
  checkHabits,
  checkLeftovers,
  checkLockfile,
  checkNoEval,
  checkPlaces,
  checkSizes,
  checkTestsRun,
} from "./structure/text.mjs";
import { treeOnDisk } from "./structure/tree.mjs";

const CHECKS = [
  checkCoreDirection,
  checkCorePurity,
  checkBorders,
  checkPackages,
  checkContributing,
  checkSizes,
  checkNoEval,
  checkTestsRun,
  checkLeftovers,
  checkHabits,
  checkPlaces,
  checkLockfile,
  checkBuiltOutput,
  checkBrowserBundle,
];

/**
 * Runs every check; none stops another.
 * @param {string} [root]
 * @returns {Promise<import("./structure/tree.mjs").CheckResult[]>}
 */
export async function runStructureChecks(root = fileURLToPath(new URL("..", import.meta.url))) {
  const tree = treeOnDisk(root);
  const results = [];
  for (const check of CHECKS) {
    const started = performance.now();
    const ms = () => performance.now() - started;
    try {
      results.push({ ...(await check(tree)), ms: ms() });
    } catch (error) {
      results.push({
        name: check.name,
        ok: false,
        failures: [`the check itself failed: ${error.stack}`],
        notes: [],
        ms: ms(),
      });
    }
  }
  return results;
}

/** @param {import("./structure/tree.mjs").CheckResult[]} results */
export function printResults(results) {
  for (const { name, ok, failures, notes } of results) {
    line(`${ok ? green("✓") : red("✗")} ${name}`);
    block(failures.join("\n"));
    block(notes.map((note) => `note: ${note}`).join("\n"));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = await runStructureChecks();
  printResults(results);
  process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
}
