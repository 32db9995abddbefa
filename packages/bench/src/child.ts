// A process of its own for each side: `role` is the module that answers what its parent asks, one question at a time.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { PerformanceObserver } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

/** In which garbage was collected, and nothing else done. */
export interface Pauses {
  /** Milliseconds. */
  readonly longest: number;
  /** Of all the time. */
  readonly share: number;
}

export class Child {
  readonly #process: ChildProcess;

  /** `module`: beside this one. */
  constructor(module: string, args: readonly string[] = []) {
    const path = fileURLToPath(new URL(module, import.meta.url));
    this.#process = fork(path, args, { execArgv: ["--expose-gc"], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  }

  /** @throws Error that names what the other side threw, or that it ended */
  async ask<T>(question: string, argument?: unknown): Promise<T> {
    const ended = new AbortController();
    const answer = once(this.#process, "message", { signal: ended.signal });
    const exit = once(this.#process, "exit", { signal: ended.signal });
    answer.catch(() => {});
    exit.catch(() => {});
    this.#process.send({ question, argument });
    const first = await Promise.race([answer, exit.then(([code]) => [{ failed: `exit ${code}` }])]);
    ended.abort();
    const { failed, value } = first[0] as { failed?: string; value?: T };
    if (failed !== undefined) throw new Error(`${question}: ${failed}`);
    return value as T;
  }

  /** Microseconds of CPU that the process has used, its other threads included. */
  cpu(): Promise<number> {
    return this.ask("cpu");
  }

  /** Since this was asked last. */
  pauses(): Promise<Pauses> {
    return this.ask("pauses");
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.disconnect();
    await exit;
  }
}

/** In the child: answers until the parent lets go. */
export function answer(questions: Readonly<Record<string, (argument: never) => unknown>>): void {
  let [longest, all, since] = [0, 0, performance.now()];
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      longest = Math.max(longest, duration);
      all += duration;
    }
  }).observe({ entryTypes: ["gc"] });
  const known: typeof questions = {
    ...questions,
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    pauses: (): Pauses => {
      const now = performance.now();
      const pauses = { longest, share: all / (now - since) };
      [longest, all, since] = [0, 0, now];
      return pauses;
    },
  };
  process.on("message", async ({ question, argument }: { question: string; argument: never }) => {
    try {
      process.send?.({ value: await known[question]?.(argument) });
    } catch (error) {
      process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
}
