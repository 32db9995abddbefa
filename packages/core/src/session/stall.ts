import type { Timers } from "./timers.ts";

export interface StallOptions {
  readonly timers: Timers;
  readonly elapsed: () => number;
  readonly ms: number;
  /** True while messages wait for the application. */
  readonly waiting: () => boolean;
  readonly tell: () => void;
}

/** Tells, once each time, that messages wait for the application and that it has taken none for `ms`. */
export class Stall {
  readonly #o: StallOptions;
  #state: "idle" | "watching" | "told" = "idle";
  #since = 0;

  constructor(options: StallOptions) {
    this.#o = options;
  }

  /** Something may have to wait. */
  watch(): void {
    if (this.#state !== "idle" || !this.#o.waiting()) return;
    this.#state = "watching";
    this.#since = this.#o.elapsed();
    this.#look(this.#o.ms);
  }

  /** The application has taken a message. */
  taken(): void {
    if (this.#state === "watching") this.#since = this.#o.elapsed();
    if (this.#state !== "told") return;
    this.#state = "idle";
    this.watch();
  }

  #look(ms: number): void {
    const { timers, elapsed, waiting, tell } = this.#o;
    timers.after(ms, () => {
      const left = this.#since + this.#o.ms - elapsed();
      if (!waiting()) this.#state = "idle";
      else if (left > 0) this.#look(left);
      else {
        this.#state = "told";
        tell();
      }
    });
  }
}
