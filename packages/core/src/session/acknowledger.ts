import type { Limits } from "../registry.generated.ts";

/** When receipts are due (specs/lifecycle.md, section 6). Every control message carries one. */
export class Acknowledger {
  readonly #limits: Limits;
  readonly #after: (ms: number, fn: () => void) => () => void;
  readonly #send: () => void;
  #messages = 0;
  #bytes = 0;
  #cancel: (() => void) | undefined;

  constructor(limits: Limits, after: (ms: number, fn: () => void) => () => void, send: () => void) {
    this.#limits = limits;
    this.#after = after;
    this.#send = send;
  }

  /** Application messages were committed, several of a batch. What answers it tells so as well, hence nothing is sent before `handled`. */
  committed(bytes: number, messages: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
    this.#cancel ??= this.#after(this.#limits.ackSeconds * 1000, () => this.#acknowledge());
  }

  handled(): void {
    const { ackMessages, ackBytes } = this.#limits;
    if (this.#messages >= ackMessages || this.#bytes >= ackBytes) this.#acknowledge();
  }

  /** Counted anew at once: while keys are derived the receipt itself has to wait, and one is enough. */
  #acknowledge(): void {
    this.sent();
    this.#send();
  }

  /** A control message told the peer what was committed. */
  sent(): void {
    this.#messages = 0;
    this.#bytes = 0;
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
