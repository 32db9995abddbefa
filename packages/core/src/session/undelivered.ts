/** A batch of which the application has some items already: who goes on with it delivers the others. */
export interface Part {
  readonly seq: number;
  /** Indices of those that it has, or that were refused. */
  readonly settled: readonly number[];
}

interface Batch {
  readonly waiting: Set<number>;
  readonly settled: Set<number>;
}

/** Which messages of the peer are committed and not yet with the application, by number, in the order of the numbers. */
export class Undelivered {
  /** Undefined for a message that stands alone. */
  #messages: Map<number, Batch | undefined> | undefined;
  /** The batch that came last stays until the next message comes: more of its items may. */
  #batch: number | undefined;
  /** The last of which the application has an item. */
  #begun = 0;
  #ceded: number | undefined;
  #part: Batch | undefined;

  /** Messages, a batch for one. */
  get size(): number {
    return [...this.#waiting()].length;
  }

  add(seq: number, index: number | undefined): void {
    this.#messages ??= new Map();
    if (!this.#messages.has(seq)) {
      if (this.#batch !== undefined && this.#messages.get(this.#batch)?.waiting.size === 0)
        this.#messages.delete(this.#batch);
      this.#batch = index === undefined ? undefined : seq;
      this.#messages.set(seq, index === undefined ? undefined : { waiting: new Set(), settled: new Set() });
    }
    if (index !== undefined) this.#messages.get(seq)?.waiting.add(index);
  }

  /** From here on nobody else may deliver it. */
  begin(seq: number): void {
    this.#begun = Math.max(this.#begun, seq);
  }

  /** It was delivered, or needs not to be. */
  done(seq: number, index: number | undefined): void {
    const batch = this.#messages?.get(seq);
    if (batch !== undefined && index !== undefined && batch.waiting.delete(index)) batch.settled.add(index);
    if (batch === undefined || (batch.waiting.size === 0 && seq !== this.#batch)) this.#messages?.delete(seq);
  }

  /**
   * Leaves to another node what the peer can send again: answers with the number after which it does, and with what it has
   * to know of the first batch of that.
   */
  cede(committed: number, announced: number): { readonly last: number; readonly part: Part | undefined } {
    const [first = committed + 1] = this.#waiting();
    const batch = this.#messages?.get(this.#begun);
    const inPart = first === this.#begun && announced < first && batch !== undefined;
    const last = inPart ? first - 1 : Math.max(first - 1, this.#begun, announced);
    for (const seq of this.#messages?.keys() ?? []) if (seq > last) this.#messages?.delete(seq);
    this.#ceded = last;
    if (!inPart) return { last, part: undefined };
    this.#part = batch;
    return { last, part: { seq: first, settled: [...batch.settled] } };
  }

  *#waiting(): Iterable<number> {
    for (const [seq, batch] of this.#messages ?? []) if (batch === undefined || batch.waiting.size > 0) yield seq;
  }

  isCeded(seq: number, index: number | undefined): boolean {
    if (this.#ceded === undefined || seq <= this.#ceded) return false;
    return seq > this.#ceded + 1 || index === undefined || this.#part?.settled.has(index) !== true;
  }
}
