import { settle, watchWebCrypto } from "./settle.ts";

/** Somebody whose events are held back until that time, and then come late and in their order. */
export interface Holder {
  readonly heldUntil: number;
}

interface Event {
  /** When it happens, which is later than `due` for what was held. */
  at: number;
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
  readonly holder: Holder | undefined;
}

/** Virtual time in milliseconds, shared by all machines of a simulation. It moves only in `advance` and `run`. */
export class Timeline {
  #now = 0;
  #order = 0;
  /** The next one is the last. */
  readonly #events: Event[] = [];

  constructor() {
    watchWebCrypto();
  }

  get now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#events.length;
  }

  /** Runs `fn` in `ms`; events of one moment run in the order in which they were made. The result cancels it. */
  schedule(fn: () => void, ms: number, holder?: Holder): () => void {
    const at = this.#now + Math.max(0, ms);
    const event: Event = { at, due: at, order: this.#order++, run: fn, holder };
    this.#insert(event);
    return () => {
      const index = this.#events.indexOf(event);
      if (index >= 0) this.#events.splice(index, 1);
    };
  }

  /** Moves on by `ms`. What each event sets in motion finishes before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    while (this.#step(end)) await settle();
    this.#now = end;
  }

  /** Moves on until nothing is left to happen, or `until` says so; false if `most` events were not enough. */
  async run(most: number, until: () => boolean = () => false): Promise<boolean> {
    await settle();
    for (let i = 0; i < most; i++) {
      if (until() || !this.#step(Number.POSITIVE_INFINITY)) return true;
      await settle();
    }
    return false;
  }

  /** Runs the next event, if it is not later than `end`. */
  #step(end: number): boolean {
    for (;;) {
      const event = this.#events.at(-1);
      if (event === undefined || event.at > end) return false;
      this.#events.pop();
      const until = event.holder?.heldUntil ?? 0;
      if (until > event.at) {
        event.at = until;
        this.#insert(event);
        continue;
      }
      this.#now = Math.max(this.#now, event.at);
      event.run();
      return true;
    }
  }

  #insert(event: Event): void {
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isLater(this.#events[middle] as Event, event)) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }
}

function isLater(a: Event, b: Event): boolean {
  return (a.at - b.at || a.due - b.due || a.order - b.order) > 0;
}
