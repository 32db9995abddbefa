import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../src/repository.ts";
import { faults, uncovered } from "../src/vectors/consistency.ts";
import { Group, type Suite } from "../src/vectors/file.ts";
import { SUITES } from "../src/vectors/main.ts";
import { differences, type Produced, produce, write } from "../src/vectors/produce.ts";

type Values = Record<string, unknown>;
interface Operation {
  readonly op: string;
  readonly input: Values;
  readonly result: Values;
}
interface File {
  readonly suite: string;
  readonly groups: readonly {
    op: string;
    context?: Values;
    vectors: readonly (Omit<Operation, "op"> & { id: string; then?: Operation })[];
  }[];
}

const FOLDER = repository("test-vectors");
const parse = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
const read = (path: string): unknown => parse(join(copy, path));

let produced: Produced;
let copy: string;

beforeAll(() => {
  produced = produce(SUITES);
  copy = mkdtempSync(join(tmpdir(), "sealwire-vectors-"));
  cpSync(FOLDER, copy, { recursive: true });
  write(copy, produced);
}, 60_000);
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe("schemas", () => {
  const ajv = new Ajv2020({ allErrors: false, strict: true, strictRequired: false, strictTypes: false });
  for (const name of readdirSync(join(FOLDER, "schemas")))
    ajv.addSchema(parse(join(FOLDER, "schemas", name)) as object);
  const compiled = (id: string): ValidateFunction => ajv.getSchema(id) as ValidateFunction;
  const errorsOf = (id: string, value: unknown): unknown => (compiled(id)(value) ? [] : compiled(id).errors);

  test("keys.json", () => {
    expect(errorsOf("keys.schema.json", read("keys.json"))).toEqual([]);
  });

  for (const [suite] of SUITES) {
    test(`${suite}.json`, () => {
      const file = read(`${suite}.json`) as File;
      expect(errorsOf("vectors.schema.json", file)).toEqual([]);
      expect(file.suite).toBe(suite);
      for (const { op, context, vectors } of file.groups) {
        for (const { id, input, then } of vectors) {
          const whole = { ...context, ...input };
          expect(errorsOf(`operations.schema.json#/$defs/${op}.required`, whole), id).toEqual([]);
          if (then === undefined) continue;
          // The message of the result is put into it.
          const after = { ...then.input, message: { text: "" } };
          expect(errorsOf(`operations.schema.json#/$defs/${then.op}.input`, after), id).toEqual([]);
          expect(errorsOf(`operations.schema.json#/$defs/${then.op}.required`, after), id).toEqual([]);
          expect(errorsOf(`operations.schema.json#/$defs/${then.op}.result`, then.result), id).toEqual([]);
        }
      }
    });
  }

  test("members that the contract does not name are refused", () => {
    const file = read("framing.json") as { groups: { vectors: { input: Values; result: Values }[] }[] };
    const changed = (change: (vector: { input: Values; result: Values }) => void): unknown => {
      const clone = structuredClone(file);
      change(clone.groups[0]?.vectors[0] as { input: Values; result: Values });
      return errorsOf("vectors.schema.json", clone);
    };
    expect(changed(() => {})).toEqual([]);
    expect(changed(({ input }) => Object.assign(input, { extra: 1 }))).not.toEqual([]);
    expect(changed(({ result }) => Object.assign(result, { extra: 1 }))).not.toEqual([]);
    expect(changed((vector) => Object.assign(vector, { from: "framing/frame/text" }))).not.toEqual([]);
  });
});

describe("generation", () => {
  test("the files are what the generators make", () => {
    expect(differences(FOLDER, produced)).toEqual([]);
  });

  test("one changed byte in any file shows", () => {
    for (const name of [
      "framing.json",
      "keys.json",
      "MANIFEST.sha256",
      "README.md",
      "LICENSE",
      "schemas/keys.schema.json",
    ]) {
      const path = join(copy, name);
      const bytes = readFileSync(path);
      const changed = Buffer.from(bytes);
      changed[40] = (changed[40] as number) ^ 1;
      writeFileSync(path, changed);
      const expected = name.endsWith(".md") || !name.includes(".json") || name.includes("/") ? "MANIFEST.sha256" : name;
      expect(differences(copy, produced)[0], name).toMatch(new RegExp(`^${expected} differs from line [0-9]+ on$`));
      writeFileSync(path, bytes);
    }
    expect(differences(copy, produced)).toEqual([]);
  });

  test("a file too many and a file too few show, and writing mends it", () => {
    const [extra, missing] = [join(copy, "old.json"), join(copy, "limits.json")];
    writeFileSync(extra, "{}");
    rmSync(missing);
    const found = differences(copy, produced);
    expect(found).toContain("limits.json is missing");
    expect(found).toContain("old.json is made by no generator");
    rmSync(extra);
    write(copy, produced);
    expect(differences(copy, produced)).toEqual([]);
  });
});

