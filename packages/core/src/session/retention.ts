import type { Limits } from "../registry.generated.ts";
import { Piece, pieces } from "./pieces.ts";

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
  /** How many items it has. */
  count = 1;
  readonly #topic: string;
  /** Of all items, where they are not the same. */
  #topics: string[] | undefined;
  /** Where its claims are, from `#start` to `#end`. */
  #piece: Piece | undefined;
  #start = 0;
  #end = 0;
  #lent = false;

  constructor(seq: number, jti: string | undefined, exp: number, topic: string, bytes: number) {
    this.seq = seq;
    this.jti = jti;
    this.exp = exp;
    this.#topic = topic;
    this.bytes = bytes;
  }

  /** Of each item. */
  get topics(): readonly string[] {
    return this.#topics ?? new Array(this.count).fill(this.#topic);
  }

  join(topic: string, bytes: number): void {
    if (topic !== this.#topic) this.#topics ??= [...this.topics];
    this.#topics?.push(topic);
    this.count++;
    this.bytes += bytes;
  }

  /** As sealed; undefined until then, and where the session cannot be resumed, so that nothing will be sent again. */
  get claims(): Uint8Array | undefined {
    return this.#piece?.bytes.subarray(this.#start, this.#end);
  }

  /** What holds them. */
  get piece(): Piece | undefined {
    return this.#piece;
  }

  /** Its claims are the bytes of `piece` from `start` to `end`, which nobody changes while this is kept. */
  hold(piece: Piece, start: number, end: number): void {
    this.#piece = piece;
    this.#start = start;
    this.#end = end;
    if (this.#lent) piece.lent = true;
  }

  /** They stay as they are for as long as anybody has this. */
  lend(): this {
    this.#lent = true;
    if (this.#piece !== undefined) this.#piece.lent = true;
    return this;
  }
}

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
  /** To which the next claims go. Undefined where nothing is kept. */
  #piece: Piece | undefined;

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

  /** It is sealed: `claims` are what is sent again. They are copied where they are not large. */
  hold(kept: Kept, claims: Uint8Array): void {
    if (!this.#resumable) return;
    const { length } = claims;
    if (length > pieces.largest) {
      kept.hold(new Piece(claims, true), 0, length);
      return;
    }
    const piece = this.#room(length);
    const start = piece.add(claims);
    kept.hold(piece, start, piece.used);
  }

  /** A piece of memory in which there is room. */
  #room(length: number): Piece {
    const last = this.#piece;
    if (last?.fits(length)) return last;
    const size = last === undefined ? 0 : Math.min(pieces.largest, 2 * last.bytes.length);
    this.#piece = pieces.take(Math.max(length, size));
    if (last !== undefined) pieces.give(last);
    return this.#piece;
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
    for (let i = this.#gone; i < this.#kept.length; i++) {
      const kept = this.#kept[i] as Kept;
      (matches(kept) ? taken : rest).push(kept);
    }
    if (taken.length === 0) return taken;
    for (const kept of taken) this.#release(kept.lend());
    this.#replace(rest);
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
    return this.#kept.slice(this.#gone).map((kept) => kept.lend());
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
      this.#release(kept);
    }
    this.#gone += count;
    if (this.#gone === this.#kept.length) this.#replace(NONE);
    else if (this.#gone > 64 && this.#gone > this.#kept.length / 2) {
      this.#kept = this.#kept.slice(this.#gone);
      this.#gone = 0;
    }
  }

  /** Its memory is for others, unless somebody reads it. */
  #release({ piece }: Kept): void {
    if (piece === undefined) return;
    piece.messages--;
    // The one of this moment is used anew at the latest when all are gone.
    if (piece !== this.#piece) pieces.give(piece);
  }

  #replace(kept: Kept[]): void {
    this.#kept = kept.length === 0 ? NONE : kept;
    this.#gone = 0;
    if (kept.length === 0 && this.#piece !== undefined) {
      pieces.give(this.#piece);
      this.#piece = undefined;
    }
    this.#messages = kept.reduce((sum, { count }) => sum + count, 0);
    this.#bytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
