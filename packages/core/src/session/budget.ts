import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import type { Ledger } from "./ledger.ts";

/** What the peer's control messages cost it. Answers that this end has caused, and receipts, are free once each. */
export class Budget {
  readonly #ledger: Ledger;
  #pings: Set<number> | undefined;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Its pong will be free. */
  pinged(seq: number): void {
    this.#pings ??= new Set();
    this.#pings.add(seq);
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
        return this.#pings?.delete(message.ref) ?? false;
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
}
