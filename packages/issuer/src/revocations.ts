import { refuse } from "./errors.ts";

/**
 * What no longer holds. The option `revocations` of a Sealwire server takes a sequence of these. `until`: NumericDate from
 * which no token is left that it could concern, so that it can be forgotten; the issuer always says it.
 */
export type Revocation = (
  | /** One access token, by `jti`. */
  { readonly tokenId: string; readonly issuer?: string }
  /** A user's tokens with an `iat` before `issuedBefore` (NumericDate). */
  | { readonly issuer?: string; readonly subject: string; readonly issuedBefore?: number }
) & { readonly until?: number };

/** Revocations in force that are kept for those who subscribe later, and that one subscriber may lag behind. */
export const FEED_CAPACITY = 10_000;

export type Lasting = Revocation & { readonly until: number };

/** Passes revocations on to every subscriber, and to later ones as long as a token could still be used. */
export class RevocationFeed {
  readonly #now: () => number;
  readonly #subscribers = new Set<Subscription>();
  /** By what is revoked: each once. */
  readonly #inForce = new Map<string, Lasting>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @throws OAuthError temporarily_unavailable: subscribers were told, later ones will not be, for lack of room */
  publish(revocations: readonly Lasting[]): void {
    const news = revocations.filter((r) => (this.#inForce.get(nameOf(r))?.until ?? 0) < r.until);
    for (const subscriber of this.#subscribers) for (const revocation of news) subscriber.push(revocation);
    const kept = news.filter((revocation) => this.#keep(revocation));
    if (kept.length < news.length) full();
  }

  /** What is in force is never pushed out by something newer. */
  #keep(revocation: Lasting): boolean {
    const name = nameOf(revocation);
    if (!this.#inForce.delete(name) && this.#room() < 1) return false;
    this.#inForce.set(name, revocation);
    return true;
  }

  /** @throws OAuthError temporarily_unavailable where `publish` would */
  assertRoom(revocations: readonly Lasting[]): void {
    if (revocations.filter((r) => !this.#inForce.has(nameOf(r))).length > this.#room()) full();
  }

  subscribe(): AsyncIterator<Revocation, undefined> {
    this.#sweep();
    const subscription = new Subscription(() => this.#subscribers.delete(subscription));
    this.#subscribers.add(subscription);
    for (const revocation of this.#inForce.values()) subscription.push(revocation);
    return subscription;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  #room(): number {
    if (this.#inForce.size >= FEED_CAPACITY) this.#sweep();
    return FEED_CAPACITY - this.#inForce.size;
  }

  #sweep(): void {
    const now = this.#now();
    for (const [name, { until }] of this.#inForce) if (until * 1000 <= now) this.#inForce.delete(name);
  }
}

const full = (): never => refuse("temporarily_unavailable", "too many revocations at a time");

/** The issuer is always the same. */
const nameOf = (by: Revocation): string => ("tokenId" in by ? `token ${by.tokenId}` : `subject ${by.subject}`);

type Result = IteratorResult<Revocation, undefined>;

/** No generator: `return` of one waits for a pending `next`, which comes with the next revocation or never. */
class Subscription implements AsyncIterator<Revocation, undefined> {
  readonly #unsubscribe: () => void;
  #queue: Revocation[] = [];
  #waiting: { resolve: (result: Result) => void; reject: (error: Error) => void }[] = [];
  #ended = false;
  #lost: Error | undefined;

  constructor(unsubscribe: () => void) {
    this.#unsubscribe = unsubscribe;
  }

  push(revocation: Revocation): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: revocation });
    else if (this.#queue.length < FEED_CAPACITY) this.#queue.push(revocation);
    else {
      this.#lost = new Error(`revocations: the subscriber is more than ${FEED_CAPACITY} behind and has lost some`);
      this.#end();
    }
  }

  next(): Promise<Result> {
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost !== undefined) return Promise.reject(lost);
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<Result> {
    this.#queue = [];
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #end(): void {
    this.#ended = true;
    this.#unsubscribe();
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }
}
