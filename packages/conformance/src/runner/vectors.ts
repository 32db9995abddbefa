import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expand, type Keys, type Values } from "./expand.ts";

export const LEVELS = ["L0", "L1", "L2", "L3"] as const;
export type ClaimedLevel = (typeof LEVELS)[number];

export interface FollowUp {
  readonly op: string;
  readonly input: Values;
  readonly result: Values;
}

/** One vector with what its group says about it, still in the short forms. */
export interface VectorCase {
  readonly id: string;
  readonly suite: string;
  readonly group: string;
  readonly level: ClaimedLevel;
  readonly op: string;
  readonly comment: string;
  readonly input: Values;
  readonly result: Values;
  readonly then?: FollowUp;
}

export interface VectorSet {
  readonly cases: readonly VectorCase[];
  readonly keys: Keys;
}

/** Suites in the order in which the README lists them; a new one comes behind. */
const ORDER = "framing jose claims message standalone replay errors limits kdf handshake session".split(" ");

interface FileGroup {
  readonly id: string;
  readonly level: ClaimedLevel;
  readonly op: string;
  readonly context?: Values;
  readonly vectors: readonly (Pick<VectorCase, "id" | "comment" | "input" | "result"> & { readonly then?: FollowUp })[];
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

/** Every vector of a folder like test-vectors. */
export function readVectors(folder: string): VectorSet {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "keys.json");
  const suites = files.map((name) => readJson(join(folder, name)) as { suite: string; groups: readonly FileGroup[] });
  const place = (suite: string): number => (ORDER.includes(suite) ? ORDER.indexOf(suite) : ORDER.length);
  suites.sort((a, b) => place(a.suite) - place(b.suite));
  const cases = suites.flatMap(({ suite, groups }) =>
    groups.flatMap(({ id: group, level, op, context, vectors }) =>
      vectors.map(({ id, comment, input, result, then }): VectorCase => {
        const merged = { ...context, ...input };
        return { id, suite, group, level, op, comment, input: merged, result, ...(then ? { then } : {}) };
      }),
    ),
  );
  const keysFile = join(folder, "keys.json");
  const keys = existsSync(keysFile) ? (readJson(keysFile) as { readonly keys: Keys }).keys : {};
  return { cases, keys };
}

export interface Selection {
  readonly suites: readonly string[] | undefined;
  readonly group: string | undefined;
  readonly vector: string | undefined;
}

export function selectCases(cases: readonly VectorCase[], { suites, group, vector }: Selection): VectorCase[] {
  return cases.filter(
    (c) =>
      (suites === undefined || suites.includes(c.suite)) &&
      (group === undefined || c.group.startsWith(group)) &&
      (vector === undefined || c.id === vector),
  );
}

export const inputOf = ({ input }: VectorCase, keys: Keys): Values => expand(input, keys) as Values;
