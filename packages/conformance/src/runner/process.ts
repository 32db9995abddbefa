// One driver process behind the line protocol of test-vectors/README.md, section 4.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { linesOf } from "../lines.ts";
import type { Values } from "./expand.ts";
import { type ClaimedLevel, LEVELS } from "./vectors.ts";

/** The first line of a driver. */
export interface Hello {
  readonly driver: string;
  readonly language: string;
  readonly libraries: { readonly [name: string]: string };
  readonly ops: readonly string[];
  readonly level: ClaimedLevel;
}

/** `fault`: there is no result, for a reason that lies with the driver. */
export type Answer = { readonly result: Values } | { readonly unsupported: true } | { readonly fault: string };

export interface ProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  /** Milliseconds that a driver may take for one answer. */
  readonly timeLimit: number;
}

/** Calls under way at the same time: enough that no driver waits for the next line. */
const WINDOW = 32;
const WINDOW_CHARACTERS = 4 << 20;
/** Milliseconds for the first line, and for the end after the last one. */
const START_LIMIT = 60_000;
/** A driver that ends again and again is not started for ever. */
const RESTARTS = 20;

interface Call {
  readonly op: string;
  readonly input: () => unknown;
  readonly resolve: (answer: Answer) => void;
  /** It was under way when the process ended: the next time it runs alone. */
  suspect: boolean;
  size: number;
}

