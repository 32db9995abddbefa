import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer } from "@sealwire/server";
import { expect, it, onTestFinished } from "vitest";
import { serverOptions } from "../support/world.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const readme = readFileSync(join(root, "packages/server/README.md"), "utf8");
const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((m) => m[1] as string);
const program = blocks.find((block) => block.includes("export const tokens"));

it("README's policies compile in strict mode, and a server takes them", async () => {
  const cache = join(root, "packages/server/.cache/");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "readme-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "tokens.ts"), program as string);
  const config = { extends: join(root, "tsconfig.base.json"), include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", folder], { stdio: "pipe" });
  const { tokens } = await import(join(folder, "tokens.js"));
  expect(() => createServer(serverOptions({ tokens }))).not.toThrow();
}, 60_000);
