import type { Clock } from "../../src/session/socket.ts";

/** Virtual time: nothing happens until a test says so. */
export class VirtualClock implements Clock {
  #now = 1_893_456_000_000;
  #timers: { at: number; fn: () => void }[] = [];

  unix(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#now - 1_893_456_000_000;
  }

  /** Timers that are waiting: none may be left when everything is closed. */
  get pending(): number {
    return this.#timers.length;
  }

  /** The same time on a clock that is set wrongly. */
  behind(seconds: number): Clock {
    return {
      unix: () => this.unix() - seconds * 1000,
      elapsed: () => this.elapsed(),
      schedule: (fn, ms) => this.schedule(fn, ms),
    };
  }

  schedule(fn: () => void, ms: number): () => void {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }

  /** Moves on, running due timers in their order and letting promises settle between them. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
    }
    this.#now = end;
    await settle();
  }
}

/** WebCrypto works on other threads: what it is at is counted, so that virtual time can wait for it. */
let atWork = 0;
const { subtle } = globalThis.crypto;
for (const name of [
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "digest",
  "deriveBits",
  "deriveKey",
  "importKey",
  "exportKey",
  "generateKey",
] as const) {
  const work = subtle[name].bind(subtle) as (...args: never[]) => Promise<unknown>;
  Object.assign(subtle, {
    [name]: (...args: never[]) => {
      atWork++;
      return work(...args).finally(() => atWork--);
    },
  });
}

/** Lets what is under way finish: promises, and WebCrypto's threads with what follows from them. */
export async function settle(rounds = 6): Promise<void> {
  for (let quiet = 0; quiet < rounds; quiet = atWork > 0 ? 0 : quiet + 1) await new Promise((r) => setImmediate(r));
}

/** Waits in real time until `ready`, for what runs on other threads; throws if it never comes. */
export async function until(ready: () => boolean, what = "condition"): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (ready()) return;
    await new Promise((resolve) => setTimeout(resolve, i < 100 ? 0 : 5));
  }
  throw new Error(`${what} never came`);
}
