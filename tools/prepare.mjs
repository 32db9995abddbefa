// What both commands need before anything else: a Node that is new enough, the packages, the build.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { line, red, step } from "./lib/report.mjs";
import { childEnv, root, run, runNode } from "./lib/run.mjs";

/**
 * Whether a version satisfies a range made of `^a.b.c` and `>=a.b.c` joined by `||`; all that `engines` uses here.
 * @param {string} version @param {string} range
 */
export function satisfies(version, range) {
  const have = version.replace(/^v/, "").split(".").map(Number);
  return range.split("||").some((part) => {
    const match = /^\s*(\^|>=)\s*(\d+)\.(\d+)\.(\d+)\s*$/.exec(part);
    if (!match) return false;
    const want = match.slice(2).map(Number);
    if (match[1] === "^" && have[0] !== want[0]) return false;
    for (let i = 0; i < 3; i++) if (have[i] !== want[i]) return have[i] > want[i];
    return true;
  });
}

/** The engines line, or undefined where this Node will do. */
export function nodeTooOld(version = process.version) {
  const range = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node;
  return satisfies(version, range) ? undefined : range;
}

/**
 * Whether what npm wrote down after its last install is what the lockfile asks for.
 * @param {{ packages?: Record<string, any> }} lock @param {{ packages?: Record<string, any> }} installed
 */
export function sameInstall(lock, installed) {
  const wanted = lock.packages ?? {};
  const present = installed.packages ?? {};
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) continue;
    const found = present[path];
    if (!found && entry.optional) continue;
    if (!found || found.version !== entry.version || found.integrity !== entry.integrity) return false;
  }
  return Object.keys(present).every((path) => path in wanted);
}

function installed() {
  const lockText = readFileSync(join(root, "package-lock.json"), "utf8");
  const hash = createHash("sha256").update(lockText).digest("hex");
  const stamp = join(root, "node_modules/.sealwire-lock");
  const hidden = join(root, "node_modules/.package-lock.json");
  const mark = () => writeFileSync(stamp, `${hash}\n`);
  if (!existsSync(hidden)) return { ok: false, mark };
  if (existsSync(stamp) && readFileSync(stamp, "utf8").trim() === hash) return { ok: true, mark };
  try {
    const ok = sameInstall(JSON.parse(lockText), JSON.parse(readFileSync(hidden, "utf8")));
    if (ok) mark();
    return { ok, mark };
  } catch {
    return { ok: false, mark };
  }
}

const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E401|E403|E404)\b|network/;

async function npmCi() {
  const ci = (options) => run("npm", ["ci", "--no-progress", "--loglevel=warn"], { env: childEnv(options) });
  let result = await ci({});
  // A mirror or proxy may stand only in the user's own npm settings.
  if (!result.ok && UNREACHABLE.test(result.output) && existsSync(join(homedir(), ".npmrc"))) {
    result = await ci({ userConfig: true });
  }
  if (result.ok) return { ok: true, detail: /added (\d+ packages?)/.exec(result.output)?.[1] ?? "" };
  const why = UNREACHABLE.test(result.output)
    ? "The packages could not be fetched: is there a network, and does npm reach its registry? Then run this again.\n\n"
    : "";
  return { ok: false, output: why + result.output.replace(/^npm error\s+at .*\n/gm, "") };
}

/** A Node that is new enough, and the packages of the lockfile. @returns {Promise<boolean>} false after the reason was printed */
export async function install() {
  const range = nodeTooOld();
  if (range) {
    line(
      `${red("✗")} Sealwire needs Node ${range}; this is ${process.version}. Install a newer Node, then run this again.`,
    );
    return false;
  }
  const state = installed();
  if (state.ok) return true;
  const ok = await step("packages installed", npmCi, { announce: "installing packages (npm ci)" });
  if (ok) state.mark();
  return ok;
}

/** Builds what changed. @returns {Promise<boolean>} false after the reason was printed */
export function build() {
  const work = async () => {
    const result = await turbo("build");
    const cached = /Cached:\s+(\d+) cached, (\d+) total/.exec(result.output);
    return { ...result, detail: cached && cached[1] === cached[2] ? "cached" : "" };
  };
  return step("built", work, { announce: "building" });
}

/** Runs a task of every package; the environment goes through whole, as the tasks' results do not depend on it. */
export function turbo(task, ...more) {
  const args = ["node_modules/turbo/bin/turbo", "run", task, "--output-logs=errors-only", "--env-mode=loose"];
  return runNode([...args, ...more]);
}

/** @returns {Promise<boolean>} false after the reason was printed */
export async function prepare() {
  return (await install()) && (await build());
}
