/**
 * How much is sealed, and how much opened, at once where the cipher works elsewhere and answers later (WebCrypto): enough
 * that it always has work. The first one is begun whatever its size.
 */
const MOST = { messages: 32, bytes: 1_048_576 } as const;

/**
 * A thread that is called while it sleeps has to be woken, which costs more than the work on a short message, as in Firefox.
 * Where so many are under way the next ones are begun together, once half of them are done;
 * not where they are so large that a call does not matter.
 */
const ENOUGH = { messages: 8, bytes: 65_536 } as const;

/** Microtasks. */
const FEW = 16;

/** The work of one direction that was begun before its turn: that of the first ones that wait, without a gap. */
export class Ahead {
  #count = 0;
  #bytes = 0;
  /** How many they were when the last one was begun. */
  #most = 0;
  /** The cipher is a thread of its own. Chromium's is not, whose calls have answered when they return: there nothing waits. */
  #elsewhere: boolean | undefined;

  /** How many of those that wait for their turn are begun. */
  get count(): number {
    return this.#count;
  }

  /** False where the cipher has enough for now. Asked before the first of those that are begun together. */
  get isLow(): boolean {
    if (this.#elsewhere !== true) return true;
    return this.#count < ENOUGH.messages || this.#bytes > ENOUGH.bytes || 2 * this.#count <= this.#most;
  }

  takes(size: number): boolean {
    return this.#count === 0 || (this.#count < MOST.messages && this.#bytes + size <= MOST.bytes);
  }

  begin(size: number): void {
    this.#most = ++this.#count;
    this.#bytes += size;
    if (this.#elsewhere === undefined && this.#count === 1) void this.#look();
  }

  /** Where the call had answered when it returned, the message has its turn within a few microtasks. */
  async #look(): Promise<void> {
    for (let i = 0; i < FEW; i++) await undefined;
    this.#elsewhere ??= true;
  }

  /** The first one has its turn. Nothing where it was not begun. */
  end(size: number): void {
    if (this.#count === 0) return;
    this.#count--;
    this.#elsewhere ??= false;
    this.#bytes -= size;
  }

  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
  }
}
