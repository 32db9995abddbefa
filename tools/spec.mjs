#!/usr/bin/env node
// The spec checker: prose, requirements, registry and tests must agree. `--write` brings the requirements up to date.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { green, line, red } from "./lib/report.mjs";
import { checkSpec } from "./spec/check.mjs";
import { requirementsFrom } from "./spec/write.mjs";

const home = fileURLToPath(new URL("..", import.meta.url));

/** @param {string} root @returns {import("./spec/check.mjs").SpecFiles} */
export function readSpecFiles(root) {
  const list = (folder, pattern, deep = false) => {
    const path = join(root, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
      const inside = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return deep ? list(inside, pattern, true) : [];
      return pattern.test(entry.name) ? [inside] : [];
    });
  };
  const load = (paths) =>
    Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(root, path), "utf8")]));
  const packages = existsSync(join(root, "packages")) ? readdirSync(join(root, "packages")) : [];
  const tests = ["tools/test", ...packages.map((name) => `packages/${name}/test`)];
  return {
    prose: load(list("specs", /\.md$/)),
    requirements: load(list("specs/requirements", /\.json$/)),
    errors: readFileSync(join(root, "specs/registry/errors.json"), "utf8"),
    tests: load([
      ...tests.flatMap((folder) => list(folder, /\.([cm]?[jt]sx?|json)$/, true)),
      ...list("test-vectors", /\.json$/),
    ]),
    live: load(list("packages/conformance/src/live", /\.ts$/)),
    unobservable: readFileSync(join(root, "packages/conformance/not-on-the-wire.json"), "utf8"),
  };
}

/** Writes, and removes what has no prose any more. @param {string} root */
export function writeRequirements(root) {
  const files = readSpecFiles(root);
  const since = JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8")).version;
  const wanted = requirementsFrom(files, since);
  const changed = [];
  for (const path of Object.keys(files.requirements)) {
    if (path in wanted) continue;
    rmSync(join(root, path));
    changed.push(`removed ${path}`);
  }
  mkdirSync(join(root, "specs/requirements"), { recursive: true });
  for (const [path, text] of Object.entries(wanted)) {
    if (files.requirements[path] === text) continue;
    writeFileSync(join(root, path), text);
    changed.push(`wrote ${path}`);
  }
  return changed;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--write")) for (const change of writeRequirements(home)) line(change);
  const { failures, count } = checkSpec(readSpecFiles(home));
  for (const failure of failures) line(failure);
  line(
    failures.length
      ? `${red("✗")} ${failures.length} faults in the spec`
      : `${green("✓")} ${count} requirements hold together`,
  );
  process.exitCode = failures.length ? 1 : 0;
}
