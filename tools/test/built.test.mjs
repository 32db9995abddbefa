import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { checkBrowserBundle, checkBuiltOutput } from "../structure/built.mjs";
import { treeOnDisk } from "../structure/tree.mjs";
import { runStructureChecks } from "../structure.mjs";
import { GOOD, pack } from "./fixture.mjs";

describe("structure checks of the built output", () => {
  const folders = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  const onDisk = (files) => {
    const root = mkdtempSync(join(tmpdir(), "sealwire-structure-"));
    folders.push(root);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    return root;
  };
  const manifest = { "packages/client/package.json": pack("client") };
  const types = { "packages/client/dist/index.d.ts": "" };
  const bundle = (code) =>
    checkBrowserBundle(treeOnDisk(onDisk({ ...manifest, ...types, "packages/client/dist/index.js": code })));

  test("a sound build passes and tells its size", async () => {
    const { failures, notes } = await bundle("// no eval( here\nexport const a = 1;");
    expect(failures).toEqual([]);
    expect(notes.join()).toMatch(/kB gzip/);
  });
  test.each([
    ["node: imported", 'import { hkdf } from "node:crypto"; export const a = hkdf;', /index\.js:1 .*node:crypto/],
    ["node: imported later", 'export const a = (x) => import(/* @vite-ignore */ x ?? "node:crypto");', /node:crypto/],
    ["eval", "export const a = (x) => eval(x);", /holds .*eval\(/],
    ["new Function", "export const a = (x) => new Function(x);", /new Function/],
    ["an import that is nowhere", 'import { x } from "not-installed"; export const a = x;', /not-installed/],
  ])("the browser bundle fails for %s", async (_, code, message) => {
    const { ok, failures } = await bundle(code);
    expect(ok).toBe(false);
    expect(failures.join("\n")).toMatch(message);
  });
  test("a missing build fails with a clear message", async () => {
    const tree = treeOnDisk(onDisk(manifest));
    expect((await checkBrowserBundle(tree)).failures.join()).toMatch(/index\.js:1 is missing: run npm run build/);
    expect((await checkBuiltOutput(tree)).failures.join()).toMatch(/dist:1 is missing: run npm run build/);
  });
  test("a built file that is no JavaScript fails by name", async () => {
    const tree = treeOnDisk(onDisk({ ...manifest, ...types, "packages/client/dist/index.js": "\nconst = 1;" }));
    expect((await checkBuiltOutput(tree)).failures.join()).toMatch(/dist\/index\.js:2 cannot be read/);
  });
  test("an export that was not built fails", async () => {
    const tree = treeOnDisk(onDisk({ ...manifest, "packages/client/dist/index.js": "" }));
    expect((await checkBuiltOutput(tree)).failures).toEqual([
      "packages/client/dist/index.d.ts:1 is exported and was not built",
    ]);
  });
  test("eval in any built file fails, in a comment it does not", async () => {
    const built = { ...manifest, ...types, "packages/client/dist/index.js": "/* eval( */ export {};" };
    expect((await checkBuiltOutput(treeOnDisk(onDisk(built)))).failures).toEqual([]);
    const bad = { ...built, "packages/client/dist/deep/a.js": "export const a = (x) => eval(x);" };
    expect((await checkBuiltOutput(treeOnDisk(onDisk(bad)))).failures.join()).toMatch(/dist\/deep\/a\.js:1 holds/);
  });
  test("runStructureChecks runs all of them and names each", async () => {
    const results = await runStructureChecks(onDisk(GOOD));
    expect(new Set(results.map(({ name }) => name)).size).toBe(14);
    expect(results.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
      "built output: every export there, no eval",
      "client in a browser: no node:, no eval",
    ]);
  });
});
