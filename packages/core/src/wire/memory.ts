const BLOCK = 16_384;
/** What is longer costs little beside the work on it. */
const LONGEST = 2048;

/**
 * Memory for what is needed as long as one message is under way. A buffer of its own lies outside the heap of the engine, and
 * to make and to collect it costs more than to write a short message into it; a piece of a block is a view. Whoever has
 * a piece can reach the whole block: an application gets none.
 */
export class Memory {
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** Zeros, which nobody else writes to. */
  cut(length: number): Uint8Array {
    if (length > LONGEST) return new Uint8Array(length);
    if (this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return this.#block.subarray(start, this.#used);
  }
}

/** Claims in clear. */
export const claimsMemory: Memory = new Memory();
/** What goes to the wire. */
export const frameMemory: Memory = new Memory();
