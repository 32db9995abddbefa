// Time and a WebSocket that only a script moves.
import type { Clock, SessionSocket } from "@sealwire/core/internal";
import { fromMessage, type Message } from "./values.ts";

type Payload = string | Uint8Array;
type Events = Parameters<SessionSocket["listen"]>[0];

/** WebCrypto, which the token check uses on either backend, works on other threads: virtual time waits for them. */
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
] as const) {
  const work = subtle[name].bind(subtle) as (...args: never[]) => Promise<unknown>;
  Object.assign(subtle, {
    [name]: (...args: never[]) => {
      atWork++;
      return work(...args).finally(() => atWork--);
    },
  });
}

/** Lets what is under way finish, with what follows from it. */
export async function settle(): Promise<void> {
  for (let quiet = 0; quiet < 2; quiet = atWork > 0 ? 0 : quiet + 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export class VirtualClock implements Clock {
  #now: number;
  readonly #start: number;
  #timers: { readonly at: number; readonly fn: () => void }[] = [];

  constructor(seconds: number) {
    this.#now = seconds * 1000;
    this.#start = this.#now;
  }

  unix(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#now - this.#start;
  }

  schedule(fn: () => void, ms: number): () => void {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }

  /** Runs what falls due in order of time, and lets each finish before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** Tells what is sent; a close, of either end, is complete at once. */
export class ScriptSocket implements SessionSocket {
  readonly protocol: string;
  readonly bufferedAmount = 0;
  readonly onSent: (payload: Payload) => void;
  /** Messages. */
  sent = 0;
  closed: { readonly code: number; readonly reason: string } | undefined;
  #events: Events | undefined;
  #gone = false;
  #paused = false;
  readonly #held: Payload[] = [];

  constructor(protocol: string, onSent: (payload: Payload) => void) {
    this.protocol = protocol;
    this.onSent = onSent;
  }

  listen(events: Events): void {
    this.#events = events;
  }

  send(payload: Payload): void {
    if (this.#gone) return;
    this.sent++;
    this.onSent(typeof payload === "string" ? payload : payload.slice());
  }

  receive(messages: readonly Message[]): void {
    this.#held.push(...messages.map(fromMessage));
    this.#flush();
  }

  close(code: number, reason: string): void {
    if (this.#gone) return;
    this.closed = { code, reason };
    this.drop(code, reason);
  }

  terminate(): void {
    this.drop(1006, "");
  }

  drop(code: number, reason: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#events?.onClose(code, reason);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#flush();
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  #flush(): void {
    while (!this.#gone && !this.#paused) {
      const payload = this.#held.shift();
      if (payload === undefined) return;
      this.#events?.onMessage(payload);
    }
  }
}
