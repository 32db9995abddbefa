import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const examples = [...readFileSync(at("../README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
  ([, text]) => text as string,
);

it.each([
  ["a pair", 0],
  ["a pair over the network", 1],
  ["the network", 2],
])(
  "the example of %s in README compiles in strict mode and does what it says",
  (_, i) => {
    expect(examples).toHaveLength(3);
    // Somewhere inside the repository, so that the packages are found as they are in an application.
    mkdirSync(at("../.cache/"), { recursive: true });
    const folder = mkdtempSync(at("../.cache/readme-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "example.ts"), examples[i] as string);
    const compilerOptions = { isolatedDeclarations: false, declaration: false, declarationMap: false };
    const config = { extends: at("../../../tsconfig.base.json"), compilerOptions, include: ["*.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    node(at("../../../node_modules/typescript/bin/tsc"), "-p", folder);
    expect(node("example.js")).toBe("it works\n");
  },
  60_000,
);
