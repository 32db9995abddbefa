import { contentOf } from "../envelope/codec.ts";
import type { Codec } from "../registry.generated.ts";
import type { SessionHooks } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import { Listeners } from "./listeners.ts";
import type { Outgoing } from "./messages.ts";
import type { Kept } from "./retention.ts";
import type { Timer, Timers } from "./timers.ts";
import type { Undetermined } from "./types.ts";

/** The session whose messages they are, as it is at that moment: another one can take its place. */
export interface UnacknowledgedHost {
  readonly facts: { readonly id: string; readonly keys: { readonly codec: Codec } };
  readonly ledger: Ledger;
  /** Seconds in the server's time. */
  readonly now: number;
  readonly timers: Timers;
  readonly hooks: Pick<SessionHooks, "onError">;
  /** There is room for messages that waited. */
  wake(): void;
}

const NONE: readonly Outgoing[] = [];

/** Own messages that the peer has not acknowledged: what is told of them when their life, or that of their session, ends. */
export class Unacknowledged {
  listeners: Listeners<readonly Undetermined[]> | undefined;
  readonly #host: UnacknowledgedHost;
  /** Idempotent messages of a session that was given up, as the next one sends them. */
  #outliving = NONE;
  #expiry: { readonly at: number; readonly timer: Timer } | undefined;

  constructor(host: UnacknowledgedHost) {
    this.#host = host;
  }

  onUndetermined(fn: (messages: readonly Undetermined[]) => void): () => void {
    this.listeners ??= new Listeners("onUndetermined", this.#host.hooks);
    return this.listeners.add(fn);
  }

  /** Reports what has expired, and looks again when the next message does. */
  sweep(): void {
    const { ledger, now } = this.#host;
    const expired = ledger.retention.expire(now);
    this.#expiry?.timer.cancel();
    this.#expiry = undefined;
    const next = ledger.retention.nextExpiry;
    if (next !== undefined) this.sweepAt(next);
    if (expired.length === 0) return;
    this.#tell(expired);
    this.#host.wake();
  }

  /** A message ends at `exp`. */
  sweepAt(exp: number): void {
    if (this.#expiry !== undefined && this.#expiry.at <= exp) return;
    // First of all: the rest asks the clock.
    if (!this.#host.ledger.resumable) return;
    const { now, timers } = this.#host;
    this.#expiry?.timer.cancel();
    const ms = Math.max(0, exp - now) * 1000;
    this.#expiry = { at: exp, timer: timers.after(ms, () => this.sweep()) };
  }

  /** This one is not sent again. */
  withdraw(kept: Kept): void {
    this.#host.ledger.retention.drop(kept.seq);
    this.#tell([kept]);
  }

  /** Nobody takes the session up again. What is marked for it is sent in the next one all the same. */
  giveUp(): void {
    const { ledger, facts } = this.#host;
    const lost = ledger.retention.all();
    ledger.retention.clear();
    const outliving: Outgoing[] = [];
    for (const { claims, jti, exp } of lost) {
      if (jti === undefined || claims === undefined) continue;
      const { items, iat } = contentOf(facts.keys.codec, claims);
      for (const { topic, data } of items)
        outliving.push({ topic, data, ttl: 0, alone: true, ref: undefined, request: undefined, jti, iat, exp });
    }
    if (outliving.length > 0) this.#outliving = [...this.#outliving, ...outliving];
    if (lost.length > 0) this.#tell(lost);
  }

  /** For the next session: what was marked for it, and has not expired. Once. */
  outliving(): readonly Outgoing[] {
    const { now } = this.#host;
    const outliving = this.#outliving;
    this.#outliving = NONE;
    return outliving.filter(({ exp = 0 }) => exp > now);
  }

  /** The end: answers with all that is left. */
  take(): readonly Undetermined[] {
    const { retention } = this.#host.ledger;
    const left = retention.all().flatMap((kept) => this.#named(kept));
    retention.clear();
    return left;
  }

  #tell(kept: readonly Kept[]): void {
    this.listeners?.tell(kept.flatMap((one) => this.#named(one)));
  }

  #named({ seq, topics, jti }: Kept): readonly Undetermined[] {
    const session = this.#host.facts.id;
    const id = jti === undefined ? {} : { messageId: jti };
    const place = (index: number) => (topics.length === 1 ? {} : { index });
    return topics.map((topic, index) => ({ session, seq, ...place(index), topic, ...id }));
  }
}
