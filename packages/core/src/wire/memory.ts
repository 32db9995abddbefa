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

/** What is shorter is not worth it to be lent. */
export const LARGE = 16_384;
/** A buffer serves frames of about one length. */
const STEP = 4096;

interface LendingOptions {
  /** Bytes that wait to be lent again. */
  readonly spare: number;
  /** What is given back is overwritten with zeros: it was no one's to see. */
  readonly wipes: boolean;
}

/**
 * Memory of large messages, which is written again once nobody needs them: chunks of a file then make no garbage outside of
 * the heap, for which the engine would look through all of it.
 */
export class Lending {
  readonly #options: LendingOptions;
  readonly #spare: ArrayBuffer[] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #bytes = 0;

  constructor(options: LendingOptions) {
    this.#options = options;
  }

  /** Any bytes, to be overwritten to the last one. The memory behind them is up to half as much again. */
  take(length: number): Uint8Array {
    const at = this.#spare.findLastIndex(({ byteLength }) => byteLength >= length && 3 * length >= 2 * byteLength);
    const [spare] = at < 0 ? [] : this.#spare.splice(at, 1);
    if (spare !== undefined) this.#bytes -= spare.byteLength;
    const buffer = spare ?? new ArrayBuffer(Math.ceil(length / STEP) * STEP);
    this.#lent.add(buffer);
    return new Uint8Array(buffer, 0, length);
  }

  /** Nobody looks at these bytes any more. Without effect for any that were not lent, or were given back. */
  giveBack({ buffer }: Uint8Array): void {
    if (!this.#lent.delete(buffer)) return;
    const { spare, wipes } = this.#options;
    if (wipes) new Uint8Array(buffer).fill(0);
    if (this.#bytes + buffer.byteLength > spare) return;
    this.#bytes += buffer.byteLength;
    this.#spare.push(buffer as ArrayBuffer);
  }
}

/** Claims in clear. */
export const claimsMemory: Memory = new Memory();
/** What goes to the wire. */
export const frameMemory: Memory = new Memory();
/**
 * The same, where it is large. Lent by the ciphers that answer at once, given back by the socket. As many wait as are unsent
 * by default before a sender waits (`highWaterMark`).
 */
export const frames: Lending = new Lending({ spare: 1_048_576, wipes: false });
/**
 * Claims in clear that are large; given back after their receipt, of which there is one for each 262,144 bytes (`ackBytes`).
 * Whoever gives them back knows that their cipher has answered.
 */
export const largeClaims: Lending = new Lending({ spare: 4_194_304, wipes: true });

/** For claims that are written to the last byte. */
export const claimsRoom = (length: number): Uint8Array =>
  length < LARGE ? claimsMemory.cut(length) : largeClaims.take(length);
