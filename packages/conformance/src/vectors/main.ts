// npm run vectors: writes test-vectors/. `--check` compares instead, `--coverage` lists what has no negative.
import { fileURLToPath } from "node:url";
import { repository } from "../repository.ts";
import * as claims from "./claims.ts";
import { faults, uncovered } from "./consistency.ts";
import * as errors from "./errors.ts";
import type { Group, Suite } from "./file.ts";
import * as framing from "./framing.ts";
import * as handshake from "./handshake.ts";
import * as idempotent from "./idempotent.ts";
import * as jose from "./jose.ts";
import * as kdf from "./kdf.ts";
import * as limits from "./limits.ts";
import * as message from "./message.ts";
import { differences, produce, type Suites, write } from "./produce.ts";
import * as refresh from "./refresh.ts";
import * as rekey from "./rekey.ts";
import * as replay from "./replay.ts";
import * as resume from "./resume.ts";
import * as session from "./session.ts";
import * as standalone from "./standalone.ts";

/** Every suite: a generator adds its line here. */
export const SUITES: Suites = [
  ["framing", framing.generate],
  ["jose", jose.generate],
  ["claims", claims.generate],
  ["message", message.generate],
  ["standalone", standalone.generate],
  ["replay", replay.generate],
  ["errors", errors.generate],
  ["limits", limits.generate],
  ["kdf", kdf.generate],
  ["handshake", handshake.generate],
  ["session", session.generate],
  ["rekey", rekey.generate],
  ["refresh", refresh.generate],
  ["resume", resume.generate],
  ["idempotent", idempotent.generate],
];

const line = (text: string): unknown => process.stdout.write(`${text}\n`);

function summary(groups: ReadonlyMap<Suite, readonly Group[]>): { file: string; vectors: number; refused: number }[] {
  const rows = [...groups].map(([suite, list]) => {
    const vectors = list.flatMap((group) => group.vectors);
    return { file: `${suite}.json`, vectors: vectors.length, refused: vectors.filter((v) => !v.result.ok).length };
  });
  const sum = (name: "vectors" | "refused"): number => rows.reduce((total, row) => total + row[name], 0);
  return [...rows, { file: "total", vectors: sum("vectors"), refused: sum("refused") }];
}

function main(args: readonly string[]): number {
  const produced = produce(SUITES);
  const folder = repository("test-vectors");
  const rows = summary(produced.groups);
  if (args.includes("--coverage")) {
    for (const [document, slugs] of uncovered(produced.groups)) {
      line(
        `${document}: ${slugs.length === 0 ? "every MUST has a refused vector" : `no refused vector for ${slugs.join(" ")}`}`,
      );
    }
    return 0;
  }
  const failures = faults(produced.groups);
  if (failures.length === 0) {
    if (args.includes("--check")) failures.push(...differences(folder, produced));
    else write(folder, produced);
  }
  if (args.includes("--json")) line(JSON.stringify({ files: rows.slice(0, -1), total: rows.at(-1), failures }));
  else {
    for (const { file, vectors, refused } of rows) {
      line(`${file.padEnd(18)}${String(vectors).padStart(5)} vectors${String(refused).padStart(6)} refused`);
    }
    for (const failure of failures) line(`✗ ${failure}`);
  }
  return failures.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
