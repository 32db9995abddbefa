import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import type { Ledger } from "./ledger.ts";

const NONE: readonly number[] = [];

/** What the peer's control messages cost it. Answers that this end has caused, and receipts, are free once each. */
export class Budget {
  readonly #ledger: Ledger;
  /** Without an answer: few. */
  #pings = NONE;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Its pong will be free. */
  pinged(seq: number): void {
    this.#pings = [...this.#pings, seq];
  }

  /** @throws SealwireError E_QUOTA */
  charge(message: Control, elapsed: number): void {
    if (this.#free(message)) return;
    if (!this.#ledger.control.take(1, elapsed))
      throw new SealwireError("E_QUOTA", { stage: "rate", detail: "controlPerSecond" });
  }

  #free(message: Control): boolean {
    const ledger = this.#ledger;
    switch (message.top) {
      case "pong":
        return this.#ponged(message.ref);
      case "err":
        return ledger.refuse(message.ref);
      case "ack":
        return ledger.freeAcks > 0 && ledger.freeAcks-- > 0;
      case "void":
        return ledger.freeVoids > 0 && ledger.freeVoids-- > 0;
      default:
        return false;
    }
  }

  #ponged(ref: number): boolean {
    const wasPinged = this.#pings.includes(ref);
    if (wasPinged) this.#pings = this.#pings.length === 1 ? NONE : this.#pings.filter((seq) => seq !== ref);
    return wasPinged;
  }
}
