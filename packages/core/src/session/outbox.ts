import type { Payload } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import type { Maybe } from "../maybe.ts";
import type { Connection } from "./connection.ts";
import type { Prepared } from "./messages.ts";

/** Seals one message after the other, in the order of their sequence numbers, and hands the frames over in this order. */
export class Outbox {
  readonly #connection: Connection;
  readonly #limit: number;
  readonly #onSent: ((prepared: Prepared, payload: Payload) => void) | undefined;
  #tail: Promise<void> | undefined;
  #pending = 0;
  #broken = false;
  /** Those that wait until less is unsent, and since when none of them had to wait no longer. */
  #waiting = 0;
  #waitingSince = 0;

  constructor(connection: Connection, limit: number, onSent?: (prepared: Prepared, payload: Payload) => void) {
    this.#connection = connection;
    this.#limit = limit;
    this.#onSent = onSent;
  }

  /** Bytes that wait for the cipher or the network. */
  get unsent(): number {
    return this.#pending + this.#connection.bufferedAmount;
  }

  push(prepared: Prepared): Maybe<void> {
    if (this.#broken) return;
    this.#pending += prepared.claims.length;
    if (this.#tail === undefined) {
      const done = this.#seal(prepared);
      if (!(done instanceof Promise)) return;
      this.#tail = done;
    } else {
      this.#tail = this.#tail.then(() => this.#seal(prepared));
    }
    const tail = this.#tail;
    void tail.then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    // Not before this message has its place: the bye of a failure comes after it.
    this.#checkLimit();
    return tail;
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

  #seal(prepared: Prepared): Maybe<void> {
    if (this.#broken) return;
    try {
      const payload = prepared.seal();
      if (!(payload instanceof Promise)) return this.#sent(prepared, payload);
      return payload.then(
        (sealed) => this.#sent(prepared, sealed),
        (error: unknown) => this.#failed(error),
      );
    } catch (error) {
      return this.#failed(error);
    }
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
  }

  /** The number is used up and nothing was sent under it: the session cannot go on. */
  #failed(cause: unknown): void {
    this.stop();
    this.#connection.fail(new SealwireError("E_INTERNAL", { stage: "local", detail: "sealing failed", cause }));
  }
}
