import type { Clock } from "@sealwire/core/internal";

/** The clock of this machine. Timers do not keep a Node process alive. */
export const systemClock: Clock = {
  unix: () => Date.now(),
  // Whole ones: the engine keeps a fraction in an object of its own, twenty for each session.
  elapsed: () => Math.floor(performance.now()),
  schedule: (fn, ms) => {
    const timer = setTimeout(fn, ms) as ReturnType<typeof setTimeout> | { unref(): void };
    if (typeof timer === "object") timer.unref();
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
};
