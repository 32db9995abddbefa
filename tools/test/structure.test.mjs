import { describe, expect, test } from "vitest";
import { checkBorders, checkCoreDirection, checkCorePurity } from "../structure/imports.mjs";
import { checkContributing, checkPackages } from "../structure/packages.mjs";
import * as text from "../structure/text.mjs";
import { treeInMemory } from "../structure/tree.mjs";
import { GOOD, pack } from "./fixture.mjs";

const with_ = (changes) => {
  const files = { ...GOOD, ...changes };
  for (const [path, content] of Object.entries(changes)) if (content === undefined) delete files[path];
  return treeInMemory(files);
};
const todo = `TO${"DO"}`;
const host = `registry.${"npmjs"}.org`;

/** check, files changed, what the failure must say */
const CASES = [
  [
    checkCoreDirection,
    { "packages/core/src/wire/a.ts": '\nimport { k } from "../crypto/node.ts";' },
    /wire\/a\.ts:2 .*against the direction/,
  ],
  [
    checkCoreDirection,
    { "packages/core/src/wire/a.ts": 'import { k } from "#backend";' },
    /wire\/a\.ts:1 wire imports #backend/,
  ],
  [checkCoreDirection, { "packages/core/src/crypto/a.ts": 'export * from "../keys/jwk.ts";' }, /crypto\/a\.ts:1/],
  [
    checkCoreDirection,
    { "packages/core/src/keys/a.ts": 'const s = await import("../envelope/seal.ts");' },
    /keys\/a\.ts:1/,
  ],
  [checkCoreDirection, { "packages/core/src/envelope/a.ts": 'import "../session/open.ts";' }, /envelope\/a\.ts:1/],
  [
    checkCoreDirection,
    { "packages/core/src/replay/a.ts": 'import type { X } from "../session/open.ts";' },
    /replay\/a\.ts:1/,
  ],
  [checkCoreDirection, { "packages/core/src/session/a.ts": 'import { open } from "../index.ts";' }, /session\/a\.ts:1/],
  [checkCoreDirection, { "packages/core/src/errors.ts": 'import { b64 } from "./wire/b64.ts";' }, /errors\.ts:1/],
  [checkCoreDirection, { "packages/core/src/session/a.ts": "const m = await import(name);" }, /computed at run time/],
  [checkCoreDirection, { "packages/core/src/helpers/a.ts": "" }, /belongs to no layer/],
  [
    checkCoreDirection,
    { "packages/core/src/keys/a.ts": 'import x from "../../../client/src/index.ts";' },
    /outside of core\/src/,
  ],
  [
    checkCorePurity,
    { "packages/core/src/session/a.ts": 'import { setTimeout } from "node:timers";' },
    /a\.ts:1 imports node:timers/,
  ],
  [checkCorePurity, { "packages/core/src/keys/a.ts": 'import { webcrypto } from "node:crypto";' }, /keys\/a\.ts:1/],
  [checkCorePurity, { "packages/core/src/crypto/a.ts": 'import "./node-hmac.ts";' }, /a part of crypto\/node\.ts/],
  [
    checkCorePurity,
    { "packages/core/src/crypto/node-hmac/a.ts": 'import "node:crypto";' },
    /a\.ts:1 imports node:crypto/,
  ],
  [checkCorePurity, { "packages/core/src/session/a.ts": 'import { WebSocket } from "ws";' }, /core depends on/],
  [checkCorePurity, { "packages/core/src/session/a.ts": 'import WebSocket from "isomorphic-ws";' }, /core depends on/],
  [
    checkCorePurity,
    { "packages/core/package.json": pack("core", { dependencies: { uuid: "1.0.0" } }) },
    /depends on uuid/,
  ],
  ...[
    "setTimeout(f)",
    "setInterval(f)",
    "Date.now()",
    "new Date()",
    "performance.now()",
    "Math.random()",
    "crypto.getRandomValues(a)",
    "new WebSocket(u)",
  ].map((use, i) => [
    checkCorePurity,
    { [`packages/core/src/${["session", "envelope", "replay", "wire"][i % 4]}/a.ts`]: `\n${use};` },
    /a\.ts:2 uses/,
  ]),
  [checkBorders, { "packages/client/src/a.ts": 'import { s } from "@sealwire/server";' }, /never import each other/],
  [checkBorders, { "packages/server/src/a.ts": 'import { c } from "@sealwire/client";' }, /never import each other/],
  [checkBorders, { "packages/client/src/a.ts": 'import x from "../../core/src/errors.ts";' }, /another package's file/],
  [
    checkBorders,
    { "packages/client/test/b.test.ts": 'import x from "../../core/src/errors.ts";' },
    /another package's file/,
  ],
  [checkBorders, { "packages/client/src/a.ts": 'import x from "../../../tools/x.mjs";' }, /outside of its package/],
  [checkBorders, { "packages/client/src/a.ts": 'import x from "@sealwire/core/wire";' }, /does not export \.\/wire/],
  [
    checkBorders,
    { "packages/demo/src/a.ts": 'import x from "@sealwire/core/internal";' },
    /only client, server, conformance, testing, bench may look inside core/,
  ],
  [checkBorders, { "packages/demo/src/a.ts": 'import x from "@sealwire/core/internal/node";' }, /may look inside core/],
  [checkBorders, { "packages/server/src/a.ts": 'import x from "pino";' }, /not among the dependencies/],
  [checkPackages, { "packages/core/package.json": pack("core", { license: undefined }) }, /has no license/],
  [checkPackages, { "packages/core/package.json": pack("core", { exports: undefined }) }, /has no exports/],
  [checkPackages, { "packages/core/package.json": pack("core", { files: undefined }) }, /has no files/],
  [checkPackages, { "packages/core/LICENSE": undefined }, /core\/LICENSE:1 is not the LICENSE/],
  [checkPackages, { "packages/client/LICENSE": "another" }, /client\/LICENSE:1 is not the LICENSE/],
  [
    checkPackages,
    { "packages/demo/package.json": pack("demo", { private: true, engines: undefined }) },
    /has no engines/,
  ],
  [
    checkPackages,
    { "packages/core/package.json": pack("core", { engines: { node: ">=1.0.0" } }) },
    /differs from the root/,
  ],
  [checkPackages, { "packages/client/package.json": pack("client", { dependencies: { ws: "^8.0.0" } }) }, /pinned/],
  [
    checkPackages,
    { "packages/client/package.json": pack("client", { dependencies: { "@sealwire/core": "0.0.9" } }) },
    /0\.1\.0 in this repository/,
  ],
  [checkContributing, { "CONTRIBUTING.md": undefined }, /missing/],
  [checkContributing, { "CONTRIBUTING.md": "`jose` and `cbor-x`, ws without marks" }, /does not mention `ws`/],
  [text.checkSizes, { "packages/core/src/wire/long.ts": "x;\n".repeat(501) }, /long\.ts:501 has 501 lines/],
  [text.checkSizes, { "packages/conformance/drivers/go/long.go": "x\n".repeat(501) }, /long\.go:501 has 501 lines/],
  [text.checkSizes, { "tools/long.mjs": "x;\n".repeat(600) }, /tools\/long\.mjs/],
  [text.checkNoEval, { "tools/a.mjs": "\neval(x)" }, /a\.mjs:2 eval\(/],
  [text.checkNoEval, { "packages/core/src/wire/a.ts": 'const f = new Function("a", "b");' }, /a\.ts:1/],
  [text.checkNoEval, { "packages/core/src/wire/a.ts": "const f = globalThis.eval;" }, /a\.ts:1/],
  [text.checkTestsRun, { "packages/core/test/a.test.ts": 'test.only("a", f);' }, /\.only hides tests/],
  [text.checkTestsRun, { "packages/core/test/a.test.ts": 'test.only.each([])("a", f);' }, /\.only hides tests/],
  [text.checkTestsRun, { "packages/core/test/a.test.ts": 'test.todo("a");' }, /\.todo hides tests/],
  [text.checkTestsRun, { "packages/core/test/a.test.ts": 'test.skip("a", f);' }, /without a reason/],
  [
    text.checkTestsRun,
    { "packages/core/test/a.test.ts": "test('a', (context) => context.skip());" },
    /without a reason/,
  ],
  [text.checkLeftovers, { "packages/core/src/wire/a.ts": `// ${todo}: later` }, /a\.ts:1/],
  [text.checkLeftovers, { ".ci/run": `# FIX${"ME"}` }, /\.ci\/run:1/],
  [text.checkHabits, { "packages/core/src/wire/a.ts": "export default 1;" }, /default export/],
  [
    text.checkHabits,
    { "packages/core/src/wire/a.ts": "const a = 1;\nexport { a as default };" },
    /a\.ts:2 default export/,
  ],
  [text.checkHabits, { "packages/core/src/wire/a.ts": "export const enum A { B }" }, /enum/],
  [text.checkHabits, { "packages/server/src/a.ts": "console.error(1);" }, /console/],
  [text.checkHabits, { "packages/core/src/wire/a.ts": "export function then() {}" }, /named then/],
  [text.checkPlaces, { "README.md": `see https://${host}/x` }, /README\.md:1 names/],
  [text.checkPlaces, { "tools/a.mjs": `\nconst p = "${"/wo"}rk/x";` }, /a\.mjs:2 names/],
  [text.checkPlaces, { "tools/a.mjs": `cd ${"/ro"}ot/x` }, /a\.mjs:1 names/],
  [
    text.checkPlaces,
    { "tools/test/a.mjs": 'const u = new URL("../../../shared/a", import.meta.url);' },
    /a\.mjs:1 reaches out/,
  ],
  [text.checkPlaces, { ".npmrc": "fund=false\nregistry=https://mirror.example/" }, /\.npmrc:2/],
  [
    text.checkLockfile,
    { "package-lock.json": '{\n"resolved": "https://mirror.example/a.tgz" }' },
    /package-lock\.json:2 resolved/,
  ],
  [text.checkLockfile, { "package-lock.json": undefined }, /missing/],
];

describe("structure checks of the sources", () => {
  const checks = [...new Set(CASES.map(([check]) => check))];
  test.each(checks.map((check) => [check.name, check]))("%s holds for a sound tree", async (_, check) => {
    expect((await check(treeInMemory(GOOD))).failures).toEqual([]);
  });
  test.each(CASES.map(([check, files, message]) => [check.name, String(message), check, files, message]))(
    "%s fails: %s",
    (_name, _message, check, files, message) => {
      const { ok, failures } = check(with_(files));
      expect(ok).toBe(false);
      expect(failures.join("\n")).toMatch(message);
    },
  );

  test("comments, strings, templates and regular expressions are not code", () => {
    const source = [
      "// eval(x) test.only(",
      'const a = "eval(1)"; const b = `eval(\u0024{a /* eval( */} eval(`;',
      'const c = /["\'`]eval(/.test(a) ? 1 / 2 / 3 : `import x from "../crypto/node.ts"`;',
      "/* new Function */ retrieval(a);",
    ].join("\n");
    const tree = with_({ "packages/core/src/wire/a.ts": source });
    for (const check of [text.checkNoEval, text.checkTestsRun, checkCoreDirection])
      expect(check(tree).failures).toEqual([]);
  });

  test("a date of a given time is no clock", () => {
    const files = { "packages/core/src/session/a.ts": "const d = new Date(seconds * 1000);" };
    expect(checkCorePurity(with_(files)).failures).toEqual([]);
  });

  test("a skip with a reason passes", () => {
    const source =
      '// skip: needs a kernel with netem\ntest.skip("a", f);\ntest("b", (c) => c.skip("no browser here"));';
    expect(text.checkTestsRun(with_({ "packages/core/test/a.test.ts": source })).ok).toBe(true);
  });

  test("long files are notes before they are failures", () => {
    const { ok, notes } = text.checkSizes(with_({ "tools/a.mjs": "x;\n".repeat(301) }));
    expect(ok).toBe(true);
    expect(notes.join()).toMatch(/median \d+ lines.*tools\/a\.mjs has 301 lines/);
  });
});
