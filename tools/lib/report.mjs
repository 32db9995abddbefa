// Lines on the terminal: one per step, with a mark and seconds. Colours and the spinner only where a person looks.

const tty = process.stdout.isTTY === true;
const environment = process.env;
const colours = tty && !environment.NO_COLOR;
const paint = (code) => (text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);

export const green = paint(32);
export const red = paint(31);
export const yellow = paint(33);
export const dim = paint(2);

// Whoever reads may stop early (`| head`): that is no fault of a check.
process.stdout.on("error", (error) => {
  if (error.code === "EPIPE") process.exit(1);
  throw error;
});

/** @param {string} text */
export function line(text) {
  process.stdout.write(`${text}\n`);
}

/** @param {number} started milliseconds of performance.now() */
export function seconds(started) {
  return spell(performance.now() - started);
}

const spell = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** @param {string} text @param {string} [indent] */
export function block(text, indent = "    ") {
  const body = text.trimEnd();
  if (body) line(body.replace(/^/gm, indent));
}

/**
 * Runs one step and prints its line; the output of a failing step follows it.
 * @param {string} name
 * @param {() => Promise<{ ok: boolean, output?: string, detail?: string, ms?: number }>} work ms: where the work was done before
 * @param {{ announce?: string }} [options] announce: said before a step that takes long
 * @returns {Promise<boolean>}
 */
export async function step(name, work, options = {}) {
  const started = performance.now();
  const stop = waiting(options.announce, started);
  /** @type {{ ok: boolean, output?: string, detail?: string, ms?: number }} */
  let result;
  try {
    result = await work();
  } catch (error) {
    result = { ok: false, output: error?.stack ?? String(error) };
  } finally {
    stop();
  }
  const detail = result.detail ? `, ${result.detail}` : "";
  line(
    `${result.ok ? green("✓") : red("✗")} ${name} ${dim(`(${spell(result.ms ?? performance.now() - started)}${detail})`)}`,
  );
  if (!result.ok) block(result.output ?? "");
  return result.ok;
}

/** A spinner on a terminal; elsewhere a plain line at the start and one every 20 seconds. */
function waiting(announce, started) {
  if (!announce) return () => {};
  if (!tty) {
    line(`  ${announce} ...`);
    const timer = setInterval(() => line(`  ${announce} ... ${seconds(started)}`), 20_000);
    return () => clearInterval(timer);
  }
  const frames = ["-", "\\", "|", "/"];
  let turn = 0;
  const draw = () => process.stdout.write(`\r\u001b[K${frames[turn++ % 4]} ${announce} ${dim(seconds(started))}`);
  draw();
  const timer = setInterval(draw, 120);
  return () => {
    clearInterval(timer);
    process.stdout.write("\r\u001b[K");
  };
}
