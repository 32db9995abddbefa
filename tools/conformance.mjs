#!/usr/bin/env node
// npm run conformance: every driver against the test vectors.
import { runCommandOf } from "./lib/command.mjs";

await runCommandOf("conformance", "runner/main.js");
