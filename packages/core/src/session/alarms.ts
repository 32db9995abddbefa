import type { Clock } from "./socket.ts";

/** setTimeout fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Milliseconds: thousands of sessions can end at the same moment, and others are at work meanwhile. */
const LONGEST_TURN = 20;

/** What rings at a time that can change: one that everything of a kind has is one itself, others are in `Timers`. */
export interface Alarm {
  /** Elapsed time; and for one time, the one that was set first. Both written by `Alarms`. */
  at: number;
  order: number;
  /** Where it stands in the heap, or `UNSET`. Written by `Alarms`. */
  place: number;
  ring(now: number): void;
}

export const UNSET = -1;

const isBefore = (a: Alarm, b: Alarm): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

const all = new WeakMap<Clock, Alarms>();

/** All alarms of one clock, in a binary heap: they take one timer of it together, however many sessions there are. */
export class Alarms {
  readonly clock: Clock;
  readonly #heap: Alarm[] = [];
  #order = 0;
  /** When the timer of the clock rings. */
  #rings: number | undefined;
  #stop: (() => void) | undefined;

  private constructor(clock: Clock) {
    this.clock = clock;
  }

  static of(clock: Clock): Alarms {
    let alarms = all.get(clock);
    if (alarms === undefined) {
      alarms = new Alarms(clock);
      all.set(clock, alarms);
    }
    return alarms;
  }

  /** Rings at `at`, for one that is set already in place of before. */
  set(alarm: Alarm, at: number): void {
    alarm.at = at;
    alarm.order = this.#order++;
    this.#up(alarm, alarm.place === UNSET ? this.#heap.length : alarm.place);
    this.#down(alarm);
    this.#await();
  }

  /** The clock's own timer rings in vain, unless it was the last. */
  unset(alarm: Alarm): void {
    const { place } = alarm;
    if (place === UNSET) return;
    alarm.place = UNSET;
    const last = this.#heap.pop() as Alarm;
    if (last !== alarm) {
      this.#up(last, place);
      this.#down(last);
    }
    if (this.#heap.length === 0) this.#halt();
  }

  #up(alarm: Alarm, from: number): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as Alarm;
      if (!isBefore(alarm, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(alarm, place);
  }

  #down(alarm: Alarm): void {
    const heap = this.#heap;
    let { place } = alarm;
    for (;;) {
      const [left, right] = [heap[2 * place + 1], heap[2 * place + 2]];
      const first = right !== undefined && isBefore(right, left as Alarm) ? right : left;
      if (first === undefined || !isBefore(first, alarm)) break;
      const below = first.place;
      this.#put(first, place);
      place = below;
    }
    this.#put(alarm, place);
  }

  #put(alarm: Alarm, place: number): void {
    this.#heap[place] = alarm;
    alarm.place = place;
  }

  #await(): void {
    const { at } = this.#heap[0] ?? {};
    if (at === undefined || (this.#rings !== undefined && at >= this.#rings)) return;
    this.#halt();
    const now = this.clock.elapsed();
    this.#rings = Math.min(at, now + LONGEST_TIMER);
    this.#stop = this.clock.schedule(() => this.#ring(), Math.max(0, this.#rings - now));
  }

  #ring(): void {
    // A clock may ring a little before its time.
    const now = Math.max(this.#rings ?? 0, this.clock.elapsed());
    this.#stop = undefined;
    // What is set from here on has its own turn, which is awaited at the end.
    this.#rings = 0;
    const order = this.#order;
    const until = this.clock.elapsed() + LONGEST_TURN;
    try {
      for (let next = this.#heap[0]; next !== undefined && next.at <= now && next.order < order; next = this.#heap[0]) {
        this.unset(next);
        next.ring(now);
        if (this.clock.elapsed() > until) break;
      }
    } finally {
      this.#halt();
      this.#await();
    }
  }

  #halt(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#rings = undefined;
  }
}
