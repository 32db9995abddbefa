#!/usr/bin/env node
// npm run interleavings: real sessions through every state that the models of a rekey and of a resume reach, within large bounds.
import { childEnv, root, run } from "./lib/run.mjs";

const tests = [
  "packages/core/test/session/rekey-interleavings.test.ts",
  "packages/core/test/session/resume-interleavings.test.ts",
  "packages/core/test/support/interleavings.test.ts",
];
const args = ["node_modules/vitest/vitest.mjs", "run", "--project=core", ...tests];
const env = { ...childEnv(), SEALWIRE_INTERLEAVINGS: "all" };
const { ok } = await run(process.execPath, args, { cwd: root, env, show: true });
process.exitCode = ok ? 0 : 1;
