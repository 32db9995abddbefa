#!/usr/bin/env node
// What refresh, rekey, resume and expiry cost: the built packages over real sockets on loopback.
// `--quick` takes fewer of everything, `--json` prints one line of JSON, `--write` makes the document SESSIONS.md of it.
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { line, red } from "../lib/report.mjs";
import { runNode } from "../lib/run.mjs";
import { machine, machineLine } from "./machine.mjs";
import { markdown, tables, terminal } from "./sessions/report.mjs";

const DOCUMENT = new URL("SESSIONS.md", import.meta.url);

const quick = process.argv.includes("--quick");
const size = quick
  ? { streamMs: 2_000, refreshMs: 4_000, cuts: 10, sessions: 100, openSeconds: 20 }
  : { streamMs: 20_000, refreshMs: 60_000, cuts: 50, sessions: 10_000, openSeconds: 240 };
const built = ["core", "client", "server", "issuer"].map(
  (name) => new URL(`../../packages/${name}/dist/index.js`, import.meta.url),
);

/** In a process of its own for each, so that nothing of one is measured in another. Needs --expose-gc. */
const MEASURES = {
  nothing: async () => (await import("./sessions/stream.mjs")).measureGaps("nothing", size.streamMs),
  refresh: async () => (await import("./sessions/stream.mjs")).measureGaps("refresh", size.refreshMs),
  rekey: async () => (await import("./sessions/stream.mjs")).measureGaps("rekey", size.streamMs),
  resume: async () => (await import("./sessions/resume.mjs")).measureResume(size.cuts),
  expiry: async () => (await import("./sessions/expiry.mjs")).measureExpiry(size.sessions, size.openSeconds),
};

async function measureAll() {
  const results = {};
  for (const name of Object.keys(MEASURES)) {
    const args = ["--expose-gc", fileURLToPath(import.meta.url), `--measure=${name}`, ...(quick ? ["--quick"] : [])];
    const { ok, output, stdout } = await runNode(args);
    if (!ok) throw new Error(`${name}: ${output}`);
    results[name] = JSON.parse(stdout);
  }
  return results;
}

const only = process.argv.find((arg) => arg.startsWith("--measure="))?.slice("--measure=".length);
if (only !== undefined) {
  line(JSON.stringify(await MEASURES[only]()));
} else if (!built.every(existsSync)) {
  line(`${red("✗")} the packages are not built: npm run build`);
  process.exitCode = 1;
} else {
  const results = { ...(await measureAll()), machine: machine() };
  const on = machineLine(results.machine);
  line(process.argv.includes("--json") ? JSON.stringify(results) : terminal(tables(results), on));
  if (process.argv.includes("--write")) writeFileSync(DOCUMENT, markdown(tables(results), on));
}
