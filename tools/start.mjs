#!/usr/bin/env node
// npm start: installs and builds what is missing, then runs the demo with the given arguments.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { line, red } from "./lib/report.mjs";
import { root } from "./lib/run.mjs";
import { prepare } from "./prepare.mjs";

if (!(await prepare())) process.exit(1);
const main = join(root, "packages/demo/dist/main.js");
if (!existsSync(main)) {
  line(`${red("✗")} The build left no packages/demo/dist/main.js.`);
  process.exit(1);
}

const child = spawn(process.execPath, [main, ...process.argv.slice(2)], { stdio: "inherit" });
const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
for (const signal of signals) {
  // Ctrl-C at a terminal reaches the whole process group: the child has it already.
  process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
}
child.on("error", (error) => {
  line(`${red("✗")} ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (!signal) process.exit(code ?? 1);
  for (const name of signals) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});
