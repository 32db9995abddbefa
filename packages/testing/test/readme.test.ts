import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

it("the example of README compiles in strict mode and does what it says", () => {
  const example = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(at("../README.md"), "utf8"))?.[1] as string;
  // Somewhere inside the repository, so that the packages are found as they are in an application.
  mkdirSync(at("../.cache/"), { recursive: true });
  const folder = mkdtempSync(at("../.cache/readme-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "example.ts"), example);
  const compilerOptions = { isolatedDeclarations: false, declaration: false, declarationMap: false };
  const config = { extends: at("../../../tsconfig.base.json"), compilerOptions, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  node(at("../../../node_modules/typescript/bin/tsc"), "-p", folder);
  expect(node("example.js")).toBe("it works\n");
}, 60_000);