/** Answers calls in any number at a time, over as many processes as it takes; a crash costs one call. */
export class DriverProcess {
  readonly #options: ProcessOptions;
  readonly #queue: Call[] = [];
  readonly #underWay = new Map<number, Call>();
  #child: ChildProcessWithoutNullStreams | undefined;
  #dead: string | undefined;
  #restarts = 0;
  #n = 0;
  #characters = 0;
  #stderr = "";
  #timer: NodeJS.Timeout | undefined;
  #hung = false;
  #exit: Promise<string | undefined> = Promise.resolve(undefined);

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  /** Starts the process and reads its first line. @throws Error where it does not come */
  async start(): Promise<Hello> {
    const [command, ...args] = this.#options.command;
    const child = spawn(command, args, { cwd: this.#options.cwd, stdio: "pipe" });
    const kill = (): boolean => child.kill("SIGKILL");
    process.once("exit", kill);
    this.#stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-2000);
    });
    // A process that is gone shows in its exit; what could not be written is asked again.
    child.stdin.on("error", () => {});
    child.stdin.on("drain", () => this.#pump());
    const exit = new Promise<string | undefined>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal ?? code}`));
    });
    void exit.then(() => process.removeListener("exit", kill));
    this.#exit = exit;
    const lines = linesOf(child.stdout);
    const limit = setTimeout(kill, START_LIMIT);
    const first = await lines.next();
    clearTimeout(limit);
    if (first.done) throw new Error(this.#because((await exit) ?? "ended before its first line"));
    const hello = readHello(first.value);
    if (hello === undefined) {
      kill();
      throw new Error(this.#because(`wrote no first line of the protocol: ${first.value.slice(0, 200)}`));
    }
    this.#child = child;
    void this.#read(child, lines, exit);
    return hello;
  }

  /** `input` is asked for when it is sent, so that large ones exist only then. */
  call(op: string, input: () => unknown): Promise<Answer> {
    return new Promise((resolve) => {
      this.#queue.push({ op, input, resolve, suspect: false, size: 0 });
      this.#pump();
    });
  }

  /** The end of its input; a driver answers with exit code 0. Answers with what went wrong. */
  async end(): Promise<string | undefined> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return this.#dead;
    child.stdin.end();
    const limit = setTimeout(() => child.kill("SIGKILL"), START_LIMIT);
    const fault = await this.#exit;
    clearTimeout(limit);
    return fault === undefined ? undefined : this.#because(`at the end of its input it ${fault}`);
  }

  #because(what: string): string {
    const said = this.#stderr.trim();
    return said === "" ? what : `${what}; it said: ${said}`;
  }

  #pump(): void {
    if (this.#dead !== undefined) {
      for (const call of this.#queue.splice(0)) call.resolve({ fault: this.#dead });
      return;
    }
    const child = this.#child;
    if (child === undefined) return;
    while (this.#queue.length > 0 && !child.stdin.writableNeedDrain && this.#hasRoom()) {
      const call = this.#queue.shift() as Call;
      const n = ++this.#n;
      const line = `${JSON.stringify({ n, op: call.op, input: call.input() })}\n`;
      call.size = line.length;
      this.#characters += line.length;
      this.#underWay.set(n, call);
      if (this.#underWay.size === 1) this.#watch();
      child.stdin.write(line);
    }
  }

  #hasRoom(): boolean {
    if (this.#underWay.size === 0) return true;
    const suspects = this.#queue[0]?.suspect || [...this.#underWay.values()].some((call) => call.suspect);
    return !suspects && this.#underWay.size < WINDOW && this.#characters < WINDOW_CHARACTERS;
  }

  /** A driver works on one line after the other: each answer gives the next one its whole time. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#underWay.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#hung = true;
      this.#child?.kill("SIGKILL");
    }, this.#options.timeLimit);
  }

  async #read(
    child: ChildProcessWithoutNullStreams,
    lines: AsyncGenerator<string>,
    exit: Promise<string | undefined>,
  ): Promise<void> {
    let fault: string | undefined;
    for await (const line of lines) {
      fault = this.#answer(line);
      if (fault !== undefined) {
        child.kill("SIGKILL");
        break;
      }
    }
    const ended = await exit;
    if (this.#child !== child) return;
    if (this.#hung) fault ??= `gave no answer within ${this.#options.timeLimit / 1000} s`;
    this.#hung = false;
    await this.#restart(fault ?? ended ?? "ended before the end of its input");
  }

  /** Answers with a fault where the line is no answer. */
  #answer(line: string): string | undefined {
    let parsed: { readonly n?: unknown; readonly result?: Values; readonly unsupported?: unknown } | null;
    try {
      parsed = JSON.parse(line) as typeof parsed;
    } catch {
      parsed = null;
    }
    const n = parsed?.n as number;
    const call = this.#underWay.get(n);
    if (parsed === null || call === undefined) return `wrote a line that answers nothing: ${line.slice(0, 200)}`;
    this.#underWay.delete(n);
    this.#characters -= call.size;
    this.#watch();
    if (parsed.unsupported === true) call.resolve({ unsupported: true });
    else if (typeof parsed.result === "object" && parsed.result !== null) call.resolve({ result: parsed.result });
    else call.resolve({ fault: `answered without a result: ${line.slice(0, 1000)}` });
    this.#pump();
    return undefined;
  }

  /** One call under way: it is to blame. Several: each is asked again alone, since output may have been lost. */
  async #restart(reason: string): Promise<void> {
    clearTimeout(this.#timer);
    const calls = [...this.#underWay.values()];
    this.#underWay.clear();
    this.#characters = 0;
    this.#child = undefined;
    if (calls.length === 1) calls[0]?.resolve({ fault: this.#because(reason) });
    else this.#queue.unshift(...calls.map((call) => Object.assign(call, { suspect: true })));
    if (++this.#restarts > RESTARTS) this.#dead = `not asked: the driver had to be restarted ${RESTARTS} times`;
    else {
      try {
        await this.start();
      } catch (error) {
        this.#dead = `could not be restarted: ${(error as Error).message}`;
      }
    }
    this.#pump();
  }
}

function readHello(line: string): Hello | undefined {
  try {
    const hello = JSON.parse(line) as Hello;
    const { driver, language, libraries, ops, level } = hello;
    const wellFormed =
      [driver, language].every((v) => typeof v === "string") &&
      typeof libraries === "object" &&
      Array.isArray(ops) &&
      LEVELS.includes(level);
    return wellFormed ? hello : undefined;
  } catch {
    return undefined;
  }
}
