import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { connect as tcp } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateKey } from "@sealwire/client";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { listen } from "./support/world.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const SERVER_ID = "https://chat.example";

/** The programs of README, in their order: client, server, topics, keys, policy, schemas, a session that lasts, envelopes. */
const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
  (m) => m[1],
);
const [client, server, chat, keys, policy, topics, lasting, envelope] = blocks as string[] as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];

let folder: string;
let port: number;
let idp: string;
const http = createHttp();

/** Somewhere inside the repository, so that the packages are found as they are in an application. */
beforeAll(async () => {
  const cache = fileURLToPath(new URL("../.cache/", import.meta.url));
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "readme-"));
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" };
  idp = `http://127.0.0.1:${await listen(http)}`;
  http.on("request", (req, res) => {
    if (req.url === "/jwks") res.end(JSON.stringify({ keys: [jwk] }));
    else if (req.url === "/token") void issue(privateKey).then((token) => res.end(token));
    else res.writeHead(404).end();
  });
  const free = createHttp();
  port = await listen(free);
  await new Promise((resolve) => free.close(resolve));
  await write();
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", folder], { stdio: "pipe", encoding: "utf8" });
}, 60_000);

afterAll(() => {
  http.close();
  rmSync(folder, { recursive: true, force: true });
});

const issue = (key: CryptoKey) =>
  new SignJWT({ sub: "alice", scope: "chat.join chat.say chat.msg" })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: "1" })
    .setIssuer(idp)
    .setAudience(SERVER_ID)
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(key);

async function write(): Promise<void> {
  const { privateJwk, publicJwk } = await generateKey();
  const file = (name: string, text: string | object) =>
    writeFileSync(join(folder, name), typeof text === "string" ? text : JSON.stringify(text));
  file("package.json", { type: "module" });
  file("tsconfig.json", {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: {
      isolatedDeclarations: false,
      declaration: false,
      declarationMap: false,
      resolveJsonModule: true,
    },
    include: ["*.ts"],
  });
  // As the program below makes them; it is run beside them.
  file("server.jwks.json", { keys: [publicJwk] });
  const identity = JSON.stringify({ id: SERVER_ID, keys: [privateJwk] });
  file("keys.ts", keys);
  file(
    "config.ts",
    [
      'import type { ServerOptions } from "@sealwire/server";',
      `export const identity: ServerOptions["identity"] = ${identity};`,
      `export const idp = ${JSON.stringify(idp)};`,
    ].join("\n"),
  );
  file("chat.ts", chat);
  file("envelope.ts", envelope);
  file("policy.ts", policy);
  file("topics.ts", topics);
  // Compiled alone: what it does takes a failing network, and is tested where there is one.
  file("lasting.ts", lasting);
  // Addresses, and nothing else, are those of this machine.
  const clientHere = replaced(
    client,
    [`wss://chat.example/ws`, `ws://127.0.0.1:${port}/ws`],
    ["https://chat.example/token", `${idp}/token`],
  );
  const serverHere = replaced(server, ["listen(8080)", `listen(${port}, "127.0.0.1")`]);
  file("client.ts", clientHere);
  file("server.ts", serverHere);
  // As README says: the definition in place of the interface, the policy in place of the function.
  const interfaceImport = ['import type { Chat } from "./chat.js";', 'import { topics } from "./topics.js";'] as const;
  file(
    "client-topics.ts",
    replaced(clientHere, interfaceImport, ["connect<Chat>", "connect"], ["server: {", "topics, server: {"]),
  );
  file(
    "server-topics.ts",
    replaced(
      serverHere,
      interfaceImport,
      ["createServer<Chat>({", "createServer({ topics,"],
      ["authorize: ({ principal, topic }) => principal.scopes.has(topic)", "authorize"],
      ["import { identity", 'import { authorize } from "./policy.js";\nimport { identity'],
    ),
  );
}

function replaced(text: string, ...pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((t, [from, to]) => {
    expect(t.split(from)).toHaveLength(2);
    return t.replace(from, to);
  }, text);
}

function run(program: string): { process: ChildProcess; output: () => string; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [program], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { process: child, output: () => output, ended };
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

it("README has its programs and their topics", () => {
  expect(client).toContain('from "@sealwire/client"');
  expect(server).toContain('from "@sealwire/server"');
  expect(chat).toContain("export interface Chat");
  expect(keys).toContain("generateKey()");
  expect(policy).toContain("policy([");
  expect(topics).toContain("defineTopics({");
  expect(lasting).toContain("onUndetermined(");
  expect(envelope).toContain("await seal(");
});

it("the program that makes the server's key makes one that clients can pin", async () => {
  const elsewhere = mkdtempSync(join(folder, "keys-"));
  execFileSync(process.execPath, ["../keys.js"], { cwd: elsewhere });
  const read = (name: string) => JSON.parse(readFileSync(join(elsewhere, name), "utf8"));
  const [{ id, keys: secret }, { keys: pinned }] = [read("identity.json"), read("server.jwks.json")];
  expect([id, Object.keys(secret[0])]).toEqual([SERVER_ID, expect.arrayContaining(["d"])]);
  expect(Object.keys(pinned[0])).not.toContain("d");
  expect(pinned).toEqual([expect.objectContaining({ x: secret[0].x, y: secret[0].y })]);
  expect(statSync(join(elsewhere, "identity.json")).mode & 0o77).toBe(0);
});

it("the program with an envelope says what its comments say", async () => {
  const program = run("envelope.js");
  expect([await program.ended, program.output()]).toEqual([0, "https://till.example { amount: 100 }\nE_REPLAY\n"]);
});

it.each([
  ["they", "server.js", "client.js"],
  ["with schemas and policy they", "server-topics.js", "client-topics.js"],
])(
  "%s compile in strict mode and do what they say",
  async (_, serverProgram, clientProgram) => {
    const program = run(serverProgram);
    try {
      await Promise.race([listening(), program.ended.then(() => Promise.reject(new Error(program.output())))]);
      for (let i = 0; i < 2; i++) {
        const user = run(clientProgram);
        const code = await user.ended;
        expect([code, user.output()]).toEqual([0, "alice: hello, 1 of you\n"]);
      }
      expect(program.output()).toBe("");
    } finally {
      program.process.kill();
      await program.ended;
    }
  },
  40_000,
);
