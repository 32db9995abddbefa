import { SealwireError, type SealwireErrorOptions } from "../errors.ts";

/**
 * Strict order of one direction: the only sequence number accepted is the last one plus one.
 * TCP keeps order, so anything else means that something on the way dropped, repeated or moved a message.
 * `check` changes nothing; only an authenticated message may `commit`.
 */
export class StrictCounter {
  #last: number;

  /** `last`: what was committed before, by another one. */
  constructor(last = 0) {
    this.#last = last;
  }

  get last(): number {
    return this.#last;
  }

  check(seq: number, options?: SealwireErrorOptions): void {
    if (seq === this.#last + 1) return;
    throw new SealwireError(seq <= this.#last && seq > 0 ? "E_REPLAY" : "E_SEQ", options);
  }

  /** Checks again: where messages are opened in parallel, the number may have been committed meanwhile. */
  commit(seq: number): void {
    this.check(seq);
    this.#last = seq;
  }
}
