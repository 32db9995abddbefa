import type { Limits } from "../registry.generated.ts";

/** An application message whose receipt the peer has not acknowledged. */
export interface Kept {
  readonly seq: number;
  readonly topic: string;
  readonly jti: string | undefined;
  /** NumericDate, in the server's time. */
  readonly exp: number;
  /** As sealed; undefined where the session cannot be resumed, and nothing will be sent again. */
  readonly claims: Uint8Array | undefined;
  /** A reply: its request has been authorized. */
  readonly reply: boolean;
  readonly request: boolean;
}

/**
 * What a session sent and the peer has not acknowledged, oldest first. In a resumable session nothing is forgotten
 * before that or its expiry, so a sender waits while `full`; elsewhere only the newest are known.
 */
export class Retention {
  readonly #limits: Limits;
  readonly #resumable: boolean;
  #kept: Kept[] = [];
  /** The first ones of #kept are gone already: shift() would move the whole array for each. */
  #gone = 0;
  #bytes = 0;

  constructor(limits: Limits, resumable: boolean) {
    this.#limits = limits;
    this.#resumable = resumable;
  }

  get full(): boolean {
    if (!this.#resumable) return false;
    return this.#size >= this.#limits.retainedMessages || this.#bytes >= this.#limits.retainedBytes;
  }

  get #size(): number {
    return this.#kept.length - this.#gone;
  }

  add(kept: Kept): void {
    this.#kept.push(this.#resumable ? kept : { ...kept, claims: undefined });
    this.#bytes += kept.claims?.length ?? 0;
    if (!this.#resumable && this.#size > this.#limits.retainedMessages) this.#forget(1);
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
    for (let i = 0; i < count; i++) this.#bytes -= (this.#kept[this.#gone + i] as Kept).claims?.length ?? 0;
    this.#gone += count;
    if (this.#gone > 64 && this.#gone > this.#kept.length / 2) {
      this.#kept = this.#kept.slice(this.#gone);
      this.#gone = 0;
    }
  }

  #replace(kept: Kept[]): void {
    this.#kept = kept;
    this.#gone = 0;
    this.#bytes = kept.reduce((sum, { claims }) => sum + (claims?.length ?? 0), 0);
  }
}
