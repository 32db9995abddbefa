// The Python implementation as processes: what it prints is one JSON object a line.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linesOf } from "../src/lines.ts";
import { repository } from "../src/repository.ts";

const FOLDER = repository("packages/conformance/drivers/python");
const PYTHON = join(FOLDER, "build/venv/bin/python");

/** npm test builds it beside the other tests; without a Python there is nothing to build. */
export const present: boolean = existsSync(PYTHON);

/** Deadlines, shortened so that the checks that wait for them fit into a test. */
export const SHORT = { clientHelloSeconds: 1, handshakeSeconds: 2, idleSeconds: 3, heartbeatSeconds: 1 } as const;

export const limitOptions = (limits: Readonly<Record<string, number>>): string[] =>
  Object.entries(limits).flatMap(([name, value]) => ["--limit", `${name}=${value}`]);

export type Event = Readonly<Record<string, unknown>> & { readonly event: string };

export class Python {
  readonly events: Event[] = [];
  readonly exited: Promise<number | null>;
  stderr = "";
  readonly #child: ChildProcess;
  #wake: () => void = () => {};

  constructor(args: readonly string[]) {
    const child = spawn(PYTHON, [...args], { cwd: FOLDER, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    const read = (async () => {
      for await (const line of linesOf(child.stdout)) {
        this.events.push(JSON.parse(line) as Event);
        this.#wake();
      }
    })();
    const exit = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
    this.exited = exit.then(async (code) => {
      await read;
      this.#wake();
      return code;
    });
  }

  /** The first event for which `wanted` holds, among those that came and those to come. */
  async event(wanted: (event: Event) => boolean): Promise<Event> {
    let ended = false;
    void this.exited.then(() => {
      ended = true;
    });
    for (;;) {
      const found = this.events.find(wanted);
      if (found !== undefined) return found;
      if (ended) throw new Error(`it ended without that event: ${JSON.stringify(this.events)} ${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGTERM");
    await this.exited;
  }
}

/** A folder for key sets and tokens; `remove` deletes it. */
export function files(): { write: (name: string, value: unknown) => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "sealwire-interop-"));
  return {
    write: (name, value) => {
      const path = join(folder, name);
      writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value), { mode: 0o600 });
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
