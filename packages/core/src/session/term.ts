import { type Alarm, Alarms, UNSET } from "./alarms.ts";
import type { Clock } from "./socket.ts";

export interface TermHost {
  readonly clock: Clock;
  onSoon(): void;
  onEnd(): void;
}

/** The time until a session ends, on a clock that does not jump; a refresh sets it anew. */
export class Term implements Alarm {
  readonly #host: TermHost;
  #end = 0;
  /** So long before the end a word is said of it; undefined once it was, and where none is. */
  #soonMs: number | undefined;
  /** Of its alarm, which every session has: a timer would be an object more. */
  at = 0;
  order = 0;
  place: number = UNSET;

  constructor(host: TermHost) {
    this.#host = host;
  }

  get over(): boolean {
    return this.left <= 0;
  }

  /** Milliseconds. */
  get left(): number {
    return this.#end - this.#host.clock.elapsed();
  }

  /** `soonMs`: so long before the end a word is said of it. */
  set(ms: number, soonMs: number | undefined): void {
    this.#end = Math.round(this.#host.clock.elapsed() + ms);
    this.#soonMs = soonMs;
    this.#await();
  }

  /** Never at once: whoever sets it is not done yet. */
  #await(): void {
    const { clock } = this.#host;
    Alarms.of(clock).set(this, Math.max(clock.elapsed(), this.#end - (this.#soonMs ?? 0)));
  }

  ring(): void {
    if (this.over) {
      this.#host.onEnd();
      return;
    }
    const isSoon = this.#soonMs !== undefined && this.left <= this.#soonMs;
    if (isSoon) this.#soonMs = undefined;
    this.#await();
    if (isSoon) this.#host.onSoon();
  }

  /** It is over before its time. */
  clear(): void {
    Alarms.of(this.#host.clock).unset(this);
  }
}
