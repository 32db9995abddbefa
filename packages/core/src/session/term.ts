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
  /** So long before the end a word is said of it; undefined once it was, and where none is. */
  #soonMs: number | undefined;
  #timer: Timer | undefined;

  constructor(host: TermHost) {
    this.#host = host;
  }

  isOver(elapsed: number): boolean {
    return this.#end <= elapsed;
  }

  /** Milliseconds. */
  get left(): number {
    return this.#end - this.#host.elapsed;
  }

  /** `soonMs`: so long before the end a word is said of it. */
  set(ms: number, soonMs: number | undefined): void {
    this.#end = this.#host.elapsed + ms;
    this.#soonMs = soonMs;
    this.#timer?.cancel();
    this.#await();
  }

  /** Never at once: whoever sets it is not done yet. */
  #await(): void {
    const ms = this.left - (this.#soonMs ?? 0);
    this.#timer = this.#host.timers.after(Math.max(0, ms), Term.#ring, this);
  }

  static #ring(term: Term): void {
    if (term.isOver(term.#host.elapsed)) {
      term.#host.onEnd();
      return;
    }
    const isSoon = term.#soonMs !== undefined && term.left <= term.#soonMs;
    if (isSoon) term.#soonMs = undefined;
    term.#await();
    if (isSoon) term.#host.onSoon();
  }
}
