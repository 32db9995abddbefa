#!/usr/bin/env node
// npm run bench [-- --quick | --check | --json | --only=micro,browsers,echo,fanout,file,handshakes,memory,startup,bundle]: everything side by side.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { line, red } from "./lib/report.mjs";
import { childEnv, root, run } from "./lib/run.mjs";

const main = new URL("../packages/bench/dist/main.js", import.meta.url);
if (!existsSync(main)) {
  line(`${red("✗")} the packages are not built: npm run build`);
  process.exitCode = 1;
} else {
  const args = [fileURLToPath(main), ...process.argv.slice(2)];
  const { ok } = await run(process.execPath, args, { cwd: root, env: childEnv(), show: true });
  process.exitCode = ok ? 0 : 1;
}
