import { isSealwireError, type Limits, SealwireError } from "@sealwire/core";
import {
  type Chain,
  type ConnectionEnd,
  type CryptoBackend,
  hintedError,
  type SessionHooks,
} from "@sealwire/core/internal";
import { LiveClientSession } from "./client-session.ts";
import { deadline } from "./deadline.ts";
import type { Dialer } from "./dialer.ts";
import type { ConnectOptions, ReconnectOptions } from "./options.ts";
import type { Platform } from "./platform.ts";
import { isProofKeyStore } from "./proof-store.ts";
import { isPutOff, isUnanswered, ReconnectPolicy } from "./reconnect-policy.ts";
import { Refresher } from "./refresher.ts";
import { TokenFailure } from "./token-failure.ts";

export interface KeptSessionOptions {
  readonly platform: Platform;
  readonly dialer: Dialer;
  readonly options: ConnectOptions;
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly reconnect: Required<ReconnectOptions> | false;
  readonly random: CryptoBackend["random"];
  /** Milliseconds for one attempt. */
  readonly timeout: number;
}

/** Rounds over all chains before a new session is made: a refusal is not authenticated, so one is not believed. */
const ROUNDS = 2;
/** After the network came back or the page is looked at: this much silence and the connection counts as lost. */
const PROBE_MS = 5_000;

/** Keeps a session through lost connections, expiring tokens, and where need be in a new session. One attempt at a time. */
export class KeptSession {
  readonly #o: KeptSessionOptions;
  readonly #policy: ReconnectPolicy;
  /** Aborted when the session is over. */
  readonly #ended = new AbortController();
  #session: LiveClientSession | undefined;
  #refresher: Refresher | undefined;
  /** Of the connection that was lost. */
  #last: ConnectionEnd | undefined;
  /** From here on the session cannot be resumed, on the clock that does not jump. */
  #resumableUntil = 0;
  #rounds = 0;
  readonly #refused = new Set<string>();
  #wake = () => {};

