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
  /** Those that asked: it was sent, or nothing more is. */
  done: (() => void)[] | undefined;
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
    if (this.#last !== undefined) {
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
    this.#sealsAtOnce = !(sealed instanceof Promise);
    if (sealed instanceof Promise) this.#begin(this.#enqueue(prepared), sealed);
    else this.#sent(prepared, sealed);
    return sealed instanceof Promise;
  }

  get #last(): Waiting | undefined {
    return this.#later?.queue.at(-1);
  }

  #enqueue(prepared: Prepared): Waiting {
    const waiting: Waiting = { prepared, sealed: undefined, failure: undefined, done: undefined };
    this.#later ??= { queue: [], ahead: new Ahead() };
    this.#later.queue.push(waiting);
    return waiting;
  }

  #sealAhead(): void {
    for (let later = this.#later; later !== undefined; ) {
      const next = later.queue[later.ahead.count];
      if (next === undefined || !later.ahead.takes(next.prepared.claims.length)) return;
      this.#begin(next);
    }
  }

  /** `sealing`: where that was begun already. */
  #begin(waiting: Waiting, sealing?: Promise<Payload>): void {
    const { prepared } = waiting;
    this.#later?.ahead.begin(prepared.claims.length);
    const ended = (payload: Payload) => {
      waiting.sealed = payload;
      this.#flush();
    };
    const failed = (cause: unknown) => {
      waiting.failure = { cause };
      this.#flush();
    };
    if (sealing === undefined) prepared.begin(ended, failed);
    else sealing.then(ended, failed);
  }

  /** Hands over what is sealed, up to the first that is not. */
  #flush(): void {
    for (let later = this.#later; later !== undefined; ) {
      const [first] = later.queue;
      if (first?.failure !== undefined) {
        this.#failed(first.failure.cause);
        return;
      }
      if (first?.sealed === undefined) break;
      later.queue.shift();
      later.ahead.end(first.prepared.claims.length);
      this.#sent(first.prepared, first.sealed);
      told(first);
    }
    this.#sealAhead();
  }

  /** Waits until nothing is left for the cipher, and at most `mark` bytes are unsent. Answers with `value`. */
  drained<T>(mark: number, value: T): Maybe<T> {
    const last = this.#last;
    if (last === undefined) return this.unsent <= mark ? value : this.#drain(mark, value);
    return this.#drainBehind(last, mark, value);
  }

  #drainBehind<T>(last: Waiting, mark: number, value: T): Promise<T> {
    return new Promise((resolve) => {
      // A list: thousands may be sent in one turn.
      last.done ??= [];
      last.done.push(() => resolve(this.unsent <= mark ? value : this.#drain(mark, value)));
    });
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
    this.#later?.ahead.clear();
    for (const waiting of this.#later?.queue.splice(0) ?? []) told(waiting);
  }

  /** The number is used up and nothing was sent under it: the session cannot go on. */
  #failed(cause: unknown): void {
    this.stop();
    this.#connection.fail(new SealwireError("E_INTERNAL", { stage: "local", detail: "sealing failed", cause }));
  }
}

const told = ({ done }: Waiting): void => {
  if (done !== undefined) for (const tell of done) tell();
};
