import type { Timers } from "./timers.ts";

export interface TermOptions {
  readonly timers: Timers;
  readonly elapsed: () => number;
  readonly onEnd: () => void;
  readonly onSoon: () => void;
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

  /** `soonMs`: so long before the end a word is said of it. */
  set(ms: number, soonMs: number | undefined): void {
    const { elapsed, onEnd, onSoon } = this.#o;
    this.#end = elapsed() + ms;
    this.#cancelEnd();
    this.#cancelSoon();
    this.#cancelEnd = this.#at(0, onEnd);
    this.#cancelSoon = soonMs === undefined ? () => {} : this.#at(soonMs, onSoon);
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
