import type { Limits } from "../registry.generated.ts";
import { claimsMemory } from "../wire/memory.ts";
import { Piece, pieces } from "./pieces.ts";

/** How many wait to be used again, at most. */
const SPARE = 16_384;

/**
 * Application messages under one number whose receipt the peer has not acknowledged. Many are kept for a while, so that
 * each is one object, which is used again for others, and its claims are a part of memory that it shares with others.
 */
export class Kept {
  /** Those that wait to be used again, and how many. They outlive the quick collections of garbage, which copy what is new. */
  static #spare: Kept | undefined;
  static #spares = 0;

  #seq = 0;
  #jti: string | undefined;
  #exp = 0;
  #bytes = 0;
  #count = 0;
  #topic = "";
  /** Of all items, where they are not the same. */
  #topics: string[] | undefined;
  /** Where its claims are, from `#start` to `#end`. */
  #piece: Piece | undefined;
  #start = 0;
  #end = 0;
  #lent = false;
  /** The one that was sent after it. */
  next: Kept | undefined;

  private constructor() {}

  static of(seq: number, jti: string | undefined, exp: number, topic: string, bytes: number): Kept {
    let kept = Kept.#spare;
    if (kept === undefined) kept = new Kept();
    else {
      Kept.#spare = kept.next;
      Kept.#spares--;
    }
    kept.#seq = seq;
    kept.#jti = jti;
    kept.#exp = exp;
    kept.#topic = topic;
    kept.#bytes = bytes;
    kept.#count = 1;
    return kept;
  }

  /**
   * Nobody looks at it any more. Only what was sealed is used again, and was lent to nobody: whoever is about to seal it has
   * it until then.
   */
  done(): void {
    if (this.#lent || this.#piece === undefined || Kept.#spares === SPARE) return;
    this.#jti = undefined;
    this.#topic = "";
    this.#topics = undefined;
    this.#piece = undefined;
    this.next = Kept.#spare;
    Kept.#spare = this;
    Kept.#spares++;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Of a message that stands alone. */
  get jti(): string | undefined {
    return this.#jti;
  }

  /** NumericDate, in the server's time. */
  get exp(): number {
    return this.#exp;
  }

  /** What it counts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many items it has. */
  get count(): number {
    return this.#count;
  }

  /** Of each item. */
  get topics(): readonly string[] {
    return this.#topics ?? new Array(this.#count).fill(this.#topic);
  }

  join(topic: string, bytes: number): void {
    if (topic !== this.#topic) this.#topics ??= [...this.topics];
    this.#topics?.push(topic);
    this.#count++;
    this.#bytes += bytes;
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

  /** Nobody has these claims, where they are its own, but those to whom it was lent. */
  free(claims: Uint8Array): void {
    if (!this.#lent && this.#piece?.bytes === claims) this.#piece.lent = false;
  }

  /** It and its claims stay as they are for as long as anybody has this. */
  lend(): this {
    this.#lent = true;
    if (this.#piece !== undefined) this.#piece.lent = true;
    return this;
  }
}

/**
 * What a session sent and the peer has not acknowledged, oldest first. In a resumable session nothing is forgotten
 * before that or its expiry, so a sender waits while `full`; elsewhere only the newest are known. A batch counts its items.
 */
export class Retention {
  readonly #limits: Limits;
  readonly #resumable: boolean;
  #first: Kept | undefined;
  #last: Kept | undefined;
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
    kept.next = undefined;
    if (this.#last === undefined) this.#first = kept;
    else this.#last.next = kept;
    this.#last = kept;
    this.#count(kept.count, kept.bytes);
  }

  /** It is about to be sealed: `claims` are what is sent again. They are copied where they are not large. */
  hold(kept: Kept, claims: Uint8Array): void {
    if (!this.#resumable) return;
    const { length } = claims;
    if (length > pieces.largest) {
      // Lent to the cipher: a peer can acknowledge what it has not got.
      const piece = new Piece(claims, true);
      piece.messages = 1;
      kept.hold(piece, 0, length);
      return;
    }
    const piece = this.#room(length);
    const start = piece.add(claims);
    kept.hold(piece, start, piece.used);
  }

  /**
   * They were sealed: their memory is used again, at once where `hold` has copied them, else when they are not kept any more.
   * Where a peer has acknowledged what it had not got, `kept` can be another message by now.
   */
  sealed(kept: Kept, claims: Uint8Array): void {
    if (this.#resumable && claims.length > pieces.largest) kept.free(claims);
    else claimsMemory.giveBack(claims);
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
    while (this.#messages > this.#limits.retainedMessages && this.#first !== this.#last) this.#forget();
  }

  /** The peer has committed everything up to `rcv`. True if there is room where there was none. */
  acknowledge(rcv: number): boolean {
    const wasFull = this.full;
    while (this.#first !== undefined && this.#first.seq <= rcv) this.#forget();
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
    for (const kept of this.#all()) (matches(kept) ? taken : rest).push(kept);
    if (taken.length === 0) return taken;
    this.#empty();
    for (const kept of taken) this.#release(kept.lend());
    for (const kept of rest) this.add(kept);
    this.#leavePiece();
    return taken;
  }

  *#all(): Iterable<Kept> {
    for (let kept = this.#first; kept !== undefined; kept = kept.next) yield kept;
  }

  /** The earliest end of what is kept. */
  get nextExpiry(): number | undefined {
    let next: number | undefined;
    for (const { exp } of this.#all()) if (next === undefined || exp < next) next = exp;
    return next;
  }

  all(): readonly Kept[] {
    return [...this.#all()].map((kept) => kept.lend());
  }

  /** Forgets one that will not be sent again. */
  drop(seq: number): void {
    this.take((kept) => kept.seq === seq);
  }

  clear(): void {
    this.#empty();
    this.#leavePiece();
  }

  #empty(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#messages = 0;
    this.#bytes = 0;
  }

  /** Forgets the oldest one. */
  #forget(): void {
    const kept = this.#first as Kept;
    this.#first = kept.next;
    if (this.#first === undefined) this.#last = undefined;
    this.#messages -= kept.count;
    this.#bytes -= kept.bytes;
    this.#release(kept);
    this.#leavePiece();
    kept.done();
  }

  /** Its memory is for others, unless somebody reads it. */
  #release(kept: Kept): void {
    kept.next = undefined;
    const { piece } = kept;
    if (piece === undefined) return;
    piece.messages--;
    // The one of this moment is used anew at the latest when all are gone.
    if (piece !== this.#piece) pieces.give(piece);
  }

  #leavePiece(): void {
    if (this.#first !== undefined || this.#piece === undefined) return;
    pieces.give(this.#piece);
    this.#piece = undefined;
  }
}
