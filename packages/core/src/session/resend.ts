import { dataOf } from "../envelope/codec.ts";
import { SealwireError } from "../errors.ts";
import { chain, type Maybe } from "../maybe.ts";
import type { Codec } from "../registry.generated.ts";
import type { Attachment } from "./attachment.ts";
import { isGranted, type SessionHooks } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import type { Kept } from "./retention.ts";

/**
 * Every number after the one that the peer announced, in order: messages that are still to be had as they were, and
 * `void` for the rest (specs/lifecycle.md, section 7). Rights can have changed since, so they are asked for again.
 */
export function sendAgain(
  a: Attachment,
  ledger: Ledger,
  codec: Codec,
  hooks: SessionHooks,
  after: number,
): Maybe<void> {
  const kept = new Map(ledger.retention.all().map((message) => [message.seq, message]));
  let done: Maybe<void> | undefined;
  for (let seq = after + 1; seq <= ledger.sent; seq++) {
    const message = kept.get(seq);
    const granted = message === undefined || isStillGranted(message, codec, hooks);
    const push = (ok: boolean) => {
      if (message !== undefined && !ok) withdraw(message, ledger, hooks);
      void a.push(a.machine.prepareAgain(seq, ok ? message : undefined, a.connection.time.elapsed));
    };
    done = chain(done, () => chain(granted, push));
  }
  return done;
}

function isStillGranted(message: Kept, codec: Codec, hooks: SessionHooks): Maybe<boolean> {
  // A reply is authorized by its request.
  if (hooks.authorize === undefined || message.reply || message.claims === undefined) return true;
  const kind = message.request ? "request" : "message";
  return isGranted(hooks, { topic: message.topic, direction: "out", kind, data: dataOf(codec, message.claims) });
}

/** It was never committed by the peer, and will not be. */
function withdraw(message: Kept, ledger: Ledger, hooks: SessionHooks): void {
  ledger.retention.drop(message.seq);
  hooks.onError?.(new SealwireError("E_DENIED", { detail: `not sent again: ${message.topic}` }));
}
