#!/usr/bin/env node
// npm test: everything that must hold, from a fresh clone. With arguments only vitest runs, and gets them.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureChromium } from "./chromium.mjs";
import { buildDrivers, pythonChecks, runDrivers, runPython } from "./lib/conformance.mjs";
import { ensureSpin, spinChecks } from "./lib/formal.mjs";
import { block, line, red, step, yellow } from "./lib/report.mjs";
import { childEnv, root, run, runNode } from "./lib/run.mjs";
import { closingLine, tallyOf } from "./lib/tally.mjs";
import { build, install, turbo } from "./prepare.mjs";

const args = process.argv.slice(2);
const { CI } = process.env;
const strict = CI !== undefined && !["", "0", "false"].includes(CI);
let passed = 0;
let failed = 0;
/** @type {string[]} */
let skipped = [];

/** @param {string} name @param {Parameters<typeof step>[1]} work @param {string} [announce] */
async function check(name, work, announce) {
  if (await step(name, work, { announce })) passed++;
  else failed++;
}

function finish() {
  line(closingLine(passed, failed, skipped.length));
  process.exit(failed > 0 ? 1 : 0);
}

async function checks() {
  await check("generated files up to date", () => runNode(["tools/generate.mjs", "--check"]));
  await check("biome", () => runNode(["node_modules/@biomejs/biome/bin/biome", "check", "."]));
  await check("types", () => turbo("typecheck"), "checking types");
  await structure();
  const requirements = join(root, "specs/requirements");
  if (existsSync(requirements) && readdirSync(requirements).some((file) => file.endsWith(".json"))) {
    await check("spec: slugs, requirements, citations", () => runNode(["tools/spec.mjs"]));
  }
}

async function structure() {
  const { runStructureChecks } = await import("./structure.mjs");
  for (const { name, ok, failures, notes, ms } of await runStructureChecks()) {
    await check(name, async () => ({ ok, output: failures.join("\n"), ms }));
    block(notes.map((note) => `note: ${note}`).join("\n"));
  }
}

/** @param {string[]} args of vitest */
async function vitest(args) {
  const chromium = await ensureChromium({ install: args[0] === "--project=!interop" });
  const folder = mkdtempSync(join(tmpdir(), "sealwire-test-"));
  const file = join(folder, "report.json");
  try {
    const env = childEnv();
    delete env.SEALWIRE_CHROMIUM;
    if (chromium) env.SEALWIRE_CHROMIUM = chromium;
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const command = ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...args];
    const { ok } = await run(process.execPath, command, { env, show: true });
    const tally = tallyOf(existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined, ok);
    passed += tally.passed;
    failed += tally.failed;
    skipped.push(...tally.skipped.map((name) => name.replace(root, "")));
    for (const note of tally.notes) line(`${red("✗")} ${note.replace(root, "")}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function conformance() {
  const vectors = join(root, "packages/conformance/dist/vectors/main.js");
  await check("test vectors up to date", () => runNode([vectors, "--check"]), "generating the test vectors");
  /** @type {Awaited<ReturnType<typeof runDrivers>>} */
  let entries = [];
  const work = async () => {
    entries = await runDrivers();
    return { ok: true, detail: `${entries.length} results` };
  };
  await step("conformance drivers run", work, { announce: "running the conformance drivers" });
  for (const { name, skipped: why, ...result } of entries) {
    if (why === undefined) await check(name, async () => result);
    else skipped.push(why);
  }
  for (const [name, args] of pythonChecks()) await check(name, () => runPython(args), name);
}

async function formal() {
  const missing = await ensureSpin({ install: true });
  if (missing.length > 0) skipped.push(`formal models: no ${missing.join(" and no ")} on PATH`);
  else for (const [name, work] of spinChecks()) await check(name, work, name);
}

/** A filter by name makes vitest count everything else as skipped: that is asked for, not a gap. */
const filtered = args.some((arg) => /^(-t|--testNamePattern)\b/.test(arg));

if (!(await install())) {
  failed++;
  finish();
}
process.chdir(root);
// A failed build is no reason to keep the other results back: vitest runs the sources.
const built = await build();
const driversBuilt = args.length === 0 ? buildDrivers() : undefined;
if (args.length === 0) {
  if (built) passed++;
  else failed++;
  await checks();
} else if (!built) {
  failed++;
}
// What needs the drivers of other languages waits until they are built.
await vitest(driversBuilt === undefined ? args : ["--project=!interop"]);
if (filtered) skipped = [];
if (driversBuilt !== undefined) {
  await formal();
  await driversBuilt;
  await vitest(["--project=interop"]);
  await conformance();
}
if (skipped.length > 0) {
  line(`${strict ? red("✗") : yellow("!")} skipped${strict ? ", which counts as a failure with CI set" : ""}:`);
  block(skipped.join("\n"));
  if (strict) failed++;
}
finish();
