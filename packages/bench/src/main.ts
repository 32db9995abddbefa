#!/usr/bin/env node
// npm run bench: see USAGE.
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { browsers, ownTime } from "./browser/run.ts";
import { bundle, ENTRIES } from "./bundle.ts";
import { check, verdictLines } from "./check.ts";
import { echo, latency, profiles } from "./echo/run.ts";
import { handshakes, NO_HANDSHAKES } from "./handshake.ts";
import { consists, memory } from "./memory.ts";
import { micro } from "./micro/run.ts";
import { CHECK, FULL, QUICK } from "./plan.ts";
import { report } from "./report.ts";
import type { EchoTable, Results } from "./results.ts";
import { quantile } from "./rounds.ts";
import { overhead, startUp } from "./size.ts";
import { fanOut, file } from "./traffic/run.ts";

const PARTS = ["micro", "browsers", "echo", "fanout", "file", "handshakes", "memory", "startup", "bundle"] as const;
type Part = (typeof PARTS)[number];

const USAGE = `npm run bench [-- options]

Everything side by side, for a machine that does nothing else meanwhile; writes packages/bench/REPORT.md.

  --quick        less of it, in a few rounds, in less than two minutes; writes nothing
  --check        what is held to a bound, and fails where one is missed; writes nothing. With --quick coarsely
  --only=a,b     these parts alone, as JSON; writes nothing. Parts: ${PARTS.join(", ")}
  --json         prints the results as JSON
  --help         this text`;

const flag = (name: string) => process.argv.includes(`--${name}`);
const plan = flag("quick") ? QUICK : flag("check") ? CHECK : FULL;
const { quick } = plan;
const only = process.argv
  .find((arg) => arg.startsWith("--only="))
  ?.slice(7)
  .split(",");
const wanted = (part: Part) => only === undefined || only.includes(part);

const known = /^--(quick|check|json|only=.+)$/;
const unknown = [
  ...process.argv.slice(2).filter((arg) => !known.test(arg)),
  ...(only ?? []).filter((part) => !(PARTS as readonly string[]).includes(part)),
];
if (flag("help") || unknown.length > 0) {
  if (flag("help")) console.log(USAGE);
  else console.error(`not known: ${unknown.join(", ")}\n\n${USAGE}`);
  process.exit(flag("help") ? 0 : 2);
}

const say = (what: string) =>
  process.stderr.write(`${process.stderr.isTTY ? "\r\u001b[K" : ""}${what}${process.stderr.isTTY ? "" : "\n"}`);

async function echoTables(): Promise<EchoTable[]> {
  const tables: EchoTable[] = [];
  const add = async (
    what: string,
    size: number,
    connections: number,
    inFlight: number,
    kinds = ["ws", "bare", "jose", "sealwire"],
  ) => {
    const options = { kinds: kinds as never, connections, inFlight, size, ...plan.echo };
    tables.push({ what, size, figures: await echo(options, say) });
  };
  await add(
    "50 connections, 4 in flight",
    256,
    50,
    4,
    quick ? undefined : ["ws", "bare", "jose", "socket.io", "sealwire"],
  );
  await add("50 connections, 16 in flight", 256, 50, 16, ["ws", "bare", "bare, gathered", "sealwire", "batched"]);
  if (quick) return tables;
  await add("one connection, one in flight", 256, 1, 1);
  await add("500 connections, 1 in flight", 256, 500, 1);
  return tables;
}

/** Each under the load of the table that its bound is about. */
async function profilesOfEcho(): Promise<Results["profiles"]> {
  const load = { size: 256, ms: 3000 };
  return {
    ...(await profiles(["ws", "bare", "sealwire"], 50, { ...load, inFlight: 4 }, say)),
    ...(await profiles(["bare, gathered", "batched"], 50, { ...load, inFlight: 16 }, say)),
  };
}

async function run(): Promise<Results> {
  const load = loadavg()[0] as number;
  const tables = wanted("micro") ? await micro(plan.micro, quick, say) : [];
  const echoes = wanted("echo") ? await echoTables() : [];
  const own = echoes[0]?.figures.sealwire?.perSecond ?? [];
  const rate = quantile(own, 0.5) / 2;
  const paced = { ...plan.latency, size: 256, connections: 50 };
  const { pages, seconds, ...asked } = plan.browsers;
  return {
    machine: `${cpus()[0]?.model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}, OpenSSL ${process.versions.openssl}, load ${load.toFixed(1)} at the start`,
    when: new Date().toISOString().slice(0, 10),
    quick,
    micro: tables,
    browsers: wanted("browsers") ? await browsers({ ...asked, quick }, pages, seconds, say) : [],
    ownTime: wanted("browsers") && !quick ? await ownTime(400_000, say) : undefined,
    echo: echoes,
    profiles: wanted("echo") && !quick ? await profilesOfEcho() : {},
    latency: {
      rate,
      figures: wanted("echo") ? await latency(["ws", "bare", "sealwire", "batched"], rate, paced, say) : {},
    },
    fanOut: wanted("fanout") ? await fanOut(plan.fanOut, say) : [],
    file: wanted("file") ? await file(plan.file, say) : [],
    handshakes: wanted("handshakes") ? await handshakes(plan.handshakes, say) : NO_HANDSHAKES,
    memory: wanted("memory") ? await memory(plan.memory, say) : [],
    consists:
      wanted("memory") && !quick ? { sealwire: await consists("sealwire", 1000), ws: await consists("ws", 1000) } : {},
    overhead: [
      ...[1, 255, 65_535, 65_536].map((seq) => ({ seq, items: 1, bytes: overhead(seq) })),
      ...[2, 16, 48].map((items) => ({ seq: 65_535, items, bytes: overhead(65_535, items) })),
    ],
    bundle: {
      connect: await bundle(ENTRIES.connect),
      all: await bundle(ENTRIES.all),
      envelopes: await bundle(ENTRIES.envelopes),
    },
    startUp: wanted("startup")
      ? startUp(["@sealwire/server", "@sealwire/client", "jose", "cbor-x", "ws", "socket.io"], plan.startUps)
      : {},
  };
}

const results = await run();
say("");
for (const { name, missing } of results.browsers)
  if (missing !== undefined) process.stderr.write(`\n  NOT MEASURED: ${name}. ${missing}\n\n`);
if (flag("json")) console.log(JSON.stringify(results));
if (only === undefined) {
  const verdicts = check(results);
  if (!flag("json")) console.log(`${verdictLines(verdicts)}\n\n${results.machine}`);
  if (flag("check")) process.exitCode = verdicts.every(({ met }) => met) ? 0 : 1;
  else if (plan === FULL) writeFileSync(new URL("../REPORT.md", import.meta.url), report(results, verdicts));
} else if (!flag("json")) console.log(JSON.stringify(results, undefined, 1));
process.exit();
