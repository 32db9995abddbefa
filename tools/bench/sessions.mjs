#!/usr/bin/env node
// What refresh, rekey, resume and expiry cost: the built packages over real sockets on loopback.
// `--quick` takes fewer of everything, `--json` prints one line of JSON.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { line, red } from "../lib/report.mjs";
import { runNode } from "../lib/run.mjs";
import { machine, machineLine } from "./machine.mjs";

const quick = process.argv.includes("--quick");
const size = quick
  ? { streamMs: 2_000, refreshMs: 4_000, cuts: 10, sessions: 100, openSeconds: 6 }
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

const ms = (value) => (value === undefined ? "" : value.toFixed(value < 10 ? 1 : 0));

function report({ nothing, refresh, rekey, resume, expiry }) {
  const row = (cells) => line(`  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(26) : cell.padStart(13))).join("")}`);
  line("A message of 256 bytes every 2 ms in each direction; gaps between deliveries, in ms");
  row(["", "times", "median", "99 %", "largest", "during it"]);
  for (const [title, g] of [
    ["nothing else", nothing],
    ["token refreshed", refresh],
    ["keys renewed", rekey],
  ])
    row([
      title,
      g === nothing ? "" : String(g.events),
      ms(g.medianMs),
      ms(g.p99Ms),
      ms(g.largestMs),
      ms(g.largestDuringMs),
    ]);
  line("");
  line("After a cut, without the pause before an attempt, in ms");
  row(["", "times", "median", "", "largest"]);
  row(["session open again", String(resume.cuts), ms(resume.openMedianMs), "", ms(resume.openLargestMs)]);
  row(["message of meanwhile there", "", ms(resume.deliveredMedianMs), "", ms(resume.deliveredLargestMs)]);
  line("");
  line(`${expiry.sessions} sessions of one server expire in the same second`);
  line(
    `  largest stall of its event loop ${ms(expiry.stallLargestMs)} ms (before, idle: ${ms(expiry.idleLargestMs)} ms); ${ms(expiry.cpuMs)} ms of CPU`,
  );
  line(
    `  all ended ${ms(expiry.lastEndedAfterMs)} ms after the second; ${Math.round(expiry.bytesPerSession / 1024)} KiB a session`,
  );
  if (expiry.refused > 0) line(`  ${red("!")} ${expiry.refused} could not be opened in time`);
  line("");
}

const only = process.argv.find((arg) => arg.startsWith("--measure="))?.slice("--measure=".length);
if (only !== undefined) {
  line(JSON.stringify(await MEASURES[only]()));
} else if (!built.every(existsSync)) {
  line(`${red("✗")} the packages are not built: npm run build`);
  process.exitCode = 1;
} else {
  const results = { ...(await measureAll()), machine: machine() };
  if (process.argv.includes("--json")) line(JSON.stringify(results));
  else {
    report(results);
    line(machineLine(results.machine));
  }
}
