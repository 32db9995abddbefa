#!/usr/bin/env node
// npm run vectors: installs and builds what is missing, then generates test-vectors/ with the given arguments.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./lib/run.mjs";
import { prepare } from "./prepare.mjs";

const args = process.argv.slice(2);
const { write } = process.stdout;
// The JSON stands alone on the standard output.
if (args.includes("--json")) process.stdout.write = process.stderr.write.bind(process.stderr);
const ready = await prepare();
process.stdout.write = write;
if (!ready) process.exit(1);

const child = spawn(process.execPath, [join(root, "packages/conformance/dist/vectors/main.js"), ...args], {
  stdio: "inherit",
});
child.on("exit", (code) => process.exit(code ?? 1));
