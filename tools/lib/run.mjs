// Child processes of the tools: quiet unless asked, never waiting for input.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The environment of every child: no user settings of npm that could change what is installed, no telemetry,
 * no colours where nobody sees them.
 * @param {{ userConfig?: boolean }} [options] userConfig: let npm read the user's own settings
 */
export function childEnv(options = {}) {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
  if (!options.userConfig) {
    // npm hands its settings down in lower case; one of the two spellings would win by chance.
    for (const name of Object.keys(env)) if (name.toLowerCase() === "npm_config_userconfig") delete env[name];
    env.NPM_CONFIG_USERCONFIG = "/dev/null";
  }
  env.NPM_CONFIG_UPDATE_NOTIFIER = "false";
  if (process.stdout.isTTY !== true || env.NO_COLOR) {
    env.NO_COLOR = "1";
    delete env.FORCE_COLOR;
  }
  return env;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, show?: boolean, cwd?: string, onStart?: (child: import("node:child_process").ChildProcess) => void }} [options]
 *   show: output goes to the terminal at once
 * @returns {Promise<{ ok: boolean, code: number, output: string, stdout: string }>} output: both streams as they came
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: options.env ?? childEnv(),
      stdio: ["ignore", options.show ? "inherit" : "pipe", options.show ? "inherit" : "pipe"],
      shell: process.platform === "win32" && command === "npm",
    });
    child.once("spawn", () => options.onStart?.(child));
    const chunks = [];
    const out = [];
    child.stdout?.on("data", (chunk) => chunks.push(chunk) && out.push(chunk));
    child.stderr?.on("data", (chunk) => chunks.push(chunk));
    child.on("error", (error) => resolve({ ok: false, code: 127, output: `${command}: ${error.message}`, stdout: "" }));
    child.on("close", (code, signal) => {
      const output = Buffer.concat(chunks).toString("utf8") + (signal ? `\n${command} ended by ${signal}` : "");
      resolve({ ok: code === 0, code: code ?? 1, output, stdout: Buffer.concat(out).toString("utf8") });
    });
  });
}

/** @param {string[]} args @param {Parameters<typeof run>[2]} [options] */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}
