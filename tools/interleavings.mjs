#!/usr/bin/env node
// npm run interleavings: real sessions through every state that the models of a rekey and of a resume reach, within large bounds.
// Processes, one for each core, take turns at the walks.
import { availableParallelism } from "node:os";
import { childEnv, root, runNode } from "./lib/run.mjs";

const walks = ["session/rekey-interleavings.test.ts", "session/resume-interleavings.test.ts"];
const models = "support/interleavings.test.ts";
const parts = availableParallelism();

/** @param {number} part */
function share(part) {
  // That the models have all their states is counted once.
  const tests = (part === 0 ? [models, ...walks] : walks).map((test) => `packages/core/test/${test}`);
  // One after the other: each process has one core.
  const args = ["node_modules/vitest/vitest.mjs", "run", "--project=core", "--no-file-parallelism", ...tests];
  const env = { ...childEnv(), SEALWIRE_INTERLEAVINGS: `${part}/${parts}` };
  return runNode(args, { cwd: root, env, show: true });
}

const results = await Promise.all(Array.from({ length: parts }, (_, part) => share(part)));
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
