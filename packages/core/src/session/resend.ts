import { contentOf } from "../envelope/codec.ts";
import { chain, type Maybe } from "../maybe.ts";
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
  /** How often the peer's rights have changed: what was granted before is asked for again. */
  readonly grants: () => number;
  /** What the peer announced that it has committed. */
  readonly after: number;
  /** The peer did not commit this message, and will not get it. */
  readonly withdraw: (message: Kept, reason: ErrorCode) => void;
  /** Reports what has expired and was not reported yet. */
  readonly sweep: () => void;
}

/** Numbers that are sealed in one turn of the event loop. */
const SLICE = 256;
/** Messages whose authorization is asked for before their turn. Not all at once: a resume costs the peer little. */
const AHEAD = 16;

/**
 * Every number after the one that the peer announced, in order: messages that are still to be had as they were, and
 * `void` for the rest (specs/lifecycle.md, section 7). Rights can have changed since, so they are asked for again.
 * It ends with its connection.
 */
export async function sendAgain(o: ResendOptions): Promise<void> {
  const { attachment, ledger, after, withdraw, sweep } = o;
  const { machine, connection, outbox } = attachment;
  const last = ledger.sent;
  const kept = ledger.retention.all().filter(({ seq }) => seq > after);
  const asked: Asked[] = [];
  for (let seq = after + 1, next = 0; seq <= last; seq++) {
    while (asked.length < AHEAD && next < kept.length) asked.push(ask(kept[next++] as Kept, o));
    const [first] = asked;
    const message = first?.message.seq === seq ? first.message : undefined;
    const ok = message === undefined || (await verdict(asked.shift() as Asked, o));
    if ((seq - after) % SLICE === 0) await turn(connection.clock);
    if (connection.closing && !saysBye(connection)) return outbox.stop();
    const expired = message !== undefined && message.exp <= machine.now(connection.time);
    // A receipt of its `void` can be there before the timer of its end.
    if (expired) sweep();
    const reason = !ok ? "E_DENIED" : message !== undefined && !machine.takes(message) ? "E_TOO_BIG" : undefined;
    if (message !== undefined && !expired && reason !== undefined) withdraw(message, reason);
    // A session that was revoked, or failed, meanwhile: its bye comes behind numbers, and no more content.
    const again = reason === undefined && !expired && !connection.failed ? message : undefined;
    outbox.push(machine.prepareAgain(seq, again, connection.time.elapsed));
  }
}

/** This side ends the session, and tells so behind the last number. Otherwise the session goes on elsewhere, or is gone. */
const saysBye = ({ failed, error }: Connection): boolean =>
  failed && !isSilence(error) && error?.code !== "E_SUPERSEDED";

/** Not a timer of the connection, which ends with it: whoever waits goes on. */
const turn = (clock: Clock): Promise<void> => new Promise((resolve) => void clock.schedule(resolve, 0));

interface Asked {
  readonly message: Kept;
  readonly grants: number;
  readonly ok: Maybe<boolean>;
}

const ask = (message: Kept, o: ResendOptions): Asked => ({
  message,
  grants: o.grants(),
  ok: isStillGranted(message, o),
});

/** By the rights of this moment. */
async function verdict(asked: Asked, o: ResendOptions): Promise<boolean> {
  const ok = await asked.ok;
  return asked.grants === o.grants() ? ok : await verdict(ask(asked.message, o), o);
}

/** All of a batch, whose items keep their index, or nothing of it. */
function isStillGranted(message: Kept, { codec, hooks }: ResendOptions): Maybe<boolean> {
  if (hooks.authorize === undefined || message.claims === undefined) return true;
  const { items } = contentOf(codec, message.claims);
  return items.reduce<Maybe<boolean>>((granted, { topic, ref, request, data }) => {
    // A reply is authorized by its request.
    if (ref !== null) return granted;
    const kind = request ? "request" : "message";
    return chain(granted, (ok) => ok && isGranted(hooks, "out", kind, topic, data));
  }, true);
}
