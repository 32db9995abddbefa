import { isSealwireError, type SealwireError } from "@sealwire/core";
import type { ReconnectOptions } from "./options.ts";
import { TokenFailure } from "./token-failure.ts";

/** @throws TypeError */
export function checkReconnect(options: ReconnectOptions | false | undefined): Required<ReconnectOptions> | false {
  if (options === false) return false;
  const { minDelay = 500, maxDelay = 20_000, attempts = Number.POSITIVE_INFINITY } = options ?? {};
  if (!(minDelay > 0 && maxDelay >= minDelay && maxDelay < 2 ** 31))
    throw new TypeError("reconnect: minDelay, maxDelay");
  if (!(attempts >= 1)) throw new TypeError("reconnect.attempts is a number from 1");
  return { minDelay, maxDelay, attempts };
}

/** Close codes after which a client does not come back by itself (specs/session.md, section 14), besides 4400 to 4499. */
const TERMINAL = new Set([1009, 3003]);
const UNAUTHORIZED = 3000;
const CRYPTO = 4501;
const EXPIRED = 4510;
/** What a socket says where nobody sent a close code (RFC 6455, section 7.4.1): nobody's word. */
const CUT = 1006;

/** Hints of one kind that are followed by another attempt, in ten minutes. */
const HINTS = 5;
const HINTS_MS = 600_000;
/** Failures of cryptography in a row after which something is wrong that no attempt mends. */
const CRYPTO_IN_A_ROW = 3;
/** A session that had a connection for so long is no part of a row of failures. */
const STABLE_MS = 30_000;

export interface PolicyOptions {
  readonly reconnect: Required<ReconnectOptions>;
  /** Whether there can be another token than the one that was refused. */
  readonly renewable: boolean;
  /** Milliseconds of a clock that does not jump. */
  readonly elapsed: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

/**
 * Decides after each failure whether to go on, by who said what: a word that is not authenticated ends nothing at once.
 * Counts what happened since the last connection that held.
 */
export class ReconnectPolicy {
  readonly #o: PolicyOptions;
  readonly #hints = new Map<number, number[]>();
  #openSince = 0;
  #attempts = 0;
  #unanswered = 0;
  #crypto = 0;
  #refusedTokens = 0;

  constructor(options: PolicyOptions) {
    this.#o = options;
  }

  /** A connection is there. */
  opened(): void {
    this.#openSince = this.#o.elapsed();
    this.#unanswered = 0;
  }

  /** Milliseconds before the next attempt: none up to twice as many as for the one before, so that clients spread. */
  nextDelay(): number {
    const { reconnect, random } = this.#o;
    const most = reconnect.minDelay * 2 ** Math.min(this.#attempts++, 30);
    return Math.min(reconnect.maxDelay, most) * random();
  }

  /** The connection of an open session ended. */
  afterSession(error: SealwireError | undefined): boolean {
    if (this.#o.elapsed() - this.#openSince >= STABLE_MS) {
      [this.#attempts, this.#crypto, this.#refusedTokens] = [0, 0, 0];
    }
    // In order: somebody wanted it.
    if (error === undefined) return false;
    // The close code of a connection without a sealed bye is a hint. It is not about a token: a resume needs none.
    if (error.code === "E_TRUNCATED") return error.closeCode === undefined || this.#believed(error.closeCode);
    return this.#told(error.closeCode);
  }

  /** An attempt failed, whatever was thrown. `resuming`: to take the session up again, not to make a new one. */
  afterAttempt(error: unknown, resuming: boolean): boolean {
    if (error instanceof TokenFailure && error.isFinal) return false;
    if (isUnanswered(error)) return ++this.#unanswered < this.#o.reconnect.attempts;
    this.#unanswered = 0;
    // Chains are bounded themselves, and a new session comes after them.
    if (resuming) return true;
    const { remote, closeCode = 0 } = error as SealwireError;
    return remote ? this.#hinted(closeCode) : this.#told(closeCode);
  }

  /** What stands in a sealed bye, or this end has found. */
  #told(code: number | undefined): boolean {
    if (code === undefined) return true;
    if (code === UNAUTHORIZED) return this.#anotherToken();
    // The server has ended the session of a token that is over.
    if (code === EXPIRED && !this.#o.renewable) return false;
    if (code === CRYPTO) return ++this.#crypto < CRYPTO_IN_A_ROW;
    return !TERMINAL.has(code) && !(code >= 4400 && code <= 4499);
  }

  /** A hint in an attempt to make a new session. */
  #hinted(code: number): boolean {
    return code === UNAUTHORIZED ? this.#anotherToken() : this.#believed(code);
  }

  #believed(code: number): boolean {
    if (code === CUT) return true;
    const now = this.#o.elapsed();
    const recent = (this.#hints.get(code) ?? []).filter((at) => now - at < HINTS_MS);
    recent.push(now);
    this.#hints.set(code, recent);
    return recent.length <= HINTS;
  }

  #anotherToken(): boolean {
    return this.#o.renewable && this.#refusedTokens++ === 0;
  }
}

/** What a server says that has no room, or not for so much, or where something fails: not that it does not know a session. */
const PUT_OFF: readonly string[] = ["E_BUSY", "E_INTERNAL", "E_QUOTA"];

export const isPutOff = (error: unknown): boolean =>
  isSealwireError(error) && error.remote && PUT_OFF.includes(error.code);

/** Nothing that a server said: none was reached in time, or no token or key set was to be had. */
export function isUnanswered(error: unknown): boolean {
  if (error instanceof TokenFailure || !isSealwireError(error)) return true;
  if (error.remote) return false;
  return (
    error.code === "E_CLOSED" || error.code === "E_TIMEOUT_HS" || (error.code === "E_KEY" && error.stage === "local")
  );
}
