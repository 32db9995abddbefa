import { DEFAULT_LIMITS } from "../registry.generated.ts";

/** A batch of which some items are delivered or refused already: who goes on with it decides about the others. */
export interface Part {
  readonly seq: number;
  /** Indices of those that it has, or that were refused. */
  readonly settled: readonly number[];
}

/** What is known of each item. */
class Batch {
  /** Two bits each: 64 bytes in all, up to which memory is part of the heap and costs no call of malloc. */
  readonly #items = new Uint8Array(DEFAULT_LIMITS.batchItems / 4);
  /** How many items wait. */
  waiting = 0;

  add(index: number): void {
    if (this.#state(index) !== WAITS) this.waiting++;
    this.#set(index, WAITS);
  }

  settle(index: number): void {
    if (this.#state(index) !== WAITS) return;
    this.#set(index, SETTLED);
    this.waiting--;
  }

  #state(index: number): number {
    return ((this.#items[index >> 2] as number) >> (2 * (index & 3))) & 3;
  }

  #set(index: number, state: number): void {
    const at = 2 * (index & 3);
    this.#items[index >> 2] = ((this.#items[index >> 2] as number) & ~(3 << at)) | (state << at);
  }

  get settled(): readonly number[] {
    return Array.from({ length: DEFAULT_LIMITS.batchItems }, (_, i) => i).filter((index) => this.isSettled(index));
  }

  isSettled(index: number): boolean {
    return this.#state(index) === SETTLED;
  }
}

const WAITS = 1;
const SETTLED = 2;

/** Which messages of the peer are committed and not yet with the application, by number, in the order of the numbers. */
export class Undelivered {
  /** The newest, where it stands alone: most are delivered before the next one comes, and need no entry in the table. */
  #newest: number | undefined;
  /** Those before it. Undefined for a message that stands alone. */
  #messages: Map<number, Batch | undefined> | undefined;
  /** The batch that came last, until `whole`: more of its items may come. Undefined if it is left to another node. */
  #coming: { readonly seq: number; batch: Batch | undefined } | undefined;
  /** The last of which the application has an item. */
  #begun = 0;
  #ceded: number | undefined;
  #part: Batch | undefined;

  /** Messages, a batch for one. */
  get size(): number {
    return [...this.#waiting()].length;
  }

  add(seq: number, index: number | undefined): void {
    if (index !== undefined && this.#coming?.seq === seq) {
      this.#coming.batch?.add(index);
      return;
    }
    if (this.#coming !== undefined) this.whole(this.#coming.seq);
    if (this.#newest !== undefined) this.#table.set(this.#newest, undefined);
    this.#newest = undefined;
    if (index === undefined) {
      this.#newest = seq;
      return;
    }
    const batch = new Batch();
    batch.add(index);
    this.#coming = { seq, batch };
  }

  get #table(): Map<number, Batch | undefined> {
    this.#messages ??= new Map();
    return this.#messages;
  }

  /** From here on nobody else may deliver it. */
  begin(seq: number): void {
    this.#begun = Math.max(this.#begun, seq);
  }

  /** It was delivered, or needs not to be. */
  done(seq: number, index: number | undefined): void {
    if (seq === this.#newest) {
      this.#newest = undefined;
      return;
    }
    if (seq === this.#coming?.seq) {
      if (index !== undefined) this.#coming.batch?.settle(index);
      return;
    }
    const batch = this.#messages?.get(seq);
    if (index !== undefined) batch?.settle(index);
    if (batch === undefined || batch.waiting === 0) this.#messages?.delete(seq);
  }

  /** All items of this batch have come. */
  whole(seq: number): void {
    if (seq !== this.#coming?.seq) return;
    const { batch } = this.#coming;
    this.#coming = undefined;
    if (batch !== undefined && batch.waiting > 0) this.#table.set(seq, batch);
  }

  /**
   * Leaves to another node what the peer can send again: answers with the number after which it does, and with what it has
   * to know of the first batch of that.
   */
  cede(committed: number, announced: number): { readonly last: number; readonly part: Part | undefined } {
    const [first = committed + 1] = this.#waiting();
    const batch = this.#coming?.seq === first ? this.#coming.batch : this.#messages?.get(first);
    const inPart = this.#begun <= first && announced < first && batch !== undefined && batch.settled.length > 0;
    const last = inPart ? first - 1 : Math.max(first - 1, this.#begun, announced);
    for (const seq of this.#messages?.keys() ?? []) if (seq > last) this.#messages?.delete(seq);
    if (this.#newest !== undefined && this.#newest > last) this.#newest = undefined;
    if (this.#coming !== undefined && this.#coming.seq > last) this.#coming.batch = undefined;
    this.#ceded = last;
    if (!inPart) return { last, part: undefined };
    this.#part = batch;
    return { last, part: { seq: first, settled: batch.settled } };
  }

  *#waiting(): Iterable<number> {
    for (const [seq, batch] of this.#messages ?? []) if (batch === undefined || batch.waiting > 0) yield seq;
    if (this.#newest !== undefined) yield this.#newest;
    if (this.#coming?.batch !== undefined && this.#coming.batch.waiting > 0) yield this.#coming.seq;
  }

  isCeded(seq: number, index: number | undefined): boolean {
    if (this.#ceded === undefined || seq <= this.#ceded) return false;
    return seq > this.#ceded + 1 || index === undefined || this.#part?.isSettled(index) !== true;
  }
}
