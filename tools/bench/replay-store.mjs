#!/usr/bin/env node
// What a replay store in memory takes: a million entries in a process of their own. `--json` prints one line of JSON.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { line, red } from "../lib/report.mjs";
import { runNode } from "../lib/run.mjs";
import { machine, machineLine } from "./machine.mjs";

const ENTRIES = 1_000_000;
const NOW = 1_893_456_000;
const ISSUERS = 10;
const built = new URL("../../packages/core/dist/index.js", import.meta.url);

/** Fills a store to its last entry, and says what the process has grown by. Needs --expose-gc. */
async function fill() {
  const { createMemoryReplayStore } = await import(built.href);
  const insert = (store, n) => {
    const key = createHash("sha256").update(`${n}`).digest();
    const issuer = `issuer ${n % ISSUERS}`;
    return store.insert({ key, issuer, issuedAt: NOW, keepUntil: NOW + 180 + (n % 300), now: NOW });
  };
  // What hashing leaves behind for the collector is no part of the store: it has grown to its size before.
  const small = createMemoryReplayStore({ startedAt: 0, capacity: ISSUERS });
  for (let n = 0; n < ENTRIES; n++) insert(small, n);
  const memory = () => {
    globalThis.gc();
    return process.memoryUsage();
  };
  const before = memory();
  const store = createMemoryReplayStore({ startedAt: 0, capacity: ENTRIES });
  for (let n = 0; n < ENTRIES; n++) if (insert(store, n) !== "new") throw new Error(`entry ${n} is not new`);
  const after = memory();
  const perEntry = (name) => (after[name] - before[name]) / store.size;
  return {
    entries: store.size,
    bytesPerEntry: { rss: perEntry("rss"), arrayBuffers: perEntry("arrayBuffers"), heapUsed: perEntry("heapUsed") },
  };
}

if (process.argv.includes("--fill")) {
  line(JSON.stringify(await fill()));
} else if (!existsSync(built)) {
  line(`${red("✗")} packages/core is not built: npm run build`);
  process.exitCode = 1;
} else {
  const { ok, output } = await runNode(["--expose-gc", fileURLToPath(import.meta.url), "--fill"]);
  if (!ok) {
    line(output);
    process.exitCode = 1;
  } else {
    const result = { ...JSON.parse(output), machine: machine() };
    if (process.argv.includes("--json")) line(JSON.stringify(result));
    else {
      const { entries, bytesPerEntry, machine: m } = result;
      line(`${entries} entries, bytes an entry: resident ${bytesPerEntry.rss.toFixed(1)},`);
      line(`  tables ${bytesPerEntry.arrayBuffers.toFixed(1)}, heap ${bytesPerEntry.heapUsed.toFixed(1)}`);
      line(`  ${machineLine(m)}`);
    }
  }
}
