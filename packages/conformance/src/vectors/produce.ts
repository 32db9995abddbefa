// From the generators to the files of test-vectors/, and from the files to what differs.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hex, sha256, utf8 } from "../kit/bytes.ts";
import type { Jwk } from "../kit/keys.ts";
import { type Generator, type Group, type Suite, stringify } from "./file.ts";
import { jwkOf } from "./keys.ts";

export type Suites = readonly (readonly [Suite, Generator])[];

/** The draft that the vectors belong to. */
export const SPEC = "0.1";
const MANIFEST = "MANIFEST.sha256";

export interface Produced {
  readonly groups: ReadonlyMap<Suite, readonly Group[]>;
  /** Text by file name. */
  readonly files: ReadonlyMap<string, string>;
}

export function produce(suites: Suites): Produced {
  const groups = new Map(suites.map(([suite, generate]) => [suite, generate()]));
  const files = new Map([["keys.json", keysText([...groups.values()].flat())]]);
  for (const [suite, list] of groups) files.set(`${suite}.json`, stringify(suite, SPEC, list));
  return { groups, files };
}

/** One key to a line; no label that nobody uses. */
function keysText(groups: readonly Group[]): string {
  const labels = new Set<string>();
  for (const group of groups) {
    collectLabels(group.options.context, labels);
    for (const { input, result, then } of group.vectors) collectLabels([input, result, then], labels);
  }
  const lines = [...labels].sort().map((label): [string, Jwk] => [label, jwkOf(label)]);
  const body = lines.map(([label, jwk]) => `    ${JSON.stringify(label)}: ${JSON.stringify(jwk)}`).join(",\n");
  return `{\n  "suite": "keys",\n  "version": "1.0",\n  "keys": {\n${body}\n  }\n}\n`;
}

function collectLabels(value: unknown, labels: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if ((name === "$key" || name === "$public") && typeof inner === "string") labels.add(inner);
    else collectLabels(inner, labels);
  }
}

function filesIn(folder: string, under = ""): string[] {
  if (!existsSync(join(folder, under))) return [];
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = under === "" ? entry.name : `${under}/${entry.name}`;
    return entry.isDirectory() ? filesIn(folder, path) : [path];
  });
}

/** The form of sha256sum: every file but the manifest itself, as it is or as it should be. */
function manifest(folder: string, files: ReadonlyMap<string, string>): string {
  const paths = new Set([...filesIn(folder), ...files.keys()]);
  paths.delete(MANIFEST);
  const bytes = (path: string): Uint8Array => {
    const text = files.get(path);
    return text === undefined ? readFileSync(join(folder, path)) : utf8(text);
  };
  const lines = [...paths].sort().map((path) => `${hex(sha256(bytes(path)))}  ${path}\n`);
  return lines.join("");
}

export function write(folder: string, { files }: Produced): void {
  mkdirSync(folder, { recursive: true });
  for (const [path, text] of files) writeFileSync(join(folder, path), text);
  writeFileSync(join(folder, MANIFEST), manifest(folder, files));
}

/** What a generation would change in the folder; empty if nothing. */
export function differences(folder: string, { files }: Produced): string[] {
  const found: string[] = [];
  for (const [path, text] of [...files, [MANIFEST, manifest(folder, files)] as const]) {
    if (!existsSync(join(folder, path))) found.push(`${path} is missing`);
    else {
      const line = firstDifference(readFileSync(join(folder, path), "utf8"), text);
      if (line !== undefined) found.push(`${path} differs from line ${line} on`);
    }
  }
  for (const path of filesIn(folder)) {
    if (/^[^/]+\.json$/.test(path) && !files.has(path)) found.push(`${path} is made by no generator`);
  }
  return found;
}

function firstDifference(present: string, wanted: string): number | undefined {
  if (present === wanted) return undefined;
  const [a, b] = [present.split("\n"), wanted.split("\n")];
  return a.findIndex((line, i) => line !== b[i]) + 1 || a.length;
}
