import type { Clock } from "./socket.ts";

/** setTimeout fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** One of `Timers`, until it has rung or was cancelled. */
export class Timer {
  /** Elapsed time. */
  readonly at: number;
  /** Those beside it in time. */
  next: Timer | undefined;
  previous: Timer | undefined;
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
  /** A list by the time when they are due; of those for one time the one that was set first. */
  #first: Timer | undefined;
  /** Of the list: most are set for later than all others, as those of many requests are. */
  #end: Timer | undefined;
  /** When the timer of the clock rings. */
  #rings: number | undefined;
  #stop: (() => void) | undefined;
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `fn` after `ms`, however many, unless `clear` comes first. */
  after(ms: number, fn: () => void): Timer {
    const timer = new Timer(this.#clock.elapsed() + ms, fn, this);
    if (this.#ended) return timer;
    const end = this.#end;
    const before = end !== undefined && end.at <= timer.at ? end : this.#last(({ at }) => at <= timer.at);
    timer.previous = before;
    timer.next = before === undefined ? this.#first : before.next;
    if (before === undefined) this.#first = timer;
    else before.next = timer;
    if (timer.next === undefined) this.#end = timer;
    else timer.next.previous = timer;
    this.#await();
    return timer;
  }

  /** For `Timer`, which may be about to ring with others. The clock's own one rings in vain, unless it was the last. */
  forget(timer: Timer): void {
    const { next, previous } = timer;
    if (previous !== undefined) previous.next = next;
    if (next !== undefined) next.previous = previous;
    if (this.#first === timer) this.#first = next;
    if (this.#end === timer) this.#end = previous;
    if (this.#first === undefined) this.#halt();
  }

  /** The last of those at the front that match. */
  #last(matches: (timer: Timer) => boolean): Timer | undefined {
    let last: Timer | undefined;
    for (let timer = this.#first; timer !== undefined && matches(timer); timer = timer.next) last = timer;
    return last;
  }

  #await(): void {
    const { at } = this.#first ?? {};
    if (at === undefined || (this.#rings !== undefined && at >= this.#rings)) return;
    this.#halt();
    const now = this.#clock.elapsed();
    this.#rings = Math.min(at, now + LONGEST_TIMER);
    this.#stop = this.#clock.schedule(() => this.#ring(), this.#rings - now);
  }

  #ring(): void {
    // A clock may ring a little before its time.
    const now = Math.max(this.#rings ?? 0, this.#clock.elapsed());
    let due = this.#first;
    const last = this.#last(({ at }) => at <= now);
    this.#rings = undefined;
    this.#stop = undefined;
    if (last === undefined) due = undefined;
    else {
      this.#first = last.next;
      last.next = undefined;
      if (this.#first === undefined) this.#end = undefined;
      else this.#first.previous = undefined;
    }
    this.#await();
    // What one of them sets has its own turn.
    for (; due !== undefined && !this.#ended; due = due.next) due.ring();
  }

  #halt(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#rings = undefined;
  }

  /** Cancels all, and every later one. */
  clear(): void {
    this.#ended = true;
    this.#first = undefined;
    this.#end = undefined;
    this.#halt();
  }
}
