import { isPromise, type Maybe } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import { Queue, type Queued } from "./queue.ts";
import type { Message } from "./types.ts";

/**
 * How far behind the application is (specs/session.md, section 12): nothing more is read at "full" unless it waits for
 * the peer, from "over" on receipts are withheld, and beyond "end" nothing is read in any case. What an honest peer may
 * still send from "over" on stops short of "end", its last message may go beyond a limit of bytes.
 */
export type Level = "full" | "over" | "end";

/** Of `messages`, the next one included. */
export function isAt(level: Level, limits: Limits, messages: number, bytes: number): boolean {
  const { receiveQueueMessages, retainedMessages, receiveQueueBytes, retainedBytes, messageBytes } = limits;
  const times = level === "full" ? 0 : level === "over" ? 1 : 2;
  const most = receiveQueueMessages + times * retainedMessages;
  const mostBytes = receiveQueueBytes + times * retainedBytes;
  if (level === "end") return messages > most + 1 || bytes > mostBytes + 2 * messageBytes;
  return messages > most || bytes >= mostBytes;
}

/** What waits for its turn. */
export interface Waiting<T> extends Queued<T> {
  /** What it holds in memory while it waits. */
  readonly size: number;
}

export interface InboxHost<T extends Waiting<T>> {
  readonly limits: Limits;
  /** It was full and is not any more. */
  onRoom(): void;
  /** What waited has its turn. */
  onTaken(): void;
  /** Asked when its turn has come, one after the other, so that all begin in order. Never rejects. */
  admit(waiting: T): Maybe<boolean>;
  /** Begins at once where it was admitted. Never throws or rejects. */
  run(waiting: T): Maybe<void>;
}

/** Runs what was received: in order of arrival, up to `concurrentHandlers` at once, the rest waits. */
export class Inbox<T extends Waiting<T>> {
  readonly #host: InboxHost<T>;
  readonly #waiting: Queue<T> = new Queue();
  /** In the order in which they began. Few, and most are at an end before the next one begins: made for one. */
  #active: T[] | undefined;
  #admitting = false;
  #bytes = 0;
  #onIdle: (() => void)[] = [];

  constructor(host: InboxHost<T>) {
    this.#host = host;
  }

  /** With `more` messages. */
  isAt(level: Level, more = 1): boolean {
    return isAt(level, this.#host.limits, this.#waiting.length + more, this.#bytes);
  }

  /** How many messages wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** What has been at work longest. */
  get oldest(): T | undefined {
    return this.#active?.[0];
  }

  push(waiting: T): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.size;
    this.#next();
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    while (this.#running > 0 || this.#waiting.length > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#waiting.clear();
    this.#bytes = 0;
  }

  get #running(): number {
    return this.#active?.length ?? 0;
  }

  #next(): void {
    const { limits } = this.#host;
    while (!this.#admitting && this.#running < limits.concurrentHandlers && this.#waiting.length > 0) {
      const wasFull = this.isAt("full");
      const next = this.#waiting.shift() as T;
      if (this.#active === undefined) this.#active = [next];
      else this.#active.push(next);
      this.#bytes -= next.size;
      this.#host.onTaken();
      const admitted = this.#host.admit(next);
      if (isPromise(admitted)) {
        this.#admitting = true;
        void admitted.then((later) => {
          this.#admitting = false;
          this.#begin(later, next);
          this.#next();
        });
      } else this.#begin(admitted, next);
      if (wasFull) this.#host.onRoom();
    }
    if (this.#running === 0 && this.#onIdle.length > 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #begin(admitted: boolean, next: T): void {
    const done = admitted ? this.#host.run(next) : undefined;
    if (isPromise(done))
      void done.then(() => {
        this.#end(next);
        this.#next();
      });
    else this.#end(next);
  }

  #end(one: T): void {
    const active = this.#active as T[];
    if (active.at(-1) === one) active.pop();
    else active.splice(active.indexOf(one), 1);
  }
}

interface Unread {
  readonly message: Message;
  readonly size: number;
  /** The last question before the application has it. Never rejects. */
  readonly admit: () => Maybe<boolean>;
}

/** Messages for one `for await`; what is not read yet counts against the receive queue, and is asked about when it is read. */
export class MessageStream implements AsyncIterableIterator<Message> {
  readonly #queue: Unread[] = [];
  readonly #limits: Limits;
  readonly #onRead: () => void;
  readonly #onEnd: (stream: MessageStream) => void;
  readonly #wakes: ((result: IteratorResult<Message>) => void)[] = [];
  #bytes = 0;
  #admitting = false;
  #ended = false;

  constructor(limits: Limits, onRead: () => void, onEnd: (stream: MessageStream) => void) {
    this.#limits = limits;
    this.#onRead = onRead;
    this.#onEnd = onEnd;
  }

  isAt(level: Level, more = 1): boolean {
    return isAt(level, this.#limits, this.#queue.length + more, this.#bytes);
  }

  push(unread: Unread): void {
    if (this.#ended) return;
    this.#queue.push(unread);
    this.#bytes += unread.size;
    this.#serve();
  }

  /** No more will come; what is queued can still be read, unless it is discarded. */
  end(discard: boolean): void {
    this.#ended = true;
    if (discard) {
      this.#queue.length = 0;
      this.#bytes = 0;
    }
    this.#serve();
  }

  next(): Promise<IteratorResult<Message>> {
    return new Promise((resolve) => {
      this.#wakes.push(resolve);
      this.#serve();
    });
  }

  /** Gives those that wait what there is, one after the other. */
  #serve(): void {
    while (!this.#admitting && this.#wakes.length > 0 && this.#queue.length > 0) {
      const { message, size, admit } = this.#queue.shift() as Unread;
      this.#bytes -= size;
      const admitted = admit();
      if (isPromise(admitted)) {
        this.#admitting = true;
        void admitted.then((later) => {
          this.#admitting = false;
          this.#give(message, later);
          this.#serve();
        });
      } else this.#give(message, admitted);
      this.#onRead();
    }
    if (this.#ended && !this.#admitting && this.#queue.length === 0)
      for (const wake of this.#wakes.splice(0)) wake({ value: undefined, done: true });
  }

  #give(message: Message, admitted: boolean): void {
    if (admitted) this.#wakes.shift()?.({ value: message, done: false });
  }

  async return(): Promise<IteratorResult<Message>> {
    this.end(true);
    this.#onEnd(this);
    this.#onRead();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
