import type { Timers } from "./timers.ts";

export interface TermOptions {
  readonly timers: Timers;
  readonly elapsed: () => number;
  readonly onEnd: () => void;
  /** Before the end, and how long before, in milliseconds; not for a term shorter than that. */
  readonly onSoon?: () => void;
  readonly soonMs: number;
}

/** The time until a session ends, on a clock that does not jump; a refresh sets it anew. */
export class Term {
  readonly #o: TermOptions;
  #end = 0;
  #cancelEnd = () => {};
  #cancelSoon = () => {};

  constructor(options: TermOptions) {
    this.#o = options;
  }

  get over(): boolean {
    return this.left <= 0;
  }

  /** Milliseconds. */
  get left(): number {
    return this.#end - this.#o.elapsed();
  }

  /** `remind`: an earlier word can change the end. */
  set(ms: number, remind: boolean): void {
    const { soonMs, onSoon } = this.#o;
    this.#end = this.#o.elapsed() + ms;
    this.#cancelEnd();
    this.#cancelSoon();
    this.#cancelEnd = this.#at(0, this.#o.onEnd);
    this.#cancelSoon = remind && onSoon !== undefined && ms > soonMs ? this.#at(soonMs, onSoon) : () => {};
  }

  /** Calls `fn` when `before` milliseconds are left. */
  #at(before: number, fn: () => void): () => void {
    let cancel = () => {};
    const look = () => {
      const wait = this.left - before;
      if (wait <= 0) fn();
      else cancel = this.#o.timers.after(wait, look);
    };
    // Never at once: whoever sets it is not done yet.
    cancel = this.#o.timers.after(Math.max(0, this.left - before), look);
    return () => cancel();
  }
}
