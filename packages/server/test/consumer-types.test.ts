// What a project's own compiler makes of the built packages, as it looks at all that they declare.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const SERVER = `
import { connect, generateKey, generateProofKey } from "@sealwire/client";
import { type GeneratedKey, generateRecipientKey, open, seal } from "@sealwire/core";
import { createDevelopmentIssuer } from "@sealwire/issuer";
import { createServer } from "@sealwire/server";

export const identity = await generateKey();
export const recipient = await generateRecipientKey();
export const proof = await generateProofKey();
export const same: GeneratedKey = identity;
export const used: unknown = [connect, createDevelopmentIssuer, createServer, open, seal];
// @ts-expect-error it is a key pair, and not any
export const wrong: number = await generateProofKey();
`;

const CLIENT = `
import { connect, createProofKeyStore, generateProofKey } from "@sealwire/client";

export const pair: CryptoKeyPair = await generateProofKey();
export const session = await connect("wss://chat.example", {
  server: { id: "https://chat.example", keys: { keys: [] } },
  token: async () => "",
  proof: pair,
});
export const store = createProofKeyStore();
`;

/** The files that the compiler read. */
function compiled(source: string, lib: readonly string[], types: readonly string[]): readonly string[] {
  mkdirSync(at("../.cache/"), { recursive: true });
  const folder = mkdtempSync(at("../.cache/consumer-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "consumer.ts"), source);
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, declaration: true };
  const compilerOptions = { target: "es2022", module: "nodenext", lib, types, noEmit: true, ...strict };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  const args = [at("../../../node_modules/typescript/bin/tsc"), "-p", folder, "--listFiles"];
  try {
    return execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).split("\n");
  } catch (error) {
    throw new Error((error as { readonly stdout: string }).stdout);
  }
}

it("a server without the types of a browser, and without those of ws", () => {
  const files = compiled(SERVER, ["es2023"], ["node"]);
  expect(files.filter((file) => file.includes("/packages/server/dist/"))).not.toEqual([]);
  expect(files.filter((file) => /@types\/ws|lib\.dom/.test(file))).toEqual([]);
}, 60_000);

it("a client with the types of a browser, and without those of Node", () => {
  const files = compiled(CLIENT, ["es2023", "dom"], []);
  expect(files.filter((file) => file.includes("/packages/client/dist/"))).not.toEqual([]);
  expect(files.filter((file) => file.includes("/@types/"))).toEqual([]);
}, 60_000);
