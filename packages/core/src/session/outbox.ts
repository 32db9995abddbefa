import type { Awaiting } from "../crypto/backend.ts";
import type { Payload } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import { isPromise, type Maybe } from "../maybe.ts";
import { Ahead } from "./ahead.ts";
import type { Connection } from "./connection.ts";
import type { Prepared } from "./messages.ts";

/** A message that waits for its cipher, or for the one before it. */
class Waiting implements Awaiting<unknown> {
  readonly prepared: Prepared;
  readonly #outbox: Outbox;
  sealed: Payload | undefined;
  failure: { readonly cause: unknown } | undefined;
  /** Of the cipher, until that has answered: also the answer to whoever asks first, who gets `#value` below `#mark`. */
  #sealing: Promise<unknown> | undefined;
  #mark: number | undefined;
  #value: unknown;
  /** The others that asked. */
  #done: (() => void)[] | undefined;
  #left = false;

  constructor(prepared: Prepared, outbox: Outbox) {
    this.prepared = prepared;
    this.#outbox = outbox;
  }

  /** `sealing`: where it was begun already. */
  begin(sealing?: Promise<Payload>): void {
    try {
      this.#sealing = sealing === undefined ? this.prepared.begin(this) : undefined;
      this.#sealing ??= this.#seal(sealing);
    } catch (cause) {
      this.#sealing = this.#seal(Promise.reject(cause));
    }
  }

  /** Also what is thrown has its turn. */
  async #seal(sealing?: Promise<Payload>): Promise<unknown> {
    try {
      this.sealed = await (sealing ?? this.prepared.seal());
    } catch (cause) {
      return this.failed(cause);
    }
    return this.#answered();
  }

  ended(sealed: Uint8Array): Maybe<unknown> {
    this.sealed = this.prepared.framed(sealed);
    return this.#answered();
  }

  failed(cause: unknown): Maybe<unknown> {
    this.failure = { cause };
    return this.#answered();
  }

  #answered(): Maybe<unknown> {
    this.#sealing = undefined;
    this.#outbox.flush();
    if (this.#mark === undefined) return;
    return this.#left ? this.#outbox.below(this.#mark, this.#value) : this.drained(this.#mark, this.#value);
  }

  /** Waits until it has left. Answers with `value` once at most `mark` bytes are unsent. */
  drained<T>(mark: number, value: T): Promise<T> {
    if (this.#sealing !== undefined && this.#mark === undefined) {
      this.#mark = mark;
      this.#value = value;
      return this.#sealing as Promise<T>;
    }
    return new Promise((resolve) => {
      // A list: thousands may be sent in one turn.
      this.#done ??= [];
      this.#done.push(() => resolve(this.#outbox.below(mark, value)));
    });
  }

  /** It was sent, or nothing more is. */
  leave(): void {
    this.#left = true;
    if (this.#done !== undefined) for (const tell of this.#done) tell();
  }
}

/**
 * Seals messages in the order of their sequence numbers, several at once where the cipher answers later, and hands the
 * frames over in this order, whichever is sealed first. Behind one that cannot be sealed nothing is sent.
 */
export class Outbox {
  readonly #connection: Connection;
  readonly #limit: number;
  readonly #onSent: ((prepared: Prepared, payload: Payload) => void) | undefined;
  /** Made where the cipher answers later. */
  #later: { readonly queue: Waiting[]; readonly ahead: Ahead } | undefined;
  #pending = 0;
  #broken = false;
  #sealsAtOnce = false;
  /** Those that wait until less is unsent, and since when none of them had to wait no longer. */
  #waiting = 0;
  #waitingSince = 0;

  constructor(connection: Connection, limit: number, onSent?: (prepared: Prepared, payload: Payload) => void) {
    this.#connection = connection;
    this.#limit = limit;
    this.#onSent = onSent;
  }

  /** False until that is known. */
  get sealsAtOnce(): boolean {
    return this.#sealsAtOnce;
  }

  /** Bytes that wait for the cipher or the network. */
  get unsent(): number {
    return this.#pending + this.#connection.bufferedAmount;
  }

