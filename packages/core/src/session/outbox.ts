import type { Payload } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import type { Maybe } from "../maybe.ts";
import { Ahead } from "./ahead.ts";
import type { Connection } from "./connection.ts";
import type { Prepared } from "./messages.ts";

/** A message that waits for its cipher, or for the one before it. */
interface Waiting {
  readonly prepared: Prepared;
  sealed: Payload | undefined;
  failure: { readonly cause: unknown } | undefined;
  /** It was sent, or nothing more is. */
  readonly done: () => void;
}

/**
 * Seals messages in the order of their sequence numbers, several at once where the cipher answers later, and hands the
 * frames over in this order, whichever is sealed first. Behind one that cannot be sealed nothing is sent.
 */
export class Outbox {
  readonly #connection: Connection;
  readonly #limit: number;
  readonly #onSent: ((prepared: Prepared, payload: Payload) => void) | undefined;
  // Made where the cipher answers later.
  #queue: Waiting[] | undefined;
  #ahead: Ahead | undefined;
  #tail: Promise<void> | undefined;
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

  push(prepared: Prepared): Maybe<void> {
    if (this.#broken) return;
    this.#pending += prepared.claims.length;
    if (this.#queue !== undefined && this.#queue.length > 0) return this.#enqueue(prepared);
    let sealed: Maybe<Payload>;
    try {
      sealed = prepared.seal();
    } catch (cause) {
      return this.#failed(cause);
    }
    this.#sealsAtOnce = !(sealed instanceof Promise);
    return sealed instanceof Promise ? this.#enqueue(prepared, sealed) : this.#sent(prepared, sealed);
  }

  #enqueue(prepared: Prepared, sealed?: Promise<Payload>): Promise<void> {
    const tail = new Promise<void>((done) => {
      const waiting: Waiting = { prepared, sealed: undefined, failure: undefined, done };
      this.#queue ??= [];
      this.#queue.push(waiting);
      if (sealed !== undefined) this.#await(waiting, sealed);
    });
    this.#tail = tail;
    this.#sealAhead();
    // Not before this message has its place: the bye of a failure comes after it.
    this.#checkLimit();
    return tail;
  }

  #sealAhead(): void {
    for (;;) {
      const next = this.#queue?.[this.#ahead?.count ?? 0];
      if (next === undefined || this.#ahead?.takes(next.prepared.claims.length) === false) return;
      this.#await(next, sealed(next.prepared));
    }
  }

  #await(waiting: Waiting, sealed: Promise<Payload>): void {
    this.#ahead ??= new Ahead();
    this.#ahead.begin(waiting.prepared.claims.length);
    const settle = (result: Partial<Waiting>) => {
      Object.assign(waiting, result);
      this.#flush();
    };
    sealed.then(
      (payload) => settle({ sealed: payload }),
      (cause: unknown) => settle({ failure: { cause } }),
    );
  }

  /** Hands over what is sealed, up to the first that is not. */
  #flush(): void {
    const queue = this.#queue ?? [];
    for (;;) {
      const [first] = queue;
      if (first?.failure !== undefined) {
        this.#failed(first.failure.cause);
        return;
      }
      if (first?.sealed === undefined) break;
      queue.shift();
      this.#ahead?.end(first.prepared.claims.length);
      this.#sent(first.prepared, first.sealed);
      first.done();
    }
    if (queue.length === 0) this.#tail = undefined;
    this.#sealAhead();
  }

  /** Waits until at most `mark` bytes are unsent. */
  drained(mark: number): Maybe<void> {
    if (this.#tail === undefined && this.unsent <= mark) return;
    return this.#drain(mark);
  }

  async #drain(mark: number): Promise<void> {
    await this.#tail;
    if (this.unsent <= mark) return;
    const { clock } = this.#connection;
    if (this.#waiting++ === 0) this.#waitingSince = clock.elapsed();
    // The peer may have stopped reading until this side does.
    this.#connection.pump();
    await this.#connection.drained(mark);
    this.#waiting--;
    this.#waitingSince = clock.elapsed();
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
    this.#connection.send(payload);
    this.#onSent?.(prepared, payload);
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
    this.#tail = undefined;
    this.#ahead?.clear();
    for (const { done } of this.#queue?.splice(0) ?? []) done();
  }

  /** The number is used up and nothing was sent under it: the session cannot go on. */
  #failed(cause: unknown): void {
    this.stop();
    this.#connection.fail(new SealwireError("E_INTERNAL", { stage: "local", detail: "sealing failed", cause }));
  }
}

/** What is thrown is a rejection as well: it has its turn. */
const sealed = async (prepared: Prepared): Promise<Payload> => await prepared.seal();
