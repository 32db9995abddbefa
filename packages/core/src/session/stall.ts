import type { Limits } from "../registry.generated.ts";
import type { Timers } from "./timers.ts";

export interface StallHost {
  readonly timers: Timers;
  readonly elapsed: number;
  readonly limits: Pick<Limits, "requestSeconds">;
  /** True while messages wait for the application. */
  readonly waiting: boolean;
  tellStall(): void;
}

/** Tells, once each time, that messages wait for the application and that it has taken none for `requestSeconds`. */
export class Stall {
  readonly #o: StallHost;
  #state: "idle" | "watching" | "told" = "idle";
  #since = 0;

  constructor(host: StallHost) {
    this.#o = host;
  }

  get #ms(): number {
    return this.#o.limits.requestSeconds * 1000;
  }

  /** Something may have to wait. */
  watch(): void {
    if (this.#state !== "idle" || !this.#o.waiting) return;
    this.#state = "watching";
    this.#since = this.#o.elapsed;
    this.#look(this.#ms);
  }

  /** The application has taken a message. */
  taken(): void {
    if (this.#state === "watching") this.#since = this.#o.elapsed;
    if (this.#state !== "told") return;
    this.#state = "idle";
    this.watch();
  }

  #look(ms: number): void {
    this.#o.timers.after(ms, () => {
      const left = this.#since + this.#ms - this.#o.elapsed;
      if (!this.#o.waiting) this.#state = "idle";
      else if (left > 0) this.#look(left);
      else {
        this.#state = "told";
        this.#o.tellStall();
      }
    });
  }
}
