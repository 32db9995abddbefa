/**
 * How much is sealed, and how much opened, at once where the cipher works elsewhere and answers later (WebCrypto): enough
 * that it always has work. The first one is begun whatever its size.
 */
const MOST = { messages: 32, bytes: 1_048_576 } as const;

/** The work of one direction that was begun before its turn: that of the first ones that wait, without a gap. */
export class Ahead {
  #count = 0;
  #bytes = 0;

  /** How many of those that wait for their turn are begun. */
  get count(): number {
    return this.#count;
  }

  takes(size: number): boolean {
    return this.#count === 0 || (this.#count < MOST.messages && this.#bytes + size <= MOST.bytes);
  }

  begin(size: number): void {
    this.#count++;
    this.#bytes += size;
  }

  /** The first one has its turn. Nothing where it was not begun. */
  end(size: number): void {
    if (this.#count === 0) return;
    this.#count--;
    this.#bytes -= size;
  }

  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
  }
}
