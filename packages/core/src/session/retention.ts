import type { Limits } from "../registry.generated.ts";

/** One application message: the whole of what has a number, or an item of a batch. */
export interface KeptItem {
  readonly topic: string;
  /** Its request has been authorized. */
  readonly reply: boolean;
  readonly request: boolean;
}

/** Application messages under one number whose receipt the peer has not acknowledged. */
export interface Kept {
  readonly seq: number;
  /** Of a message that stands alone. */
  readonly jti: string | undefined;
  /** NumericDate, in the server's time. */
  readonly exp: number;
  readonly items: KeptItem[];
  /** As sealed; undefined until then, and where the session cannot be resumed, so that nothing will be sent again. */
  claims: Uint8Array | undefined;
  /** What it counts. */
  bytes: number;
}

/**
 * What a session sent and the peer has not acknowledged, oldest first. In a resumable session nothing is forgotten
 * before that or its expiry, so a sender waits while `full`; elsewhere only the newest are known. A batch counts its items.
 */
export class Retention {
  readonly #limits: Limits;
  readonly #resumable: boolean;
  #kept: Kept[] = [];
  /** The first ones of #kept are gone already: shift() would move the whole array for each. */
  #gone = 0;
  #messages = 0;
  #bytes = 0;

  constructor(limits: Limits, resumable: boolean) {
    this.#limits = limits;
    this.#resumable = resumable;
  }

  get full(): boolean {
    if (!this.#resumable) return false;
    return this.#messages >= this.#limits.retainedMessages || this.#bytes >= this.#limits.retainedBytes;
  }

  add(kept: Kept): void {
    this.#kept.push(kept);
    this.#count(kept.items.length, kept.bytes);
  }

  /** Another message of `bytes` bytes joins the newest one. */
  join(kept: Kept, item: KeptItem, bytes: number): void {
    kept.items.push(item);
    kept.bytes += bytes;
    this.#count(1, bytes);
  }

  #count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
    if (this.#resumable) return;
    // The newest stays in any case.
    while (this.#messages > this.#limits.retainedMessages && this.#gone < this.#kept.length - 1) this.#forget(1);
  }

  /** The peer has committed everything up to `rcv`. True if there is room where there was none. */
  acknowledge(rcv: number): boolean {
    const wasFull = this.full;
    let count = 0;
    for (let i = this.#gone; i < this.#kept.length && (this.#kept[i] as Kept).seq <= rcv; i++) count++;
    this.#forget(count);
    return wasFull && !this.full;
  }

  /** Takes out what has expired at `now`; numbers of it stay used. */
  expire(now: number): readonly Kept[] {
    return this.take((kept) => kept.exp <= now);
  }

  /** Takes out what `matches`. */
  take(matches: (kept: Kept) => boolean): readonly Kept[] {
    const taken: Kept[] = [];
    const rest: Kept[] = [];
    for (const kept of this.all()) (matches(kept) ? taken : rest).push(kept);
    if (taken.length > 0) this.#replace(rest);
    return taken;
  }

  /** The earliest end of what is kept. */
  get nextExpiry(): number | undefined {
    let next: number | undefined;
    for (let i = this.#gone; i < this.#kept.length; i++) {
      const { exp } = this.#kept[i] as Kept;
      if (next === undefined || exp < next) next = exp;
    }
    return next;
  }

  all(): readonly Kept[] {
    return this.#kept.slice(this.#gone);
  }

  /** Forgets one that will not be sent again. */
  drop(seq: number): void {
    this.take((kept) => kept.seq === seq);
  }

  clear(): void {
    this.#replace([]);
  }

  #forget(count: number): void {
    for (let i = 0; i < count; i++) {
      const { items, bytes } = this.#kept[this.#gone + i] as Kept;
      this.#messages -= items.length;
      this.#bytes -= bytes;
    }
    this.#gone += count;
    if (this.#gone > 64 && this.#gone > this.#kept.length / 2) {
      this.#kept = this.#kept.slice(this.#gone);
      this.#gone = 0;
    }
  }

  #replace(kept: Kept[]): void {
    this.#kept = kept;
    this.#gone = 0;
    this.#messages = kept.reduce((sum, { items }) => sum + items.length, 0);
    this.#bytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
