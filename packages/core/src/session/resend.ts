import { contentOf } from "../envelope/codec.ts";
import type { Maybe } from "../maybe.ts";
import type { Codec, ErrorCode } from "../registry.generated.ts";
import { type Attachment, isSilence } from "./attachment.ts";
import type { Connection } from "./connection.ts";
import { isGranted, type SessionHooks } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import type { Kept } from "./retention.ts";
import type { Clock } from "./socket.ts";

export interface ResendOptions {
  readonly attachment: Attachment;
  readonly ledger: Ledger;
  readonly codec: Codec;
  readonly hooks: SessionHooks;
  /** What the peer announced that it has committed. */
  readonly after: number;
  /** The peer did not commit this message, and will not get it. */
  readonly withdraw: (message: Kept, reason: ErrorCode) => void;
}

/** Numbers that are sealed in one turn of the event loop. */
const SLICE = 256;

/**
 * Every number after the one that the peer announced, in order: messages that are still to be had as they were, and
 * `void` for the rest (specs/lifecycle.md, section 7). Rights can have changed since, so they are asked for again.
 * It ends with its connection.
 */
export async function sendAgain(o: ResendOptions): Promise<void> {
  const { attachment, ledger, after, withdraw } = o;
  const { machine, connection, outbox } = attachment;
  const last = ledger.sent;
  const kept = new Map(ledger.retention.all().map((message) => [message.seq, message]));
  const granted = new Map([...kept].map(([seq, message]) => [seq, isStillGranted(message, o)]));
  for (let seq = after + 1; seq <= last; seq++) {
    const message = kept.get(seq);
    const asked = granted.get(seq);
    const ok = asked instanceof Promise ? await asked : asked;
    if ((seq - after) % SLICE === 0) await turn(connection.clock);
    if (connection.closing && !saysBye(connection)) return outbox.stop();
    const reason =
      ok === false ? "E_DENIED" : message !== undefined && !machine.takes(message) ? "E_TOO_BIG" : undefined;
    if (message !== undefined && reason !== undefined) withdraw(message, reason);
    // A session that was revoked, or failed, meanwhile: its bye comes behind numbers, and no more content.
    const again = reason === undefined && !connection.failed ? message : undefined;
    void outbox.push(machine.prepareAgain(seq, again, connection.time.elapsed));
  }
}

/** This side ends the session, and tells so behind the last number. Otherwise the session goes on elsewhere, or is gone. */
const saysBye = ({ failed, error }: Connection): boolean =>
  failed && !isSilence(error) && error?.code !== "E_SUPERSEDED";

/** Not a timer of the connection, which ends with it: whoever waits goes on. */
const turn = (clock: Clock): Promise<void> => new Promise((resolve) => void clock.schedule(resolve, 0));

function isStillGranted(message: Kept, { codec, hooks }: ResendOptions): Maybe<boolean> {
  // A reply is authorized by its request.
  if (hooks.authorize === undefined || message.reply || message.claims === undefined) return true;
  const kind = message.request ? "request" : "message";
  return isGranted(hooks, {
    topic: message.topic,
    direction: "out",
    kind,
    data: contentOf(codec, message.claims).data,
  });
}
