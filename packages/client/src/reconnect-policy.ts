import { isSealwireError, type SealwireError } from "@sealwire/core";
import type { ReconnectOptions } from "./options.ts";

/** "stop": the session is over. "again": after a pause. "token": once more with a new token, then stop. */
export type Verdict = "stop" | "again" | "token";

/** @throws TypeError */
export function checkReconnect(options: ReconnectOptions | false | undefined): Required<ReconnectOptions> | false {
  if (options === false) return false;
  const { minDelay = 500, maxDelay = 20_000, attempts = Number.POSITIVE_INFINITY } = options ?? {};
  if (!(minDelay > 0 && maxDelay >= minDelay && maxDelay < 2 ** 31))
    throw new TypeError("reconnect: minDelay, maxDelay");
  if (!(attempts >= 1)) throw new TypeError("reconnect.attempts is a number from 1");
  return { minDelay, maxDelay, attempts };
}

/** Close codes after which a client does not come back by itself (specs/session.md, section 14). */
const TERMINAL = new Set([1009, 3003]);

/** For what the server said in a sealed bye, or this end found out itself. */
function byCode(code: number | undefined): Verdict {
  if (code === undefined) return "again";
  if (code === 3000) return "token";
  return TERMINAL.has(code) || (code >= 4400 && code <= 4499) ? "stop" : "again";
}

/** Hints of one kind that are followed by another attempt, in ten minutes. */
const HINTS = 5;
const HINTS_MS = 600_000;
/** Failures of cryptography in a row after which something is wrong that no attempt mends. */
const CRYPTO_IN_A_ROW = 3;

/** Decides about each failure, by who said it: a word that is not authenticated stops nobody for good at once. */
export class ReconnectPolicy {
  readonly #elapsed: () => number;
  readonly #attempts: number;
  readonly #hints = new Map<number, number[]>();
  #crypto = 0;
  #tokens = 0;
  #unreachable = 0;

  constructor(attempts: number, elapsed: () => number) {
    this.#attempts = attempts;
    this.#elapsed = elapsed;
  }

  /** A session is open again. */
  succeeded(): void {
    [this.#crypto, this.#tokens, this.#unreachable] = [0, 0, 0];
  }

  /** The connection of an open session ended. */
  afterSession(error: SealwireError | undefined): Verdict {
    // In order: somebody wanted it.
    if (error === undefined) return "stop";
    if (error.code === "E_TRUNCATED") return "again";
    return this.#bounded(byCode(error.closeCode), error.closeCode);
  }

  /** A full handshake failed. `error` is whatever was thrown, also by the function that gets tokens. */
  afterHandshake(error: unknown): Verdict {
    if (!isSealwireError(error)) return error instanceof TypeError ? "stop" : "again";
    if (!error.remote && error.code === "E_CLOSED") {
      this.#unreachable++;
      return this.#unreachable < this.#attempts ? "again" : "stop";
    }
    this.#unreachable = 0;
    if (!error.remote) return this.#bounded(byCode(error.closeCode), error.closeCode);
    return this.#hinted(error.closeCode ?? 0);
  }

  #bounded(verdict: Verdict, code: number | undefined): Verdict {
    if (verdict === "token") return this.#tokens++ === 0 ? "token" : "stop";
    this.#crypto = code === 4501 ? this.#crypto + 1 : 0;
    return this.#crypto >= CRYPTO_IN_A_ROW ? "stop" : verdict;
  }

  #hinted(code: number): Verdict {
    if (code === 3000) return this.#tokens++ === 0 ? "token" : "stop";
    const now = this.#elapsed();
    const recent = (this.#hints.get(code) ?? []).filter((at) => now - at < HINTS_MS);
    recent.push(now);
    this.#hints.set(code, recent);
    return recent.length > HINTS ? "stop" : "again";
  }
}

/** Milliseconds before attempt `n` (from 0): anywhere up to twice the time of the one before, so that clients spread. */
export function delayOf({ minDelay, maxDelay }: Required<ReconnectOptions>, n: number, random: number): number {
  return Math.min(maxDelay, minDelay * 2 ** Math.min(n, 30)) * random;
}
