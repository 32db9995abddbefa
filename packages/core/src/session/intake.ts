import type { ApplicationClaims, Item, Ref } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import { chain, isPromise, type Maybe } from "../maybe.ts";
import type { ErrorCode, Limits } from "../registry.generated.ts";
import { concat } from "../wire/bytes.ts";
import type { Attachment } from "./attachment.ts";
import { TokenBucket } from "./bucket.ts";
import type { Delivery, Once } from "./delivery.ts";
import { Description } from "./describe.ts";
import type { Farewell } from "./farewell.ts";
import { type SessionHooks, trace } from "./hooks.ts";
import type { Life } from "./life.ts";
import type { Received, ReceivedControl, ReceivedMessage } from "./messages.ts";
import type { Refusals } from "./refusals.ts";
import type { PendingRequests } from "./requests.ts";
import type { Rights } from "./rights.ts";
import { sharesOf } from "./shares.ts";

export interface IntakeHost {
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly life: Life;
  readonly rights: Rights;
  readonly delivery: Delivery;
  readonly requests: PendingRequests;
  readonly farewell: Farewell;
  readonly refusals: Refusals;
}

const NONE: readonly number[] = [];

/** What was committed, on whichever connection, goes to whom it is for: one message after the other. */
export class Intake {
  readonly #o: IntakeHost;
  #items: TokenBucket | undefined;
  /** What was committed last and is still being decided. */
  #dispatching: Promise<void> | undefined;

  constructor(host: IntakeHost) {
    this.#o = host;
  }

  /** Resolves when what was committed so far is decided; undefined if all of it is. */
  get settled(): Promise<void> | undefined {
    return this.#dispatching;
  }

  /** In the order in which messages were committed, also where a connection took over while one was being decided. */
  dispatch(received: Received, from: Attachment): Maybe<void> {
    const before = this.#dispatching;
    const { elapsed } = from.machine;
    const done = before === undefined ? this.take(received, from, elapsed) : this.takeBehind(before, received, from);
    if (isPromise(done)) return this.awaits(done);
  }

  private takeBehind(before: Promise<void>, received: Received, from: Attachment): Promise<void> {
    return before.then(() => this.take(received, from, from.connection.clock.elapsed()));
  }

  private awaits(done: Promise<void>): Promise<void> {
    const settled = () => {
      if (this.#dispatching === tail) this.#dispatching = undefined;
    };
    const tail: Promise<void> = done.then(settled, settled);
    this.#dispatching = tail;
    return done;
  }

  private take(received: Received, from: Attachment, elapsed: number): Maybe<void> {
    if (received.kind === "dropped") {
      if (received.error !== undefined) this.#o.hooks.onError?.(received.error);
      return;
    }
    if (this.#o.rights.isOver(elapsed)) throw new SealwireError("E_SESSION_EXPIRED");
    // What that was about ended with its session.
    const isPast = from.facts.id !== this.#o.life.facts.id;
    if (received.kind === "control") return isPast ? undefined : this.onControl(received, from);
    const { seq, claims, late, raw, apart, size } = received;
    const { connection, facts, ledger } = from;
    const { hooks } = this.#o;
    if (hooks.trace)
      trace(hooks, {
        direction: "in",
        kind: "application",
        seq,
        claims: apart === undefined ? raw : concat(raw, apart),
      });
    // Messages that are refused for their time cost as much as others, so they are charged too.
    if (hooks.rateLimited) {
      const { itemsPerSecond, itemsBurst } = this.#o.limits;
      this.#items ??= new TokenBucket(itemsPerSecond, itemsBurst);
      connection.throttle(this.#items.spend(claims.items.length, elapsed));
    }
    const settled = claims.batch && ledger.part?.seq === seq ? ledger.part.settled : NONE;
    if (late !== undefined) return isPast ? undefined : this.refuseAll(received, settled, late);
    const description = new Description(received, facts.keys, this.#o.life.offset, hooks);
    if (!claims.batch) {
      const item = claims.items[0] as Item;
      const message = description.of(item.topic, item.data, undefined);
      return this.#o.delivery.item(item, message, size, from, this.once(claims, from));
    }
    return this.takeBatch(received, from, description, settled);
  }

  private refuseAll({ seq, claims }: ReceivedMessage, settled: readonly number[], code: ErrorCode): Maybe<void> {
    if (settled.length === 0) return this.refuse(seq, code);
    // By its number all of it would be.
    return inOrder(claims.items, (_, i) => (settled.includes(i) ? undefined : this.refuse([seq, i], code)));
  }

  /** Apart from the rest: what its functions keep would be made for each message. */
  private takeBatch(
    { seq, claims, size }: ReceivedMessage,
    from: Attachment,
    description: Description,
    settled: readonly number[],
  ): Maybe<void> {
    const { ledger } = from;
    const shares = sharesOf(claims.items, size);
    // All of them before the first is decided: the batch can be left to another node meanwhile.
    for (const index of settled) {
      ledger.undelivered.add(seq, index);
      ledger.undelivered.done(seq, index);
    }
    const done = inOrder(claims.items, (item, index): Maybe<void> => {
      if (settled.includes(index)) return;
      const message = description.of(item.topic, item.data, index);
      return this.#o.delivery.item(item, message, shares[index] as number, from);
    });
    return chain(done, () => ledger.undelivered.whole(seq));
  }

  /** Tells whether what may come in several sessions was not delivered before: undefined for what cannot. */
  private once(claims: ApplicationClaims, from: Attachment): Once | undefined {
    if (claims.jti === undefined || this.#o.hooks.once === undefined) return undefined;
    return this.asksOnce(claims.jti, claims, from);
  }

  private asksOnce(jti: string, { iat = 0, exp }: ApplicationClaims, { machine, connection }: Attachment): Once {
    const { hooks } = this.#o;
    return () => hooks.once?.({ jti, iat, exp, now: machine.now(connection.time) }) ?? false;
  }

  private refuse(ref: Ref, code: ErrorCode): Maybe<void> {
    return this.#o.life.refuse({ ref, code });
  }

  private onControl({ message, seq }: ReceivedControl, from: Attachment): Maybe<void> {
    switch (message.top) {
      case "ping":
        return from.control({ top: "pong", ref: seq });
      case "err":
        return this.onErr(message.ref, message.code);
      case "bye":
        return this.#o.farewell.onBye(message.code, from);
      default:
        return this.#o.rights.onControl(message, seq, from);
    }
  }

  private onErr(ref: Ref, code: ErrorCode): void {
    const seq = typeof ref === "number" ? ref : ref[0];
    const error = new SealwireError(code, { ref: seq, remote: true, fatal: false });
    const requested = this.#o.requests.reject(ref, error);
    // Of a batch the rest was one-way.
    if (!requested || this.#o.refusals.knows(ref)) this.#o.refusals.tell(ref, code);
  }
}

/** One after the other, and without a promise where none has to be awaited. */
function inOrder(items: readonly Item[], deliver: (item: Item, index: number) => Maybe<void>, from = 0): Maybe<void> {
  for (let i = from; i < items.length; i++) {
    const done = deliver(items[i] as Item, i);
    if (isPromise(done)) return done.then(() => inOrder(items, deliver, i + 1));
  }
}
