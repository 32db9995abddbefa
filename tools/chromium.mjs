// Where a Chromium is, for the tests that open real pages.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { line, step, yellow } from "./lib/report.mjs";
import { childEnv, run } from "./lib/run.mjs";

const NAMES = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The path of a Chromium or Chrome: what SEALWIRE_CHROMIUM names, else the first on PATH, else undefined.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findChromium(env = process.env) {
  if (env.SEALWIRE_CHROMIUM) return executable(env.SEALWIRE_CHROMIUM) ? env.SEALWIRE_CHROMIUM : undefined;
  const folders = (env.PATH ?? "").split(delimiter).filter(Boolean);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(executable);
}

/**
 * Finds Chromium, or installs it where that is ours to do: root on a Debian-like system.
 * @param {{ install: boolean, env?: NodeJS.ProcessEnv }} options
 */
export async function ensureChromium({ install, env = process.env }) {
  const found = findChromium(env);
  if (found) return found;
  if (env.SEALWIRE_CHROMIUM) {
    line(`${yellow("!")} SEALWIRE_CHROMIUM names no program that can be run: the browser tests are skipped`);
    return undefined;
  }
  const apt = (env.PATH ?? "").split(delimiter).some((folder) => folder && existsSync(join(folder, "apt-get")));
  if (install && apt && process.getuid?.() === 0) {
    const work = async () => {
      const quiet = { ...childEnv(), DEBIAN_FRONTEND: "noninteractive" };
      const update = await run("apt-get", ["update"], { env: quiet });
      // An old list is often good enough: a failed update counts only where the install fails too.
      const result = await run("apt-get", ["install", "-y", "--no-install-recommends", "chromium"], { env: quiet });
      return result.ok
        ? result
        : { ...result, output: `${update.ok ? "" : tail(update.output)}${tail(result.output)}` };
    };
    const announce = "no Chromium found: installing it with apt-get for the browser tests";
    if (await step("Chromium installed with apt-get, for the browser tests", work, { announce }))
      return findChromium(env);
  }
  line(`${yellow("!")} no Chromium or Chrome on PATH (nor in SEALWIRE_CHROMIUM): the browser tests are skipped`);
  return undefined;
}

const tail = (text) => `${text.trimEnd().split("\n").slice(-12).join("\n")}\n`;
