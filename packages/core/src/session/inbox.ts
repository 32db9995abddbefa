import type { Limits } from "../registry.generated.ts";
import type { Message } from "./types.ts";

/** Runs what was received: in order of arrival, up to `concurrentHandlers` at once, the rest waits. */
export class Inbox {
  readonly #limits: Limits;
  readonly #onRoom: () => void;
  readonly #waiting: { readonly size: number; readonly run: () => Promise<void> }[] = [];
  #active = 0;
  #bytes = 0;
  #onIdle: (() => void)[] = [];

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

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    while (this.#active > 0 || this.#waiting.length > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#waiting.length = 0;
    this.#bytes = 0;
  }

  #next(): void {
    while (this.#active < this.#limits.concurrentHandlers && this.#waiting.length > 0) {
      const wasFull = this.full;
      const { size, run } = this.#waiting.shift() as { size: number; run: () => Promise<void> };
      this.#active++;
      this.#bytes -= size;
      void run().finally(() => {
        this.#active--;
        this.#next();
        if (this.#active === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
      });
      if (wasFull && !this.full) this.#onRoom();
    }
  }
}

/** Messages for one `for await`; what is not read yet counts against the receive queue. */
export class MessageStream implements AsyncIterableIterator<Message> {
  readonly #queue: { readonly message: Message; readonly size: number }[] = [];
  readonly #limits: Limits;
  readonly #onRead: () => void;
  readonly #onEnd: (stream: MessageStream) => void;
  readonly #wakes: ((result: IteratorResult<Message>) => void)[] = [];
  #bytes = 0;
  #ended = false;

  constructor(limits: Limits, onRead: () => void, onEnd: (stream: MessageStream) => void) {
    this.#limits = limits;
    this.#onRead = onRead;
    this.#onEnd = onEnd;
  }

  get full(): boolean {
    const { receiveQueueMessages, receiveQueueBytes } = this.#limits;
    return this.#queue.length >= receiveQueueMessages || this.#bytes >= receiveQueueBytes;
  }

  push(message: Message, size: number): void {
    if (this.#ended) return;
    const wake = this.#wakes.shift();
    if (wake !== undefined) {
      wake({ value: message, done: false });
      return;
    }
    this.#queue.push({ message, size });
    this.#bytes += size;
  }

  /** No more will come; what is queued can still be read. */
  end(): void {
    this.#ended = true;
    for (const wake of this.#wakes.splice(0)) wake({ value: undefined, done: true });
  }

  async next(): Promise<IteratorResult<Message>> {
    const next = this.#queue.shift();
    if (next !== undefined) {
      this.#bytes -= next.size;
      this.#onRead();
      return { value: next.message, done: false };
    }
    if (this.#ended) return { value: undefined, done: true };
    return await new Promise((resolve) => {
      this.#wakes.push(resolve);
    });
  }

  async return(): Promise<IteratorResult<Message>> {
    this.#queue.length = 0;
    this.#bytes = 0;
    this.end();
    this.#onEnd(this);
    this.#onRead();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
