import type { Timer, Timers } from "./timers.ts";

export interface TermHost {
  readonly timers: Timers;
  readonly elapsed: number;
  onSoon(): void;
  onEnd(): void;
}

/** The time until a session ends, on a clock that does not jump; a refresh sets it anew. */
export class Term {
  readonly #host: TermHost;
  #end = 0;
  #endTimer: Timer | undefined;
  #soonTimer: Timer | undefined;

  constructor(host: TermHost) {
    this.#host = host;
  }

  get over(): boolean {
    return this.left <= 0;
  }

  /** Milliseconds. */
  get left(): number {
    return this.#end - this.#host.elapsed;
  }

  /** `soonMs`: so long before the end a word is said of it. */
  set(ms: number, soonMs: number | undefined): void {
    this.#end = this.#host.elapsed + ms;
    this.#endTimer?.cancel();
    this.#soonTimer?.cancel();
    this.#awaitEnd();
    this.#soonTimer = undefined;
    if (soonMs !== undefined) this.#awaitSoon(soonMs);
  }

  // Never at once: whoever sets it is not done yet.

  #awaitEnd(): void {
    this.#endTimer = this.#host.timers.after(Math.max(0, this.left), () => {
      if (this.over) this.#host.onEnd();
      else this.#awaitEnd();
    });
  }

  #awaitSoon(soonMs: number): void {
    this.#soonTimer = this.#host.timers.after(Math.max(0, this.left - soonMs), () => {
      if (this.left <= soonMs) this.#host.onSoon();
      else this.#awaitSoon(soonMs);
    });
  }
}
