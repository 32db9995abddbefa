import type { Clock } from "@sealwire/core/internal";
import type { Holder } from "./timeline.ts";
import { Timeline } from "./timeline.ts";

/** 1 January 2030: the wall clock of a machine that was not told another time. */
export const START = 1_893_456_000_000;

/** The clock of one machine over a timeline that it may share with others. */
export class SimClock implements Clock, Holder {
  readonly timeline: Timeline;
  #wall: number;
  #heldUntil = 0;
  #pending = 0;

  /** `wall`: milliseconds since 1970 that its wall clock shows at time 0. */
  constructor(timeline: Timeline = new Timeline(), wall: number = START) {
    this.timeline = timeline;
    this.#wall = wall;
  }

  unix(): number {
    return Math.floor(this.#wall + this.timeline.now);
  }

  elapsed(): number {
    return this.timeline.now;
  }

  schedule(fn: () => void, ms: number): () => void {
    let waiting = true;
    const done = () => {
      if (!waiting) return false;
      waiting = false;
      this.#pending--;
      return true;
    };
    this.#pending++;
    // As setTimeout: a timer of no time could run for ever at one moment.
    const cancel = this.deliver(() => done() && fn(), Math.max(1, ms));
    return () => {
      if (done()) cancel();
    };
  }

  /** Timers that wait: none may be left when everything is closed. */
  get pending(): number {
    return this.#pending;
  }

  /** Something that reaches this machine from outside, which is not one of its timers. */
  deliver(fn: () => void, ms: number): () => void {
    return this.timeline.schedule(fn, ms, this);
  }

  /** Sets the wall clock forward, or back with a negative number. Elapsed time and timers know nothing of it. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** The event loop stands still: timers and incoming bytes are held for `ms`, and then come late and in their order. */
  pause(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.timeline.now + ms);
  }

  get heldUntil(): number {
    return this.#heldUntil;
  }

  /** Moves the timeline on by `ms`, for every machine on it. */
  advance(ms: number): Promise<void> {
    return this.timeline.advance(ms);
  }
}
