/** What can stand in a queue, in one at a time. */
export interface Queued<T> {
  next: T | undefined;
}

/** First in, first out. A list, since an array keeps room for as many as it once held: in each session, for ever. */
export class Queue<T extends Queued<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(one: T): void {
    if (this.#last === undefined) this.#first = one;
    else this.#last.next = one;
    this.#last = one;
    this.#length++;
  }

  shift(): T | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    this.#first = first.next;
    if (this.#first === undefined) this.#last = undefined;
    first.next = undefined;
    this.#length--;
    return first;
  }

  /** The one with so many before it. */
  at(index: number): T | undefined {
    if (index >= this.#length) return undefined;
    if (index === this.#length - 1) return this.#last;
    let one = this.#first;
    for (let i = 0; i < index; i++) one = one?.next;
    return one;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#length = 0;
  }
}
