import type { Limits } from "../registry.generated.ts";
import type { Timer } from "./timers.ts";

export interface AcknowledgerHost {
  readonly limits: Limits;
  timer(fn: () => void, ms: number): Timer;
  /** Sends a receipt. */
  acknowledge(): void;
}

/** When receipts are due (specs/lifecycle.md, section 6). Every control message carries one. */
export class Acknowledger {
  readonly #host: AcknowledgerHost;
  #messages = 0;
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(host: AcknowledgerHost) {
    this.#host = host;
  }

  /** Application messages were committed, several of a batch. What answers it tells so as well, hence nothing is sent before `handled`. */
  committed(bytes: number, messages: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
    this.#timer ??= this.#host.timer(() => this.#acknowledge(), this.#host.limits.ackSeconds * 1000);
  }

  handled(): void {
    const { ackMessages, ackBytes } = this.#host.limits;
    if (this.#messages >= ackMessages || this.#bytes >= ackBytes) this.#acknowledge();
  }

  /** Counted anew at once: while keys are derived the receipt itself has to wait, and one is enough. */
  #acknowledge(): void {
    this.sent();
    this.#host.acknowledge();
  }

  /** A control message told the peer what was committed. */
  sent(): void {
    this.#messages = 0;
    this.#bytes = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
