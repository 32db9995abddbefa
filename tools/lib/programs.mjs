// Programs of the system that tests need: found on PATH, or installed where that is ours to do.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { step } from "./report.mjs";
import { childEnv, run } from "./run.mjs";

/** @param {string} path */
export function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const folders = (env) => (env.PATH ?? "").split(delimiter).filter(Boolean);

/**
 * The first program of one of these names on PATH, earlier names first.
 * @param {string[]} names @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findProgram(names, env = process.env) {
  return names.flatMap((name) => folders(env).map((folder) => join(folder, name))).find(executable);
}

/**
 * Installs Debian packages, and prints the step's line; does nothing unless this is root on a Debian-like system.
 * @param {string[]} packages @param {string} what they are for @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<boolean>} whether they are installed
 */
export async function aptInstall(packages, what, env = process.env) {
  const apt = folders(env).some((folder) => existsSync(join(folder, "apt-get")));
  if (!apt || process.getuid?.() !== 0) return false;
  const work = async () => {
    const quiet = { ...childEnv(), DEBIAN_FRONTEND: "noninteractive" };
    const update = await run("apt-get", ["update"], { env: quiet });
    // An old list is often good enough: a failed update counts only where the install fails too.
    const result = await run("apt-get", ["install", "-y", "--no-install-recommends", ...packages], { env: quiet });
    return result.ok ? result : { ...result, output: `${update.ok ? "" : tail(update.output)}${tail(result.output)}` };
  };
  const names = packages.join(", ");
  return step(`${names} installed with apt-get, for ${what}`, work, {
    announce: `installing ${names} with apt-get, for ${what}`,
  });
}

const tail = (text) => `${text.trimEnd().split("\n").slice(-12).join("\n")}\n`;
