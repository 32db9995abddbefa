import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { connect as tcp } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ISSUER, identityKey, issuer, jwksOf, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { rawSession } from "./support/raw.ts";
import { failure, listen, startWorld } from "./support/world.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const blocks = [
  ...readFileSync(join(root, "packages/server/README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm),
].map((m) => m[1] as string);

/** The one program of README that has `mark`. */
function program(mark: string): string {
  const [found, ...more] = blocks.filter((block) => block.includes(mark));
  expect([mark, found !== undefined, more.length]).toEqual([mark, true, 0]);
  return found as string;
}

let folder: string;
let port: number;

/** Somewhere inside the repository, so that the packages are found as they are in an application. */
beforeAll(async () => {
  const cache = join(root, "packages/server/.cache/");
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "programs-"));
  const free = createHttp();
  port = await listen(free);
  await new Promise((resolve) => free.close(resolve));
  const file = (name: string, text: string | object) =>
    writeFileSync(join(folder, name), typeof text === "string" ? text : JSON.stringify(text));
  const plain = { isolatedDeclarations: false, declaration: false, declarationMap: false };
  file("package.json", { type: "module" });
  file("tsconfig.json", {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: { ...plain, resolveJsonModule: true },
    include: ["*.ts"],
  });
  file("server.jwks.json", serverJwks);
  const identity = { id: SERVER_ID, keys: [identityKey.privateJwk] };
  const options = `${JSON.stringify({ identity, tokens: { issuer: ISSUER, keys: jwksOf(issuer) } })}`;
  file(
    "config.ts",
    `import type { ServerOptions } from "@sealwire/server";
export const options: ServerOptions = { ...(${options} as const), authorize: () => true };`,
  );
  file(
    "login.ts",
    `import type { IncomingMessage } from "node:http";
const token = process.argv[2] === "bad" ? "bad" : ${JSON.stringify(await token())};
export const getToken = async (signal: AbortSignal): Promise<string> => (signal.throwIfAborted(), token);
export const accessTokenOf = async (request: IncomingMessage): Promise<string> => (request.method === "POST" ? token : "");
export const logins = new Map([["of-alice", { user: "alice" }], ["of-bob", { user: "bob" }]]);`,
  );
  // Addresses, and nothing else, are those of this machine.
  const here = (text: string) =>
    text
      .replace("http.listen(8080)", `http.listen(${port}, "127.0.0.1")`)
      .replaceAll("wss://chat.example/", `ws://127.0.0.1:${port}/`)
      .replaceAll("https://chat.example/ticket", `http://127.0.0.1:${port}/ticket`);
  file("upgrade-server.ts", here(program("verifyAtUpgrade: true")));
  file("upgrade-client.ts", here(program('tokenAtUpgrade: "subprotocol"')));
  file("ticket-server.ts", here(program("createTickets()")));
  file("ticket-page.ts", here(program('tokenAtUpgrade: "ticket"')));
  file("factor.ts", program("__Host-"));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", folder], { stdio: "pipe", encoding: "utf8" });
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Resolves with what the program said, once it has ended. */
const said = (...args: string[]): Promise<string> =>
  new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (_, stdout, stderr) => resolve(stdout + stderr));
  });

async function serving(name: string, use: () => Promise<void>): Promise<void> {
  const server: ChildProcess = spawn(process.execPath, [name], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  try {
    await Promise.race([listening(), ended.then(() => Promise.reject(new Error(`${name} ended`)))]);
    await use();
  } finally {
    server.kill();
    await ended;
  }
}

async function listening(): Promise<void> {
  for (;;) {
    const socket = tcp(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("the programs of README compile in strict mode, and", () => {
  it("a token goes with the upgrade, by header and by subprotocol; a bad one is refused before the 101", async () => {
    await serving("upgrade-server.js", async () => {
      expect(await said("upgrade-client.js")).toBe("alice alice\n");
      const refused = await said("upgrade-client.js", "bad");
      expect(refused).toContain("E_AUTH_REQUIRED");
      expect(refused).toContain("the upgrade was answered with 401");
    });
  }, 40_000);

  it("a page gets a ticket for its key, and a session with it", async () => {
    await serving("ticket-server.js", async () => {
      expect(await said("ticket-page.js")).toBe("alice\n");
      const refused = await fetch(`http://127.0.0.1:${port}/ticket?jkt=short`, { method: "POST" });
      expect(refused.status).toBe(400);
    });
  }, 40_000);

  it("a cookie is an additional factor", async () => {
    const { factor } = await import(join(folder, "factor.js"));
    const world = await startWorld(factor);
    const headers = (login: string) => ({ cookie: `__Host-session=${login}`, origin: "https://chat.example" });
    await rawSession(world, { headers: headers("of-alice") });
    for (const login of ["of-bob", "of-nobody"])
      expect(await failure(rawSession(world, { headers: headers(login) }))).toMatchObject({ code: "E_FORBIDDEN" });
  });
});
