/**
 * How much is sealed, and how much opened, at once where the cipher works elsewhere and answers later (WebCrypto): enough
 * that it always has work. The first one is begun whatever its size.
 */
const MOST = { messages: 32, bytes: 1_048_576 } as const;

/** The work of one direction that was begun before its turn, in the order of the turns. */
export class Ahead {
  #sizes: number[] = [];
  #bytes = 0;

  /** How many of those that wait for their turn are begun. */
  get count(): number {
    return this.#sizes.length;
  }

  takes(size: number): boolean {
    return this.count === 0 || (this.count < MOST.messages && this.#bytes + size <= MOST.bytes);
  }

  begin(size: number): void {
    this.#sizes.push(size);
    this.#bytes += size;
  }

  /** The first one has its turn. Nothing where it was not begun. */
  end(): void {
    this.#bytes -= this.#sizes.shift() ?? 0;
  }

  clear(): void {
    this.#sizes = [];
    this.#bytes = 0;
  }
}
