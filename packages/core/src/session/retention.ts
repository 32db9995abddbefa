import type { Limits } from "../registry.generated.ts";

/**
 * Application messages under one number whose receipt the peer has not acknowledged. Many are kept for a while, so that
 * each is one object, and its claims are a part of memory that it shares with others.
 */
export class Kept {
  readonly seq: number;
  /** Of a message that stands alone. */
  readonly jti: string | undefined;
  /** NumericDate, in the server's time. */
  readonly exp: number;
  /** What it counts. */
  bytes: number;
  readonly #topic: string;
  /** Of the items behind the first one. */
  #others: string[] | undefined;
  #memory: Uint8Array | undefined;
  #start = 0;
  #end = 0;

  constructor(seq: number, jti: string | undefined, exp: number, topic: string, bytes: number) {
    this.seq = seq;
    this.jti = jti;
    this.exp = exp;
    this.#topic = topic;
    this.bytes = bytes;
  }

  /** Of each item. */
  get topics(): readonly string[] {
    return [this.#topic, ...(this.#others ?? [])];
  }

  /** How many items it has. */
  get count(): number {
    return 1 + (this.#others?.length ?? 0);
  }

  join(topic: string, bytes: number): void {
    this.#others ??= [];
    this.#others.push(topic);
    this.bytes += bytes;
  }

  /** As sealed; undefined until then, and where the session cannot be resumed, so that nothing will be sent again. */
  get claims(): Uint8Array | undefined {
    return this.#memory?.subarray(this.#start, this.#end);
  }

  /** Its claims are the bytes of `memory` from `start` to `end`, which nobody changes. */
  hold(memory: Uint8Array, start: number, end: number): void {
    this.#memory = memory;
    this.#start = start;
    this.#end = end;
  }
}

/** Bytes of a piece of memory: of the first, and of those behind it while more is kept than it holds. */
const PIECE = { least: 1024, most: 16_384 } as const;
/** Claims that are longer have memory of their own: they are not copied, unless that is more than twice as much. */
const SHARED = 4096;

/** Never changed: what keeps nothing needs no list. */
const NONE: Kept[] = [];

/**
 * What a session sent and the peer has not acknowledged, oldest first. In a resumable session nothing is forgotten
 * before that or its expiry, so a sender waits while `full`; elsewhere only the newest are known. A batch counts its items.
 */
export class Retention {
  readonly #limits: Limits;
  readonly #resumable: boolean;
  #kept = NONE;
  /** The first ones of #kept are gone already: shift() would move the whole array for each. */
  #gone = 0;
  #messages = 0;
  #bytes = 0;
  /** Undefined where nothing is kept. */
  #piece: Uint8Array | undefined;
  #used = 0;

  constructor(limits: Limits, resumable: boolean) {
    this.#limits = limits;
    this.#resumable = resumable;
  }

  get full(): boolean {
    if (!this.#resumable) return false;
    return this.#messages >= this.#limits.retainedMessages || this.#bytes >= this.#limits.retainedBytes;
  }

  add(kept: Kept): void {
    if (this.#kept === NONE) this.#kept = [];
    this.#kept.push(kept);
    this.#count(kept.count, kept.bytes);
  }

  /** It is sealed: `claims` are what is sent again. */
  hold(kept: Kept, claims: Uint8Array): void {
    if (!this.#resumable) return;
    const { length } = claims;
    if (length > SHARED) {
      // A batch is given room for more.
      const own = claims.buffer.byteLength > 2 * length ? new Uint8Array(claims) : claims;
      kept.hold(own, 0, length);
      return;
    }
    if (this.#piece === undefined || this.#used + length > this.#piece.length) {
      const size = this.#piece === undefined ? PIECE.least : Math.min(PIECE.most, 2 * this.#piece.length);
      this.#piece = new Uint8Array(Math.max(size, length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#piece.set(claims, start);
    this.#used += length;
    kept.hold(this.#piece, start, this.#used);
  }

  /** Another message of `bytes` bytes joins the newest one. */
  join(kept: Kept, topic: string, bytes: number): void {
    kept.join(topic, bytes);
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
    this.#replace(NONE);
  }

  #forget(count: number): void {
    for (let i = 0; i < count; i++) {
      const kept = this.#kept[this.#gone + i] as Kept;
      this.#messages -= kept.count;
      this.#bytes -= kept.bytes;
    }
    this.#gone += count;
    if (this.#gone === this.#kept.length) this.#replace(NONE);
    else if (this.#gone > 64 && this.#gone > this.#kept.length / 2) {
      this.#kept = this.#kept.slice(this.#gone);
      this.#gone = 0;
    }
  }

  #replace(kept: Kept[]): void {
    this.#kept = kept.length === 0 ? NONE : kept;
    this.#gone = 0;
    if (kept.length === 0) this.#piece = undefined;
    this.#messages = kept.reduce((sum, { count }) => sum + count, 0);
    this.#bytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
