// Where a Chromium is, for the tests that open real pages.
import { aptInstall, executable, findProgram } from "./lib/programs.mjs";
import { line, yellow } from "./lib/report.mjs";

const NAMES = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

/**
 * The path of a Chromium or Chrome: what SEALWIRE_CHROMIUM names, else the first on PATH, else undefined.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findChromium(env = process.env) {
  if (env.SEALWIRE_CHROMIUM) return executable(env.SEALWIRE_CHROMIUM) ? env.SEALWIRE_CHROMIUM : undefined;
  return findProgram(NAMES, env);
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
  if (install && (await aptInstall(["chromium"], "the browser tests", env))) return findChromium(env);
  line(`${yellow("!")} no Chromium or Chrome on PATH (nor in SEALWIRE_CHROMIUM): the browser tests are skipped`);
  return undefined;
}
