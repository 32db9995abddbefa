import { SealwireError, type SealwireErrorOptions } from "../errors.ts";
import { DEFAULT_LIMITS } from "../registry.generated.ts";

/**
 * The window of RFC 6479 over the numbers of one direction: each is accepted once and in any order, as long as it is
 * less than `size` behind the highest one. `check` changes nothing; only an authenticated message may `commit`.
 *
 * The bitmap is a ring of as many words as `size` numbers in a row can touch: a step forward clears words and shifts
 * nothing.
 * Words are found by division, since JavaScript's bit operations see 32 bits and numbers go up to 2^53 − 1.
 * @see specs/replay.md, section 5
 */
export class ReplayWindow {
  readonly size: number;
  readonly #words: Uint32Array;
  #last = 0;
  #count = 0;

  /** @throws TypeError for a size that is no whole number above 0 */
  constructor(size: number = DEFAULT_LIMITS.replayWindow) {
    if (!Number.isSafeInteger(size) || size < 1) throw new TypeError("the size of a window is a whole number above 0");
    this.size = size;
    this.#words = new Uint32Array(Math.floor((size + 30) / 32) + 1);
  }

  /** The highest number committed, 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** How many numbers up to the highest one were never committed. */
  get missing(): number {
    return this.#last - this.#count;
  }

  /** @throws SealwireError E_REPLAY for a number that is committed or too old to tell, E_SEQ for one below 1 */
  check(seq: number, options?: SealwireErrorOptions): void {
    if (!Number.isSafeInteger(seq)) throw new TypeError("a sequence number is a whole number up to 2^53 − 1");
    if (seq < 1) throw new SealwireError("E_SEQ", options);
    if (seq > this.#last) return;
    if (this.#last - seq >= this.size || (this.#word(seq) & bit(seq)) !== 0) {
      throw new SealwireError("E_REPLAY", options);
    }
  }

  /** Checks again: where messages are opened in parallel, the number may have been committed meanwhile. */
  commit(seq: number): void {
    this.check(seq);
    const words = this.#words;
    if (seq > this.#last) {
      const from = Math.floor(this.#last / 32);
      const steps = Math.min(Math.floor(seq / 32) - from, words.length);
      for (let i = 1; i <= steps; i++) words[(from + i) % words.length] = 0;
      this.#last = seq;
    }
    words[this.#slot(seq)] = this.#word(seq) | bit(seq);
    this.#count++;
  }

  #slot(seq: number): number {
    return Math.floor(seq / 32) % this.#words.length;
  }

  #word(seq: number): number {
    return this.#words[this.#slot(seq)] as number;
  }
}

const bit = (seq: number): number => 1 << (seq % 32);
