import type { Limits } from "../registry.generated.ts";
import type { Message } from "./types.ts";

/** Runs what was received: in order of arrival, up to `concurrentHandlers` at once, the rest waits. */
export class Inbox {
  readonly #limits: Limits;
  readonly #onRoom: () => void;
  readonly #waiting: { readonly size: number; readonly run: () => Promise<void> }[] = [];
  #active = 0;
  #bytes = 0;

  constructor(limits: Limits, onRoom: () => void) {
    this.#limits = limits;
    this.#onRoom = onRoom;
  }

  get full(): boolean {
    return this.#waiting.length >= this.#limits.receiveQueueMessages || this.#bytes >= this.#limits.receiveQueueBytes;
  }

  /** `run` never rejects. `size` is what it holds in memory while it waits. */
  push(size: number, run: () => Promise<void>): void {
    this.#waiting.push({ size, run });
    this.#bytes += size;
    this.#next();
  }

  #next(): void {
    while (this.#active < this.#limits.concurrentHandlers && this.#waiting.length > 0) {
      const { size, run } = this.#waiting.shift() as { size: number; run: () => Promise<void> };
      const wasFull = this.full;
      this.#active++;
      this.#bytes -= size;
      void run().finally(() => {
        this.#active--;
        this.#next();
      });
      if (wasFull && !this.full) this.#onRoom();
    }
  }
}

/** Messages for one `for await`; what is not read yet counts against the receive queue. */
export class MessageStream implements AsyncIterableIterator<Message> {
  readonly #queue: Message[] = [];
  readonly #onRead: () => void;
  readonly #onEnd: (stream: MessageStream) => void;
  readonly #wakes: ((result: IteratorResult<Message>) => void)[] = [];
  #ended = false;

  constructor(onRead: () => void, onEnd: (stream: MessageStream) => void) {
    this.#onRead = onRead;
    this.#onEnd = onEnd;
  }

  get length(): number {
    return this.#queue.length;
  }

  push(message: Message): void {
    if (this.#ended) return;
    const wake = this.#wakes.shift();
    if (wake !== undefined) wake({ value: message, done: false });
    else this.#queue.push(message);
  }

  /** No more will come; what is queued can still be read. */
  end(): void {
    this.#ended = true;
    for (const wake of this.#wakes.splice(0)) wake({ value: undefined, done: true });
  }

  async next(): Promise<IteratorResult<Message>> {
    const message = this.#queue.shift();
    if (message !== undefined) {
      this.#onRead();
      return { value: message, done: false };
    }
    if (this.#ended) return { value: undefined, done: true };
    return await new Promise((resolve) => {
      this.#wakes.push(resolve);
    });
  }

  async return(): Promise<IteratorResult<Message>> {
    this.#queue.length = 0;
    this.end();
    this.#onEnd(this);
    this.#onRead();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
