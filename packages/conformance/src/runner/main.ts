#!/usr/bin/env node
// npm run conformance: drivers against the vectors, and tables of what came out; or a live endpoint against the checks.
import { mkdirSync, writeFileSync } from "node:fs";
import { live } from "../live/main.ts";
import { repository } from "../repository.ts";
import { type Conformance, driversOf, hasRun, type Places, runConformance, vectorsOf } from "./conformance.ts";
import { buildDriver, missingToolchain } from "./manifest.ts";
import { type Options, readOptions, strictIn, USAGE } from "./options.ts";
import { htmlReport } from "./report/html.ts";
import { jsonReport } from "./report/json.ts";
import { markdownReport } from "./report/markdown.ts";
import { paintFor, terminalReport } from "./report/terminal.ts";
import { type DriverAbsent, type DriverRun, explain } from "./run.ts";

const PLACES: Places = {
  vectors: repository("test-vectors"),
  drivers: repository("packages/conformance/drivers"),
  expectedFailures: repository("packages/conformance/expected-failures.json"),
};
const REPORT = repository("packages/conformance/report");

const paint = paintFor(process.stdout);
const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
// Whoever reads may stop early (`| head`).
process.stdout.on("error", () => process.exit(1));

function onDriver(driver: DriverRun | DriverAbsent): void {
  const { name } = driver.manifest;
  if (!hasRun(driver)) {
    print(`${paint.yellow("!")} ${name}: ${driver.broken === undefined ? "toolchain absent" : "broken"}`);
    return;
  }
  const count = (verdict: string): number => driver.outcomes.filter((o) => o.verdict === verdict).length;
  const failed = count("failed");
  const mark = failed === 0 ? paint.green("✓") : paint.red("✗");
  const time = paint.dim(`(${driver.seconds.toFixed(1)} s)`);
  print(`${mark} ${name}: ${count("passed")} passed, ${failed} failed, ${count("not-claimed")} not claimed ${time}`);
}

function list(options: Options): void {
  for (const { id, op, level, comment } of vectorsOf(PLACES, options).cases) print(`${id}  ${op} ${level}  ${comment}`);
}

/** Builds without running: while something else keeps the processor waiting. */
async function build(options: Options): Promise<number> {
  let failed = 0;
  for (const manifest of driversOf(PLACES, options.drivers)) {
    const broken = (await missingToolchain(manifest)) === undefined ? await buildDriver(manifest) : undefined;
    if (broken !== undefined) {
      print(`${manifest.name}: ${broken}`);
      failed++;
    }
  }
  return failed === 0 ? 0 : 1;
}

function writeReports(result: Conformance): void {
  mkdirSync(REPORT, { recursive: true });
  writeFileSync(`${REPORT}/matrix.md`, markdownReport(result));
  writeFileSync(`${REPORT}/matrix.html`, htmlReport(result));
}

async function run(options: Options): Promise<number> {
  const strict = strictIn(options, process.env);
  const quiet = options.json || options.vector !== undefined;
  const result = await runConformance(PLACES, { ...options, strict, ...(quiet ? {} : { onDriver }) });
  const { drivers, suites, group, vector, verbose, json } = options;
  // A part makes no report: it would look like the whole.
  const whole = [drivers, suites, group, vector].every((filter) => filter === undefined);
  if (whole) writeReports(result);
  if (json) print(JSON.stringify(jsonReport(result), null, 2));
  else if (vector !== undefined) {
    for (const driver of result.drivers.filter(hasRun)) {
      for (const outcome of driver.outcomes) print(`${driver.manifest.name}\n${explain(outcome, result.set.keys)}\n`);
    }
    for (const fault of result.faults) print(fault);
  } else {
    print(`\n${terminalReport(result, paint, verbose)}`);
    if (whole) print(`\nwritten: packages/conformance/report/matrix.md, matrix.html`);
  }
  return result.ok ? 0 : 1;
}

const isLive = (args: readonly string[]): boolean =>
  /^wss?:/.test(args[0] ?? "") || args.some((arg) => /^--listen(=|$)/.test(arg));

async function main(args: readonly string[]): Promise<number> {
  if (isLive(args)) return await live(args);
  const options = readOptions(args);
  if (options.help) print(USAGE);
  else if (options.list) list(options);
  else if (options.build) return await build(options);
  else return await run(options);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
