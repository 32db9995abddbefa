#!/usr/bin/env node
// npm run sim: sessions over the simulated network; packages/testing/README.md says what its options are.
import { runCommandOf } from "./lib/command.mjs";

await runCommandOf("testing", "sim/main.js");
