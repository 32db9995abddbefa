import type { Clock } from "./socket.ts";

/** setTimeout fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** One of `Timers`, until it has rung or was cancelled. */
export class Timer {
  /** Elapsed time. */
  readonly at: number;
  readonly #timers: Timers;
  #fn: (() => void) | undefined;

  constructor(at: number, fn: () => void, timers: Timers) {
    this.at = at;
    this.#fn = fn;
    this.#timers = timers;
  }

  cancel(): void {
    if (this.#fn === undefined) return;
    this.#fn = undefined;
    this.#timers.forget(this);
  }

  ring(): void {
    const fn = this.#fn;
    this.#fn = undefined;
    fn?.();
  }
}

/** Timers that end together: of a connection, or of a session. All of them take one timer of the clock. */
export class Timers {
  readonly #clock: Clock;
  /** By the time when they are due; of those for one time the one that was set first. */
  #waiting: Timer[] = [];
  /** When the timer of the clock rings. */
  #rings = Number.POSITIVE_INFINITY;
  #stop: (() => void) | undefined;
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `fn` after `ms`, however many, unless `clear` comes first. */
  after(ms: number, fn: () => void): Timer {
    const timer = new Timer(this.#clock.elapsed() + ms, fn, this);
    if (this.#ended) return timer;
    let place = this.#waiting.length;
    while (place > 0 && (this.#waiting[place - 1] as Timer).at > timer.at) place--;
    this.#waiting.splice(place, 0, timer);
    this.#await();
    return timer;
  }

  /** For `Timer`. The clock's own one is left to ring in vain, unless it is the last. */
  forget(timer: Timer): void {
    const place = this.#waiting.indexOf(timer);
    if (place >= 0) this.#waiting.splice(place, 1);
    if (this.#waiting.length === 0) this.#halt();
  }

  #await(): void {
    const next = this.#waiting[0];
    if (next === undefined || next.at >= this.#rings) return;
    this.#halt();
    const now = this.#clock.elapsed();
    this.#rings = Math.min(next.at, now + LONGEST_TIMER);
    this.#stop = this.#clock.schedule(() => this.#ring(), this.#rings - now);
  }

  #ring(): void {
    // A clock may ring a little before its time.
    const now = Math.max(this.#rings, this.#clock.elapsed());
    const later = this.#waiting.findIndex(({ at }) => at > now);
    const due = this.#waiting.splice(0, later < 0 ? this.#waiting.length : later);
    this.#rings = Number.POSITIVE_INFINITY;
    this.#stop = undefined;
    this.#await();
    for (const timer of due) if (!this.#ended) timer.ring();
  }

  #halt(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#rings = Number.POSITIVE_INFINITY;
  }

  /** Cancels all, and every later one. */
  clear(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#halt();
  }
}
