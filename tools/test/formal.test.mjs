import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { proverifText, readModels, readSearch } from "../lib/formal.mjs";
import { root } from "../lib/run.mjs";

const folder = join(root, "specs/formal");
const source = (file) => readFileSync(join(folder, file), "utf8");
const { spin, proverif } = readModels();

describe("what a search says", () => {
  const searched = "State-vector 152 byte, depth reached 197, errors: 0\n    16805 states, stored\n";

  test("holds only where all was searched", () => {
    expect(readSearch(searched)).toEqual({ verdict: "holds", states: 16_805, violated: "" });
    expect(readSearch(`error: max search depth too small\n${searched}`).verdict).toBe("incomplete");
    expect(readSearch(`pan: reached -DMEMLIM bound\n${searched}`).verdict).toBe("incomplete");
    expect(readSearch(`Warning: Search not completed\n${searched}`).verdict).toBe("incomplete");
    expect(readSearch("errors: 0\n").verdict).toBe("incomplete");
    expect(readSearch("spin: syntax error").verdict).toBe("incomplete");
  });

  test("fails only at an assertion, and says which", () => {
    const output = "pan:1: assertion violated (cround<1) (at depth 132)\nerrors: 1\n 125 states, stored\n";
    expect(readSearch(output)).toEqual({ verdict: "fails", states: 125, violated: "(cround<1)" });
    expect(readSearch("pan:1: invalid end state (at depth 3)\nerrors: 1\n 5 states, stored\n").verdict).toBe(
      "incomplete",
    );
  });
});

describe("models.json", () => {
  test("names every file, and no other", () => {
    const named = new Set([...spin, ...proverif].map(({ file }) => file));
    expect([...named].sort()).toEqual(
      readdirSync(folder)
        .filter((file) => /\.(pml|pv)$/.test(file))
        .sort(),
    );
  });

  test("has for every file a model that holds and says what it leaves out", () => {
    for (const file of new Set([...spin, ...proverif].map((model) => model.file))) {
      for (const heading of ["Models:", "Rules:", "Shows:", "Leaves out:"]) expect(source(file)).toContain(heading);
      const own = [...spin, ...proverif].filter((model) => model.file === file);
      expect(own.some(({ expected }) => expected === "holds" || expected === "true")).toBe(true);
    }
  });

  test("has no case twice, and no control that could fail anywhere", () => {
    const cases = [...spin, ...proverif].map(({ file, name }) => `${file}: ${name}`);
    expect(new Set(cases).size).toBe(cases.length);
    for (const { name, expected, violates } of spin)
      expect([name, violates !== undefined]).toEqual([name, expected === "fails"]);
  });

  test.each(spin)("$file, $name: its defines do something", ({ file, defines }) => {
    for (const define of defines) {
      expect(source(file)).toMatch(new RegExp(`^#(ifdef|ifndef) ${define.replace(/=.*/, "")}$`, "m"));
    }
  });

  test("uses every switch of a Spin model", () => {
    for (const file of new Set(spin.map((model) => model.file))) {
      const switches = [...source(file).matchAll(/^#ifn?def (\w+)$/gm)].map((match) => match[1]);
      const used = spin.filter((model) => model.file === file).flatMap(({ defines }) => defines);
      const unused = switches.filter((name) => !new RegExp(`\\b${name}\\b`).test(used.join(" ")));
      // A bound has a default, and need not be changed by a case.
      const bound = (name) => new RegExp(`^#define ${name} \\d`, "m").test(source(file));
      expect(unused.filter((name) => !bound(name))).toEqual([]);
    }
  });

  test.each(proverif)("$file, $name: its edits and queries are there", (model) => {
    const text = proverifText(source(model.file), model);
    expect([...text.matchAll(/^\(\*([QR]\d+)\*\) query/gm)].map((match) => match[1])).toEqual(model.queries);
    expect(() => proverifText("", { ...model, edits: [["absent", ""]] })).toThrow("does not hold");
  });

  test("cites requirements that exist", () => {
    const requirements = join(root, "specs/requirements");
    const slugs = new Set(
      readdirSync(requirements).flatMap((file) =>
        JSON.parse(readFileSync(join(requirements, file), "utf8")).requirements.map(({ slug }) => slug),
      ),
    );
    for (const { name, rules } of [...spin, ...proverif]) {
      for (const rule of rules) expect([name, rule, slugs.has(rule)]).toEqual([name, rule, true]);
    }
  });
});
