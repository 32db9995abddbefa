import { describe, expect, test } from "vitest";
import { checkSpec } from "../spec/check.mjs";
import { plain, readProse, sameText } from "../spec/prose.mjs";
import { guessActor, requirementsFrom } from "../spec/write.mjs";

const PROSE = `# 1 Opening

The opener MUST reject a bad \`header\`, with E_FIXTURE. {#fixture:bad-header}
It may do other things. The sealer SHOULD be quick. {#fixture:quick}
`;
const PATH = "specs/fixture.md";
const JSON_PATH = "specs/requirements/fixture.json";
const ENTRY = {
  slug: "fixture:bad-header",
  level: "MUST",
  actor: "opener",
  text: "The opener MUST reject a bad header, with E_FIXTURE.",
  section: "1",
  since: "0.1.0",
};
const QUICK = {
  slug: "fixture:quick",
  level: "SHOULD",
  actor: "sealer",
  text: "The sealer SHOULD be quick.",
  section: "1",
  since: "0.1.0",
};

const vectorsOf = (vector) => JSON.stringify({ groups: [{ vectors: [{ req: ["fixture:bad-header"], ...vector }] }] });
const VECTORS = vectorsOf({ result: { ok: false, error: "E_FIXTURE" } });

const files = ({
  prose = PROSE,
  entries = [ENTRY, QUICK],
  tests = 'test("x [fixture:bad-header]")',
  vectors = VECTORS,
  more = {},
} = {}) => ({
  prose: { [PATH]: prose },
  requirements: { [JSON_PATH]: JSON.stringify({ document: "fixture.md", requirements: entries }, undefined, 2) },
  errors: JSON.stringify({ errors: [{ code: "E_FIXTURE" }] }),
  tests: { "packages/core/test/a.test.ts": tests, "test-vectors/a.json": vectors },
  live: {},
  unobservable: JSON.stringify({ requirements: [] }),
  ...more,
});
const faults = (change) => checkSpec(files(change)).failures.join("\n");

