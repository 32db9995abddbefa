import { type Alarm, Alarms, UNSET } from "./alarms.ts";
import type { Clock } from "./socket.ts";

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

/** Timers that end together: of a connection, or of a session. */
export class Timers implements Alarm {
  readonly #alarms: Alarms;
  /** A list by the time when they are due; of those for one time the one that was set first. */
  #first: Timer | undefined;
  /** Of the list: most are set for later than all others, as those of many requests are. */
  #end: Timer | undefined;
  #ended = false;
  at = 0;
  order = 0;
  place: number = UNSET;

  constructor(clock: Clock) {
    this.#alarms = Alarms.of(clock);
  }

  /** Runs `fn` after `ms`, however many, unless `clear` comes first. */
  after(ms: number, fn: () => void): Timer {
    const timer = new Timer(this.#alarms.clock.elapsed() + ms, fn, this);
    if (this.#ended) return timer;
    const end = this.#end;
    const before = end !== undefined && end.at <= timer.at ? end : this.#last(timer.at);
    timer.previous = before;
    timer.next = before === undefined ? this.#first : before.next;
    if (before === undefined) this.#first = timer;
    else before.next = timer;
    if (timer.next === undefined) this.#end = timer;
    else timer.next.previous = timer;
    this.#await();
    return timer;
  }

  /** For `Timer`, which may be about to ring with others. All of them ring in vain, unless it was the last. */
  forget(timer: Timer): void {
    const { next, previous } = timer;
    if (previous !== undefined) previous.next = next;
    if (next !== undefined) next.previous = previous;
    if (this.#first === timer) this.#first = next;
    if (this.#end === timer) this.#end = previous;
    if (this.#first === undefined) this.#alarms.unset(this);
  }

  /** The last of those that are due by then. */
  #last(by: number): Timer | undefined {
    let last: Timer | undefined;
    for (let timer = this.#first; timer !== undefined && timer.at <= by; timer = timer.next) last = timer;
    return last;
  }

  #await(): void {
    const { at } = this.#first ?? {};
    if (at === undefined || (this.place !== UNSET && at >= this.at)) return;
    this.#alarms.set(this, at);
  }

  ring(now: number): void {
    const last = this.#last(now);
    let due = this.#first;
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

  /** Cancels all, and every later one. */
  clear(): void {
    this.#ended = true;
    this.#first = undefined;
    this.#end = undefined;
    this.#alarms.unset(this);
  }
}
