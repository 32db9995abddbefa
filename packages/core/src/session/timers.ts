import type { Clock } from "./socket.ts";

/** Timers that end together: of a connection, or of a session. */
export class Timers {
  readonly #clock: Clock;
  readonly #running = new Set<() => void>();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `fn` after `ms` unless `clear` comes first; the result cancels it. */
  after(ms: number, fn: () => void): () => void {
    if (this.#ended) return () => {};
    const cancel = this.#clock.schedule(() => {
      this.#running.delete(cancel);
      fn();
    }, ms);
    this.#running.add(cancel);
    return () => {
      this.#running.delete(cancel);
      cancel();
    };
  }

  /** Cancels all, and every later one. */
  clear(): void {
    this.#ended = true;
    for (const cancel of this.#running) cancel();
    this.#running.clear();
  }
}
