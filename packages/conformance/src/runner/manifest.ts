// Which drivers there are, whether this machine has their toolchains, and how they are built.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Command = readonly [string, ...string[]];

/** `driver.json` of a folder under packages/conformance/drivers. All commands run in that folder. */
export interface Manifest {
  readonly name: string;
  readonly language: string;
  /** Each has to exit with 0 where the toolchain is present. */
  readonly needs: readonly Command[];
  readonly build: readonly Command[];
  readonly run: Command;
  readonly folder: string;
}

const isCommand = (value: unknown): value is Command =>
  Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === "string");

function readManifest(folder: string): Manifest {
  const file = join(folder, "driver.json");
  const { name, language, needs = [], build = [], run } = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  const commands = Array.isArray(needs) && Array.isArray(build) && [...needs, ...build].every(isCommand);
  if (typeof name !== "string" || typeof language !== "string" || !commands || !isCommand(run)) {
    throw new Error(`${file}: name, language, needs, build and run; commands are arrays of strings`);
  }
  return { name, language, needs, build, run, folder };
}

export function readManifests(drivers: string): readonly Manifest[] {
  return readdirSync(drivers)
    .map((name) => join(drivers, name))
    .filter((folder) => existsSync(join(folder, "driver.json")))
    .map(readManifest)
    .sort((a, b) => Number(b.language === "TypeScript") - Number(a.language === "TypeScript"));
}

/** `node` is the one that runs this: another may come first on the path, or none. */
export const resolved = ([program, ...args]: Command): Command => [
  program === "node" ? process.execPath : program,
  ...args,
];

interface Ran {
  readonly ok: boolean;
  readonly output: string;
}

function execute(command: Command, folder: string): Promise<Ran> {
  const [program, ...args] = resolved(command);
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output = (output + chunk.toString("utf8")).slice(-20_000);
      });
    }
    child.once("error", (error) => resolve({ ok: false, output: error.message }));
    child.once("close", (code) => resolve({ ok: code === 0, output }));
  });
}

/** The first need that is not met, as one line; undefined where all are. */
export async function missingToolchain({ needs, folder }: Manifest): Promise<string | undefined> {
  for (const command of needs) {
    const { ok, output } = await execute(command, folder);
    if (!ok) return `\`${command.join(" ")}\` fails: ${output.trim().split("\n").at(-1) ?? ""}`;
  }
  return undefined;
}

/** Answers with the output of the build command that failed. */
export async function buildDriver({ build, folder }: Manifest): Promise<string | undefined> {
  for (const command of build) {
    const { ok, output } = await execute(command, folder);
    if (!ok) return `\`${command.join(" ")}\` failed:\n${output.trim()}`;
  }
  return undefined;
}