describe("spec checker", () => {
  test("a sound spec passes", () => expect(checkSpec(files())).toEqual({ failures: [], count: 2 }));

  test.each([
    [
      "a MUST without a slug",
      { prose: `${PROSE}\nThe sealer MUST pad.\n` },
      /fixture\.md:6 a MUST without a slug: The sealer MUST pad/,
    ],
    ["a MUST NOT in a list", { prose: `${PROSE}\n- The sealer MUST NOT pad.\n` }, /:6 a MUST without a slug/],
    [
      "REQUIRED in a table",
      { prose: `${PROSE}\n| a | b |\n|---|---|\n| \`x\` | REQUIRED |\n` },
      /:8 a MUST without a slug/,
    ],
    [
      "SHALL on a continued line",
      { prose: `${PROSE}\nOne line. The sealer\nSHALL pad.\n` },
      /:6 a MUST without a slug: The sealer SHALL pad/,
    ],
    [
      "two sentences, one slug",
      { prose: `${PROSE}\nA MUST b. C MUST d. {#fixture:d}\n` },
      /:6 a MUST without a slug: A MUST b/,
    ],
    [
      "a slug used twice",
      { prose: `${PROSE}\nThe sealer SHOULD run. {#fixture:quick}\n` },
      /:6 fixture:quick is used twice, first in specs\/fixture\.md:4/,
    ],
    ["a slug in no requirements file", { entries: [ENTRY] }, /:4 fixture:quick is in no requirements file/],
    [
      "a requirement without prose",
      { entries: [ENTRY, QUICK, { ...QUICK, slug: "fixture:gone" }] },
      /fixture:gone is nowhere in the prose/,
    ],
    ["a requirement listed twice", { entries: [ENTRY, QUICK, QUICK] }, /fixture:quick is listed twice/],
    [
      "another text",
      { entries: [{ ...ENTRY, text: "The opener MUST reject." }, QUICK] },
      /fixture\.json:5 fixture:bad-header differs/,
    ],
    ["another level", { entries: [{ ...ENTRY, level: "MUST NOT" }, QUICK] }, /is MUST NOT, its sentence says MUST/],
    ["another section", { entries: [{ ...ENTRY, section: "2" }, QUICK] }, /is in section 1, not 2/],
    ["an unknown level", { entries: [{ ...ENTRY, level: "SHALL" }, QUICK] }, /unknown level SHALL/],
    ["a missing field", { entries: [{ ...ENTRY, since: "" }, QUICK] }, /has no since/],
    ["an unknown field", { entries: [{ ...ENTRY, note: "x" }, QUICK] }, /unknown field note/],
    [
      "two keywords",
      { prose: PROSE.replace("be quick", "be quick and MAY rest") },
      /fixture:quick has two keywords: SHOULD, MAY/,
    ],
    ["no keyword", { prose: PROSE.replace("SHOULD", "should") }, /stands at a sentence without a keyword/],
    ["a malformed anchor", { prose: PROSE.replace("{#fixture:quick}", "{#Quick}") }, /\{#Quick\} is no anchor/],
    [
      "a MUST that no test cites",
      { tests: "fixture:bad-header without its brackets", vectors: vectorsOf({ req: [], result: { ok: true } }) },
      /:3 fixture:bad-header is cited by no test/,
    ],
    ["an unknown error code", { prose: `${PROSE}\n\`\`\`\nE_NOWHERE\n\`\`\`\n` }, /:7 E_NOWHERE is not in/],
    ["JSON that is none", { more: { requirements: { [JSON_PATH]: "{" } } }, /fixture\.json:1/],
    ["JSON of another shape", { more: { requirements: { [JSON_PATH]: "[]" } } }, /fixture\.json:1 is not/],
    [
      "another document",
      { more: { requirements: { [JSON_PATH]: JSON.stringify({ document: "b.md", requirements: [ENTRY, QUICK] }) } } },
      /stands in fixture\.md, not b\.md/,
    ],
  ])("fails: %s", (_, change, message) => expect(faults(change)).toMatch(message));

  test.each([
    ["a code fence", "```\nThe sealer MUST pad.\n```"],
    ["inline code", "The word `MUST` and the anchor `{#a:b}` are explained."],
    ["a comment", "<!-- The sealer MUST pad. -->"],
    ["lower case", "The sealer must pad, which obliges nobody."],
    ["a SHOULD without a slug", "The sealer SHOULD rest."],
    ["a code pattern", "Codes look like `E_…` or E_*."],
  ])("passes: %s", (_, more) => expect(faults({ prose: `${PROSE}\n${more}\n` })).toBe(""));

  test("the paragraph of BCP 14 is excused in conventions.md only", () => {
    const paragraph =
      'The key words "MUST", "NOT RECOMMENDED" are as in BCP 14 [RFC2119]\nwhen, and only when, in capitals.';
    expect(readProse("conventions.md", paragraph).units).toEqual([]);
    expect(readProse("envelope.md", paragraph).units[0].must).toBe(true);
  });

  test("a vector cites a slug as a string", () => {
    expect(faults({ tests: "" })).toBe("");
  });
});

describe("negatives", () => {
  const list = (entry) => ({
    unobservable: JSON.stringify({ requirements: [{ slug: "fixture:bad-header", reason: "r", ...entry }] }),
  });
  const test1 = { test: "packages/core/test/a.test.ts" };

  test("a MUST that is only ever met", () =>
    expect(faults({ vectors: vectorsOf({ result: { ok: true } }) })).toMatch(/fixture:bad-header has no negative/));
  test.each([
    ["an outcome inside a script", { result: { ok: true, steps: [{ error: { error: "E_FIXTURE" } }] } }],
    ["a verdict in a list", { result: { ok: true, verdicts: ["ok", "E_FIXTURE"] } }],
    ["a mistake of the caller", { result: { ok: false, error: "TypeError" } }],
    ["the second operation", { result: { ok: true }, then: { result: { ok: false, error: "E_FIXTURE" } } }],
  ])("counts: %s", (_name, vector) => expect(faults({ vectors: vectorsOf(vector) })).toBe(""));
  test("counts: a live check", () =>
    expect(
      faults({
        vectors: vectorsOf({ result: { ok: true } }),
        more: { live: { "packages/conformance/src/live/a.ts": '["fixture:bad-header"]' } },
      }),
    ).toBe(""));
  test("counts: an entry whose test cites it", () =>
    expect(faults({ vectors: vectorsOf({ result: { ok: true } }), more: list(test1) })).toBe(""));
  test.each([
    ["an entry whose test does not cite it", { test: "packages/core/test/b.test.ts" }, {}, /does not cite it/],
    ["an entry without a reason", { ...test1, reason: "" }, {}, /has no reason/],
    ["a stale entry", test1, { vectors: VECTORS }, /has a negative by now/],
    ["an entry for nothing", { ...test1, slug: "fixture:gone" }, { vectors: VECTORS }, /is no MUST/],
  ])("fails: %s", (_name, entry, change, expected) =>
    expect(faults({ vectors: vectorsOf({ result: { ok: true } }), ...change, more: list(entry) })).toMatch(expected),
  );
});

describe("the table of attacks", () => {
  const attack = (text) => ({ prose: { [PATH]: PROSE, "specs/security.md": text } });
  test("a row whose requirement a vector breaks", () =>
    expect(faults({ more: attack("| 1 | theft | `fixture:bad-header` |\n") })).toBe(""));
  test.each([
    ["a row without a requirement", "| 1 | theft | vigilance |\n", /attack 1: no vector shows it/],
    ["a row whose requirement nothing breaks", "| 2 | theft | `fixture:quick` |\n", /attack 2: .*fixture:quick/],
    ["no table", "nothing\n", /no table of attacks/],
  ])("fails: %s", (_name, text, expected) => expect(faults({ more: attack(text) })).toMatch(expected));
});

describe("reading prose", () => {
  const texts = (markdown) => readProse("a.md", markdown).units.map(({ text }) => text);
  test("sentences end where sentences end", () => {
    expect(texts("A is 3.5 bytes, e.g. The last. {#a:b} B (see `x. Y`) ends! `c` follows? Yes.")).toEqual([
      "A is 3.5 bytes, e.g. The last.",
      "B (see x. Y) ends!",
      "c follows?",
      "Yes.",
    ]);
  });
  test("list items, quotes and continued lines", () => {
    expect(texts("1. One\n   goes on\n2. Two\n   - Three\n\n> Four\n> on")).toEqual([
      "One goes on",
      "Two",
      "Three",
      "Four on",
    ]);
  });
  test("rows of tables are one unit, or one for each anchored cell", () => {
    const [row] = readProse("a.md", "| `a|b` | it MUST x {#r:one} |").units;
    expect([row.text, row.slug]).toEqual(["a|b | it MUST x", "r:one"]);
    const rows = readProse("a.md", "| A MUST x {#r:one} | B MUST y {#r:two} |").units;
    expect(rows.map(({ slug }) => slug)).toEqual(["r:one", "r:two"]);
  });
  test("sections are numbers where headings have them", () => {
    const units = readProse("a.md", "## 3.2 Title\nA.\n## Words only\nB.\n").units;
    expect(units.map(({ section }) => section)).toEqual(["3.2", "Words only"]);
  });
  test("markdown goes, inline code stays", () => {
    expect(plain("A *b* _c_ **d** [e](f.md) `__proto__` `0|[1-9]*` snake_case \\*g {#h:i}")).toBe(
      "A b c d e __proto__ 0|[1-9]* snake_case *g",
    );
    expect(sameText("The `a[0](b)` *x*\n`__y__`. {#a:b}", "The a[0](b) x __y__.")).toBe(true);
    expect(sameText("A MUST b.", "A MUST c.")).toBe(false);
  });
});

describe("writing requirements", () => {
  test("text, level and section follow the prose; actor and since stay", () => {
    const old = { ...ENTRY, level: "MAY", text: "old", section: "9", actor: "kept", since: "0.0.1" };
    const written = requirementsFrom(files({ entries: [old] }), "0.2.0");
    expect(JSON.parse(written[JSON_PATH])).toEqual({
      document: "fixture.md",
      requirements: [
        { ...ENTRY, actor: "kept", since: "0.0.1" },
        { ...QUICK, since: "0.2.0" },
      ],
    });
    expect(checkSpec({ ...files(), requirements: written }).failures).toEqual([]);
  });
  test.each([
    ["The opener MUST reject.", "opener"],
    ["An endpoint that waits SHOULD stop.", "endpoint"],
    ["When the window is full, the server MUST close.", "server"],
    ["SH | the client MUST check it", "client"],
    ["MUST", "implementation"],
  ])("%s: %s", (text, actor) => expect(guessActor(text)).toBe(actor));
});