  constructor(options: KeptSessionOptions) {
    this.#o = options;
    const { reconnect, platform } = options;
    this.#policy = new ReconnectPolicy({
      // Without reconnecting it is not asked.
      reconnect: reconnect || { minDelay: 1, maxDelay: 1, attempts: 1 },
      renewable: typeof options.options.token === "function",
      elapsed: () => platform.clock.elapsed(),
      random: this.#random,
    });
  }

  /** Uniform, from 0 up to, not including, 1. */
  readonly #random = (): number => {
    const [a = 0, b = 0] = this.#o.random(2);
    return (a * 256 + b) / 65_536;
  };

  /** The first session. Rejects with what went wrong: whoever connects decides about another attempt. */
  async open(signal: AbortSignal): Promise<LiveClientSession> {
    const { dialer, limits, hooks, options, platform } = this.#o;
    const kept: SessionHooks = {
      ...hooks,
      lost: (info, resumable) => this.#lost(info, resumable),
      soon: () => this.#refresher?.soon(),
    };
    const opened = dialer.open(signal, (established, connection) => {
      const session = new LiveClientSession(established, connection, limits, kept);
      this.#session = session;
      this.#policy.opened();
      const onError = (error: SealwireError) => hooks.onError?.(error);
      const refresh = { platform, session, token: options.token, random: this.#random, onError };
      this.#refresher = new Refresher({ ...refresh, timeout: this.#o.timeout });
      this.#refresher.schedule();
      this.#watch(session);
      // Handlers are registered by what awaits connect: a request that came together with SR waits for them.
      connection.throttle(1);
      return session.receiver;
    });
    // What the application's function threw is what it gets.
    await opened.catch((error: unknown) => Promise.reject(error instanceof TokenFailure ? error.cause : error));
    const session = this.#session as unknown as LiveClientSession;
    const { proof } = options;
    if (isProofKeyStore(proof)) session.forget = () => proof.forget();
    return session;
  }

  #watch(session: LiveClientSession): void {
    const stop = this.#o.platform.presence.watch(() => {
      if (session.state === "open") session.probe(PROBE_MS);
      else this.#wake();
    });
    void session.closed.then(() => {
      stop();
      this.#ended.abort(new SealwireError("E_CLOSED", { detail: "the session is over" }));
      this.#wake();
    });
  }

  #lost(info: ConnectionEnd, resumable: boolean): boolean {
    const session = this.#session;
    if (this.#o.reconnect === false || session === undefined) return false;
    if (!this.#policy.afterSession(info.error)) return false;
    // It is not in CloseInfo: another session takes the place of this one.
    if (!resumable && info.error !== undefined) this.#o.hooks.onError?.(info.error);
    this.#last = info;
    this.#resumableUntil = this.#o.platform.clock.elapsed() + session.life.facts.policy.res * 1000;
    this.#rounds = resumable ? 0 : ROUNDS;
    this.#refused.clear();
    // Not at once: the session is not told yet that it waits.
    queueMicrotask(() => void this.#reconnect(session));
    return true;
  }

  async #reconnect(session: LiveClientSession): Promise<void> {
    for (;;) {
      await this.#pause(session);
      if (session.state !== "reconnecting" || (await this.#attempt(session))) return;
    }
  }

  /** Waits before an attempt: a growing time, and longer without a network. Woken where that is back, or at the end. */
  async #pause({ state }: LiveClientSession): Promise<void> {
    const { platform, reconnect } = this.#o;
    if (reconnect === false || state !== "reconnecting") return;
    const delay = this.#policy.nextDelay();
    await new Promise<void>((resolve) => {
      // A page that is wrong about its network is not offline for ever.
      const cancel = platform.delay(resolve, platform.presence.online() ? delay : reconnect.maxDelay);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = () => {};
  }

  /** One connection, which is gone when another one is made. True if it was the last attempt. */
  async #attempt(session: LiveClientSession): Promise<boolean> {
    const { platform, timeout } = this.#o;
    const chain = this.#nextChain(session);
    const left = this.#resumableUntil - platform.clock.elapsed();
    const ms = chain === undefined ? timeout : Math.min(timeout, left);
    const { signal, cancel } = deadline(platform.clock, this.#ended.signal, ms);
    try {
      await (chain === undefined ? this.#anew(session, signal) : this.#resume(session, chain, signal));
      return true;
    } catch (error) {
      if (session.state !== "reconnecting") return true;
      if (chain !== undefined && !isUnanswered(error) && !isPutOff(error)) this.#refused.add(chain.kid);
      this.#report(error);
      if (this.#policy.afterAttempt(error, chain !== undefined)) return false;
      this.#giveUp(session, error);
      return true;
    } finally {
      cancel();
    }
  }

  /** The chain that the next connection is made with; undefined for a new session (specs/lifecycle.md, section 7). */
  #nextChain({ life }: LiveClientSession): Chain | undefined {
    const { chains } = life.ledger;
    const over = this.#o.platform.clock.elapsed() >= this.#resumableUntil;
    if (over || this.#rounds >= ROUNDS || chains.length >= this.#o.limits.resumeChains) return undefined;
    const next = chains.find(({ kid }) => !this.#refused.has(kid));
    if (next !== undefined || chains.length === 0) return next;
    this.#rounds++;
    this.#refused.clear();
    return this.#rounds >= ROUNDS ? undefined : chains[0];
  }

  async #resume(session: LiveClientSession, chain: Chain, signal: AbortSignal): Promise<void> {
    await this.#o.dialer.resume(session, chain, signal, (established, connection) =>
      this.#opened(session.resume(established, connection)),
    );
  }

  async #anew(session: LiveClientSession, signal: AbortSignal): Promise<void> {
    // Whatever comes of it: who refused all chains twice is not asked again.
    this.#rounds = ROUNDS;
    await this.#o.dialer.open(signal, (established, connection) =>
      this.#opened(session.replace(established, connection)),
    );
  }

  /** The end of the session can be another one than before. */
  #opened<R>(receiver: R): R {
    this.#policy.opened();
    this.#refresher?.schedule();
    return receiver;
  }

  /** The application hears of its own function, and of what this end has found: that stands nowhere else. */
  #report(error: unknown): void {
    const { onError } = this.#o.hooks;
    if (error instanceof TokenFailure) onError?.(error.reported);
    else if (!isSealwireError(error)) onError?.(new SealwireError("E_INTERNAL", { cause: error, fatal: false }));
    else if (!error.remote && error.code !== "E_CLOSED" && error.code !== "E_TIMEOUT_HS") onError?.(error);
  }

  #giveUp(session: LiveClientSession, error: unknown): void {
    const last = this.#last as ConnectionEnd;
    const reason = isSealwireError(error) ? error : last.error;
    session.end({
      code: reason?.closeCode ?? last.code,
      error: reason ?? hintedError(last.code, "the connection was not made again"),
      clean: false,
      truncated: true,
    });
  }
}
