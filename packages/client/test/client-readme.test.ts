import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { serverKeys, startWorld, token } from "./support/world.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const [reconnect, refresh, logout] = [
  ...readFileSync(at("../README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm),
].map((match) => match[1]) as [string, string, string];

it("the examples of README compile in strict mode, and that of reconnecting does what it says", async () => {
  const world = await startWorld();
  world.sealwire.handle("order.count", () => 1);
  // Somewhere inside the repository, so that the packages are found as they are in an application.
  mkdirSync(at("../.cache/"), { recursive: true });
  const folder = mkdtempSync(at("../.cache/client-readme-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const plain = { isolatedDeclarations: false, declaration: false, declarationMap: false };
  const compilerOptions = { ...plain, resolveJsonModule: true };
  file("package.json", '{ "type": "module" }');
  file(
    "tsconfig.json",
    JSON.stringify({ extends: at("../../../tsconfig.base.json"), compilerOptions, include: ["*.ts"] }),
  );
  file("server.jwks.json", JSON.stringify(serverKeys));
  const given = JSON.stringify(await token());
  file(
    "login.ts",
    `export const getToken = async (signal: AbortSignal): Promise<string> => (signal.throwIfAborted(), ${given});
export const getTokenFor = async (jkt: string, signal: AbortSignal): Promise<string> => jkt + (await getToken(signal));`,
  );
  // The address alone is that of this machine.
  expect(reconnect.split("wss://chat.example/ws")).toHaveLength(2);
  file("reconnect.ts", reconnect.replace("wss://chat.example/ws", world.url));
  file("refresh.ts", refresh);
  file("logout.ts", logout);
  const tsc = at("../../../node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8", stdio: "pipe" });
  const said = await new Promise((resolve) => {
    execFile(process.execPath, ["reconnect.js"], { cwd: folder }, (error, stdout, stderr) =>
      resolve(error?.message ?? stdout + stderr),
    );
  });
  expect(said).toBe("1\nclosed\n1000 undefined []\n");
}, 60_000);
