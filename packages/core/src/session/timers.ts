import type { Clock } from "./socket.ts";

/** setTimeout fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Timers that end together: of a connection, or of a session. */
export class Timers {
  readonly #clock: Clock;
  readonly #running = new Set<() => void>();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `fn` after `ms`, however many, unless `clear` comes first; the result cancels it. */
  after(ms: number, fn: () => void): () => void {
    if (this.#ended) return () => {};
    let next = () => {};
    const cancel = this.#clock.schedule(
      () => {
        this.#running.delete(cancel);
        if (ms <= LONGEST_TIMER) fn();
        else next = this.after(ms - LONGEST_TIMER, fn);
      },
      Math.min(ms, LONGEST_TIMER),
    );
    this.#running.add(cancel);
    return () => {
      this.#running.delete(cancel);
      cancel();
      next();
    };
  }

  /** Cancels all, and every later one. */
  clear(): void {
    this.#ended = true;
    for (const cancel of this.#running) cancel();
    this.#running.clear();
  }
}
