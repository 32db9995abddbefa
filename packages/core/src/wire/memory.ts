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
  readonly #lent = new WeakSet<Uint8Array>();
  #bytes = 0;

  constructor(options: LendingOptions) {
    this.#options = options;
  }

  /** Any bytes, to be overwritten to the last one. The memory behind them is up to half as much again. */
  take(length: number): Uint8Array {
    const at = this.#spare.findLastIndex(({ byteLength }) => byteLength >= length && 3 * length >= 2 * byteLength);
    const [spare] = at < 0 ? [] : this.#spare.splice(at, 1);
    if (spare !== undefined) this.#bytes -= spare.byteLength;
    // Never as long as a block, whose pieces are given back one by one.
    const buffer = spare ?? new ArrayBuffer(Math.ceil((length + 1) / STEP) * STEP);
    const lent = new Uint8Array(buffer, 0, length);
    this.#lent.add(lent);
    return lent;
  }

  /** Nobody looks at these bytes any more. Without effect for any that were not lent as they are, or were given back. */
  giveBack(bytes: Uint8Array): void {
    if (!this.#lent.delete(bytes)) return;
    const { buffer } = bytes;
    const { spare, wipes } = this.#options;
    if (wipes) new Uint8Array(buffer).fill(0);
    if (this.#bytes + buffer.byteLength > spare) return;
    this.#bytes += buffer.byteLength;
    this.#spare.push(buffer as ArrayBuffer);
  }
}

interface PassingOptions extends LendingOptions {
  /** The same of what is not large. */
  readonly short: number;
}

/**
 * Memory of messages of every length. What is given back serves the next message of its length: an engine keeps an object of
 * its own beside each view that it was given, and memory that was never written to costs it more than the message.
 */
export class Passing {
  readonly #options: PassingOptions;
  readonly #memory: Memory = new Memory();
  readonly #lending: Lending;
  readonly #spare: Map<number, Uint8Array[]> = new Map();
  #bytes = 0;

  constructor(options: PassingOptions) {
    this.#options = options;
    this.#lending = new Lending(options);
  }

  /** Any bytes, to be overwritten to the last one. */
  take(length: number): Uint8Array {
    if (length >= LARGE) return this.#lending.take(length);
    const spare = this.#spare.get(length)?.pop();
    if (spare === undefined) return this.#memory.cut(length);
    this.#bytes -= length;
    return spare;
  }

  /** Nobody else has these bytes, nor looks at them any more. What is not large was taken as it is, and is given back once. */
  giveBack(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length >= LARGE) {
      this.#lending.giveBack(bytes);
      return;
    }
    const { wipes, short } = this.#options;
    // A part of more than a block would hold all of that.
    const { byteLength } = bytes.buffer;
    if (length !== byteLength && byteLength !== BLOCK) return;
    if (wipes) bytes.fill(0);
    // Lengths that do not come again make room for those of now.
    if (this.#bytes + length > short) {
      this.#spare.clear();
      this.#bytes = 0;
    }
    this.#bytes += length;
    const spare = this.#spare.get(length);
    if (spare === undefined) this.#spare.set(length, [bytes]);
    else spare.push(bytes);
  }
}

/** What is needed as long as one message is under way, and is left to the collector. */
export const passing: Memory = new Memory();
/**
 * What goes to the wire. Large ones are given back by the socket, all of them where that copies what it is given. As many wait
 * as are unsent by default before a sender waits (`highWaterMark`).
 */
export const frames: Passing = new Passing({ spare: 1_048_576, short: 65_536, wipes: false });
/**
 * Claims in clear, to be written to the last byte. Large ones are given back after their receipt, of which there is one for
 * each 262,144 bytes (`ackBytes`). Whoever gives them back knows that their cipher has answered.
 */
export const claimsMemory: Passing = new Passing({ spare: 4_194_304, short: 65_536, wipes: true });
