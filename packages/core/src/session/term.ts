import { type Alarm, Alarms, UNSET } from "./alarms.ts";
import type { Clock } from "./socket.ts";

/** The time until a session ends, on a clock that does not jump; a refresh sets it anew. */
export abstract class Term implements Alarm {
  #end = 0;
  /** So long before the end a word is said of it; undefined once it was, and where none is. */
  #soonMs: number | undefined;
  /** Of its alarm, which every session has: a timer would be an object more. */
  at = 0;
  order = 0;
  place: number = UNSET;

  protected abstract get clock(): Clock;
  protected abstract onSoon(): void;
  protected abstract onEnd(): void;

  isOver(elapsed: number): boolean {
    return this.#end <= elapsed;
  }

  /** Milliseconds. */
  get left(): number {
    return this.#end - this.clock.elapsed();
  }

  /** `soonMs`: so long before the end a word is said of it. */
  protected endIn(ms: number, soonMs: number | undefined): void {
    // Whole ones: the engine keeps a fraction, and what comes of one, in an object of its own.
    this.#end = Math.round(this.clock.elapsed() + ms);
    this.#soonMs = soonMs;
    Term.#await(this);
  }

  /** Never at once: whoever sets it is not done yet. */
  static #await(term: Term): void {
    const { clock } = term;
    Alarms.of(clock).set(term, Math.max(clock.elapsed(), term.#end - (term.#soonMs ?? 0)));
  }

  ring(): void {
    if (this.isOver(this.clock.elapsed())) {
      this.onEnd();
      return;
    }
    const isSoon = this.#soonMs !== undefined && this.left <= this.#soonMs;
    if (isSoon) this.#soonMs = undefined;
    Term.#await(this);
    if (isSoon) this.onSoon();
  }

  /** It is over before its time. */
  protected clear(): void {
    Alarms.of(this.clock).unset(this);
  }
}
