import type { Clock } from "@sealwire/core/internal";

/** So often the same is answered where Date.now() stands still, as it does in tests of pages. */
const REPEATS = 64;

let unix = 0;
let elapsed = 0;
let repeats = 0;

/** The clock of this machine. Timers do not keep a Node process alive. */
export const systemClock: Clock = {
  unix: () => Date.now(),
  /** Whole milliseconds. In a page performance.now() costs much more than Date.now(): asked once that has moved. */
  elapsed() {
    const now = Date.now();
    if (now !== unix || ++repeats > REPEATS) {
      unix = now;
      repeats = 0;
      elapsed = Math.floor(performance.now());
    }
    return elapsed;
  },
  /** Each message asks for both, and each Date.now() costs a page as much as a view of memory. */
  time() {
    const since = this.elapsed();
    return { unix, elapsed: since };
  },
  schedule: (fn, ms) => {
    const ring = () => {
      // Time has passed, whatever Date.now() says.
      unix = 0;
      fn();
    };
    const timer = setTimeout(ring, ms) as ReturnType<typeof setTimeout> | { unref(): void };
    if (typeof timer === "object") timer.unref();
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
};