  /** Seals it, behind what was pushed before. */
  push(prepared: Prepared): void {
    if (this.#broken) return;
    this.#pending += prepared.claims.length;
    if (this.#last !== undefined || (this.#later !== undefined && prepared.sealsLater)) {
      this.#enqueue(prepared);
      this.#sealAhead();
    } else if (!this.#pushFirst(prepared)) return;
    // Not before this message has its place: the bye of a failure comes after it.
    this.#checkLimit();
  }

  /** True where it has to wait. */
  #pushFirst(prepared: Prepared): boolean {
    let sealed: Maybe<Payload>;
    try {
      sealed = prepared.seal();
    } catch (cause) {
      this.#failed(cause);
      return false;
    }
    this.#sealsAtOnce = !isPromise(sealed);
    if (isPromise(sealed)) this.#awaitFirst(prepared, sealed);
    else this.#sent(prepared, sealed);
    return isPromise(sealed);
  }

  #awaitFirst(prepared: Prepared, sealing: Promise<Payload>): void {
    const waiting = this.#enqueue(prepared);
    this.#later?.ahead.begin(prepared.claims.length);
    waiting.begin(sealing);
  }

  get #last(): Waiting | undefined {
    return this.#later?.queue.at(-1);
  }

  #enqueue(prepared: Prepared): Waiting {
    const waiting = new Waiting(prepared, this);
    this.#later ??= { queue: [], ahead: new Ahead() };
    this.#later.queue.push(waiting);
    return waiting;
  }

  #sealAhead(): void {
    if (this.#later?.ahead.isLow === false) return;
    for (let later = this.#later; later !== undefined; ) {
      const next = later.queue[later.ahead.count];
      if (next === undefined || !later.ahead.takes(next.prepared.claims.length)) return;
      later.ahead.begin(next.prepared.claims.length);
      next.begin();
    }
  }

  /** Hands over what is sealed, up to the first that is not. */
  flush(): void {
    for (let later = this.#later; later !== undefined; ) {
      const first = later.queue[0];
      if (first?.failure !== undefined) {
        this.#failed(first.failure.cause);
        return;
      }
      if (first?.sealed === undefined) break;
      later.queue.shift();
      later.ahead.end(first.prepared.claims.length);
      this.#sent(first.prepared, first.sealed);
      first.leave();
    }
    this.#sealAhead();
  }

  /** Waits until nothing is left for the cipher, and at most `mark` bytes are unsent. Answers with `value`. */
  drained<T>(mark: number, value: T): Maybe<T> {
    return this.#last?.drained(mark, value) ?? this.below(mark, value);
  }

  /** As `drained`, whatever is left for the cipher. */
  below<T>(mark: number, value: T): Maybe<T> {
    return this.unsent <= mark ? value : this.#drain(mark, value);
  }

  async #drain<T>(mark: number, value: T): Promise<T> {
    const { clock } = this.#connection;
    if (this.#waiting++ === 0) this.#waitingSince = clock.elapsed();
    // The peer may have stopped reading until this side does.
    this.#connection.pump();
    await this.#connection.drained(mark);
    this.#waiting--;
    this.#waitingSince = clock.elapsed();
    return value;
  }

  get isWaiting(): boolean {
    return this.#waiting > 0;
  }

  /** Milliseconds for which somebody has waited and nobody was served. */
  get waited(): number {
    return this.isWaiting ? this.#connection.clock.elapsed() - this.#waitingSince : 0;
  }

  #sent(prepared: Prepared, payload: Payload): void {
    this.#pending -= prepared.claims.length;
    this.#connection.send(payload, true);
    this.#onSent?.(prepared, payload);
    prepared.leave();
    this.#checkLimit();
  }

  #checkLimit(): void {
    if (this.unsent <= this.#limit) return;
    this.#connection.fail(
      new SealwireError("E_QUOTA", { stage: "local", detail: "sendBufferBytes: the peer reads too slowly" }),
    );
  }

  /** Nothing more is sent, not even a bye: it would stand behind a gap. */
  stop(): void {
    this.#broken = true;
    this.#later?.ahead.clear();
    for (const waiting of this.#later?.queue.splice(0) ?? []) waiting.leave();
  }

  /** The number is used up and nothing was sent under it: the session cannot go on. */
  #failed(cause: unknown): void {
    this.stop();
    this.#connection.fail(new SealwireError("E_INTERNAL", { stage: "local", detail: "sealing failed", cause }));
  }
}