describe("consistency", () => {
  test("every vector is in order", () => {
    expect(faults(produced.groups)).toEqual([]);
  });

  test("what is not in order is found", () => {
    const group = new Group("framing/x", { level: "L0", section: "envelope.md#3-wires", op: "frame.decode" });
    const ok = group.accept("a", "", ["wire:frame"], {});
    const faultsOf = (change: (copy: Group) => void): string[] => {
      const again = new Group("framing/x", group.options);
      again.vectors.push(...group.vectors);
      change(again);
      return faults(new Map<Suite, Group[]>([["framing", [again]]]));
    };
    expect(faultsOf(() => {})).toEqual([]);
    const nowhere = new Group("framing/x", { ...group.options, section: "envelope.md#3-wire" });
    expect(faults(new Map<Suite, Group[]>([["framing", [nowhere]]]))).toEqual([
      "framing/x: specs has no envelope.md#3-wire",
    ]);
    const id = "framing/x/b";
    expect(faultsOf((g) => g.accept("a", "", ["wire:frame"], {}))).toEqual([`${ok}: the id stands twice`]);
    expect(faultsOf((g) => g.accept("b", "", ["wire:none"], {}))).toEqual([`${id}: wire:none is no requirement`]);
    expect(faultsOf((g) => g.accept("b", "", [], {}))).toEqual([`${id}: no requirement`]);
    const refuse = (
      g: Group,
      from: string,
      verdict: readonly [string, "frame" | "encoding" | "claims"],
      more = {},
    ): unknown => g.refuse("b", from, "m", ["wire:frame"], {}, verdict, more);
    expect(faultsOf((g) => refuse(g, "a", ["E_CBOR", "encoding"]))).toEqual([]);
    expect(faultsOf((g) => refuse(g, "c", ["E_CBOR", "encoding"]))).toEqual([
      `${id}: framing/x/c is no accepted vector of this file`,
    ]);
    expect(faultsOf((g) => refuse(g, "a", ["E_CBOR", "frame"]))).toEqual([
      `${id}: E_CBOR does not belong to step frame`,
    ]);
    expect(faultsOf((g) => refuse(g, "a", ["TypeError", "claims"]))).toEqual([
      `${id}: the step of TypeError is local here`,
    ]);
    const more = { form: 1 };
    expect(faultsOf((g) => refuse(g, "a", ["E_CBOR", "encoding"], more))).toEqual([
      `${id}: a refused result has no member form`,
    ]);
  });

  test("a MUST counts as covered by a refused vector only", () => {
    const group = new Group("framing/x", { level: "L0", section: "envelope.md#3-wires", op: "frame.decode" });
    const open = (): readonly string[] =>
      uncovered(new Map<Suite, Group[]>([["framing", [group]]])).get("envelope.md") ?? [];
    group.accept("a", "", ["wire:frame"], {});
    expect(open()).toContain("wire:frame");
    group.refuse("b", "a", "m", ["wire:frame"], {}, ["E_CBOR", "encoding"]);
    expect(open()).not.toContain("wire:frame");
  });

  test("at least 600 vectors, 250 of them refused", () => {
    const vectors = [...produced.groups.values()].flat().flatMap((group) => group.vectors);
    expect(vectors.length).toBeGreaterThanOrEqual(600);
    expect(vectors.filter(({ result }) => !result.ok).length).toBeGreaterThanOrEqual(250);
    const sizes = Object.fromEntries(
      [...produced.groups].map(([suite, groups]) => [suite, groups.flatMap((g) => g.vectors).length]),
    );
    for (const [suite, least] of [
      ["framing", 90],
      ["jose", 60],
      ["claims", 170],
      ["limits", 35],
    ] as const) {
      expect(sizes[suite], suite).toBeGreaterThanOrEqual(least);
    }
  });
});
