// npm run sim: many sessions over the simulated network, or one of them with everything that happened in it.
import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

const USAGE = `npm run sim -- [options]
  --count N    so many sessions, default 10000
  --from SEED  the first seed, default 1
  --seed N     one session
  --verbose    prints what happened in it
  --json       prints one object: the summary, and the seeds that failed with what they broke`;

const number = (name: string, value: string): number => {
  const n = Number(value);
  if (Number.isSafeInteger(n) && n >= 0) return n;
  process.stderr.write(`--${name} is a whole number\n${USAGE}\n`);
  process.exit(2);
};

function options() {
  try {
    return parseArgs({
      options: {
        count: { type: "string", default: "10000" },
        from: { type: "string", default: "1" },
        seed: { type: "string" },
        verbose: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    process.exit(2);
  }
}

const { verbose, json, ...given } = options();
const from = number("from", given.seed ?? given.from);
const count = given.seed === undefined ? number("count", given.count) : 1;
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const tty = process.stdout.isTTY === true && !json;
let shown = 0;

/** Over the progress line, where there is one. */
const write = (text: string) => {
  if (!json) process.stdout.write(`${tty ? "\r\u001b[K" : ""}${text}\n`);
};

function onProgress(done: number, failed: number): void {
  const now = performance.now();
  if (json || count === 1 || now - shown < (tty ? 200 : 10_000)) return;
  shown = now;
  const text = `${done} of ${count} runs, ${failed} failed, ${seconds().toFixed(0)} s`;
  process.stdout.write(tty ? `\r${text}` : `${text}\n`);
}

const { summary, failures } = await simulate({ from, count, verbose, write, onProgress });
if (json) process.stdout.write(`${JSON.stringify({ from, count, seconds: seconds(), failures, summary }, null, 2)}\n`);
write(`${summary.text}\n${failures.length} failed, ${seconds().toFixed(1)} s`);
if (failures.length > 1) write(failures.map(({ command }) => `    ${command}`).join("\n"));
process.exitCode = failures.length > 0 ? 1 : 0;
