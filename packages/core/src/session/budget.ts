import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import type { Ledger } from "./ledger.ts";

/**
 * What a control message costs the peer. Answers that this end has caused, and receipts, are free once each.
 *
 * @throws SealwireError E_QUOTA
 */
export function charge(ledger: Ledger, message: Control, elapsed: number): void {
  if (isFree(ledger, message)) return;
  if (!ledger.control.take(1, elapsed))
    throw new SealwireError("E_QUOTA", { stage: "rate", detail: "controlPerSecond" });
}

function isFree(ledger: Ledger, message: Control): boolean {
  switch (message.top) {
    case "pong":
      return ledger.ponged(message.ref);
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
