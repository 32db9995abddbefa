#!/usr/bin/env node
// npm run conformance: builds what changed, then runs the package's own command with the arguments as they are.
import { join } from "node:path";
import { block } from "./lib/report.mjs";
import { root, runNode } from "./lib/run.mjs";
import { install, turbo } from "./prepare.mjs";

if (!(await install())) process.exit(1);
const built = await turbo("build", "--filter=@sealwire/conformance");
if (!built.ok) {
  block(built.output);
  process.exit(1);
}
const main = join(root, "packages/conformance/dist/runner/main.js");
const { code } = await runNode([main, ...process.argv.slice(2)], { show: true, cwd: process.cwd(), env: process.env });
process.exit(code);
