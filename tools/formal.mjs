#!/usr/bin/env node
// npm run formal: every Spin model and control of specs/formal; with --proverif those of ProVerif instead. --json for programs.
import { ensureSpin, readModels, runAll, runProverif, runSpin } from "./lib/formal.mjs";
import { findProgram } from "./lib/programs.mjs";
import { block, dim, green, line, red, yellow } from "./lib/report.mjs";

const json = process.argv.includes("--json");
const proverif = process.argv.includes("--proverif");
const models = readModels();

function skip(what) {
  if (json) line(JSON.stringify({ skipped: what }));
  else line(`${yellow("!")} ${what}: the models are skipped`);
  process.exit(0);
}

/** @type {import("./lib/formal.mjs").Outcome[]} */
let outcomes;
if (proverif) {
  if (!findProgram(["proverif"])) skip("no proverif on PATH (2.05 was used; Debian has no package of it)");
  const decided = models.proverif.filter(({ expected }) => expected !== "open");
  outcomes = await runAll(decided, runProverif);
} else {
  const missing = await ensureSpin({ install: false });
  if (missing.length > 0) skip(`no ${missing.join(" and no ")} on PATH (Debian: apt-get install ${missing.join(" ")})`);
  outcomes = await runAll(models.spin, runSpin);
}

if (json) {
  const entries = outcomes.map(({ model, output: _, ...rest }) => ({ file: model.file, name: model.name, ...rest }));
  line(JSON.stringify(entries, undefined, 2));
} else {
  for (const { model, ok, verdict, states, seconds, output } of outcomes) {
    const size = states === undefined ? "" : `${states.toLocaleString("en")} states`.padStart(18);
    line(
      `${ok ? green("✓") : red("✗")} ${model.file.padEnd(20)} ${model.name.padEnd(34)} ${verdict.padEnd(6)}${size} ${dim(`${seconds.toFixed(1)} s`)}`,
    );
    if (!ok) block(output);
  }
}
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
