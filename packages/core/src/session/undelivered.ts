/** Which messages of the peer are committed and not yet with the application, by number, in the order of the numbers. */
export class Undelivered {
  /** How many items of each wait. */
  readonly #items = new Map<number, number>();
  /** The last of which the application has an item. */
  #begun = 0;
  #ceded = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#items.size;
  }

  add(seq: number): void {
    this.#items.set(seq, (this.#items.get(seq) ?? 0) + 1);
  }

  /** From here on nobody else may deliver it. */
  begin(seq: number): void {
    this.#begun = Math.max(this.#begun, seq);
  }

  /** An item of it was delivered, or needs not to be. */
  done(seq: number): void {
    const left = (this.#items.get(seq) ?? 0) - 1;
    if (left > 0) this.#items.set(seq, left);
    else this.#items.delete(seq);
  }

  /** Leaves to another node what the peer can send again: answers with the number after which it does. */
  cede(committed: number, announced: number): number {
    const [first = committed + 1] = this.#items.keys();
    const last = Math.max(first - 1, this.#begun, announced);
    for (const seq of this.#items.keys()) if (seq > last) this.#items.delete(seq);
    this.#ceded = last;
    return last;
  }

  isCeded(seq: number): boolean {
    return seq > this.#ceded;
  }
}
