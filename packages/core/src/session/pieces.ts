import { claimsMemory } from "../wire/memory.ts";

/** A piece of memory that several messages share, one behind the other. */
export class Piece {
  readonly bytes: Uint8Array;
  /** Of `bytes`, from the start. */
  used = 0;
  /** Messages that are still kept in it. */
  messages = 0;
  /** Somebody else may read what is in it, however long: it is not written again. */
  lent: boolean;

  constructor(bytes: Uint8Array, lent = false) {
    this.bytes = bytes;
    this.lent = lent;
  }

  fits(length: number): boolean {
    return this.used + length <= this.bytes.length;
  }

  /** Copies the claims of one more message, and answers with the offset at which they begin. */
  add(claims: Uint8Array): number {
    const start = this.used;
    this.bytes.set(claims, start);
    this.used += claims.length;
    this.messages++;
    return start;
  }

  /** Writes zeros over what was in it: it can be used anew. */
  wipe(): void {
    this.bytes.fill(0, 0, this.used);
    this.used = 0;
  }
}

/** Bytes of a piece, a power of two. */
const SIZE = { least: 1024, most: 16_384 } as const;
/** Bytes of the pieces that wait for somebody to take them, at most. */
const SPARE = 2 ** 22;

/**
 * Where all sessions take pieces from and give them back. Memory that lives until a receipt outlives the collections of
 * garbage that are quick, and waits for one that marks the whole heap: those cost more than all that is written into it.
 */
class Pieces {
  /** Bytes of the largest. */
  readonly largest: number = SIZE.most;
  readonly #spare: Map<number, Piece[]> = new Map();
  #bytes = 0;

  /** One of `room` bytes at least, which are at most `largest`. */
  take(room: number): Piece {
    let size: number = SIZE.least;
    while (size < room) size *= 2;
    const spare = this.#spare.get(size)?.pop();
    if (spare === undefined) return new Piece(new Uint8Array(size));
    this.#bytes -= size;
    return spare;
  }

  /** Keeps it for others where nothing is kept in it any more. Nobody finds there what it held. */
  give(piece: Piece): void {
    const { length: size } = piece.bytes;
    if (piece.lent || piece.messages > 0) return;
    if (size > this.largest) {
      claimsMemory.giveBack(piece.bytes);
      return;
    }
    if (this.#bytes + size > SPARE) return;
    piece.wipe();
    this.#bytes += size;
    const spare = this.#spare.get(size);
    if (spare === undefined) this.#spare.set(size, [piece]);
    else spare.push(piece);
  }
}

export const pieces: Pieces = new Pieces();
