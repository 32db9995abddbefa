import { isSealwireError, type Limits, type SealwireError } from "@sealwire/core";
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
import { delayOf, ReconnectPolicy, type Verdict } from "./reconnect-policy.ts";
import { isStop, Refresher } from "./refresher.ts";

export interface KeptSessionOptions {
  readonly platform: Platform;
  readonly dialer: Dialer;
  readonly options: ConnectOptions;
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly reconnect: Required<ReconnectOptions> | false;
  readonly random: CryptoBackend["random"];
}

/** Rounds over all chains before a new session is made: a refusal is not authenticated, so one is not believed. */
const ROUNDS = 2;
/** After the network came back or the page is looked at: this much silence and the connection counts as lost. */
const PROBE_MS = 5_000;

/** Keeps a session through lost connections, expiring tokens, and where need be in a new session. */
export class KeptSession {
  readonly #o: KeptSessionOptions;
  readonly #policy: ReconnectPolicy;
  #session: LiveClientSession | undefined;
  #refresher: Refresher | undefined;
  #last: ConnectionEnd | undefined;
  #failures = 0;
  #rounds = 0;
  readonly #tried = new Set<string>();
  #wake = () => {};

  constructor(options: KeptSessionOptions) {
    this.#o = options;
    const attempts = options.reconnect === false ? 1 : options.reconnect.attempts;
    this.#policy = new ReconnectPolicy(attempts, () => options.platform.clock.elapsed());
  }

  /** Uniform from 0 to 1. */
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
    await dialer.open(signal, (established, connection) => {
      const session = new LiveClientSession(established, connection, limits, kept);
      this.#session = session;
      // Handlers are registered by what awaits connect: a request that came together with SR waits for them.
      connection.throttle(1);
      return session.receiver;
    });
    const session = this.#session as unknown as LiveClientSession;
    const { proof } = options;
    if (isProofKeyStore(proof)) session.forget = () => proof.forget();
    const onError = (error: SealwireError) => hooks.onError?.(error);
    this.#refresher = new Refresher({ platform, session, token: options.token, random: this.#random, onError });
    this.#refresher.schedule();
    this.#watchPresence(session);
    return session;
  }

  #watchPresence(session: LiveClientSession): void {
    const stop = this.#o.platform.presence.watch(() => {
      if (session.state === "open") session.probe(PROBE_MS);
      else this.#wake();
    });
    void session.closed.then(() => {
      stop();
      this.#wake();
    });
  }

  #lost(info: ConnectionEnd, resumable: boolean): boolean {
    const session = this.#session;
    if (this.#o.reconnect === false || session === undefined || (session.byeSent && info.error === undefined))
      return false;
    const verdict = this.#policy.afterSession(info.error);
    if (verdict === "stop") return false;
    // The session goes on, so its `closed` does not tell this.
    if (info.error !== undefined) this.#o.hooks.onError?.(info.error);
    this.#last = info;
    this.#rounds = resumable ? 0 : ROUNDS;
    this.#tried.clear();
    // Not at once: the session is not told yet that it waits.
    queueMicrotask(() => void this.#reconnect(session));
    return true;
  }

  async #reconnect(session: LiveClientSession): Promise<void> {
    while (session.state === "reconnecting") {
      await this.#pause();
      if (session.state !== "reconnecting") return;
      const verdict = await this.#attempt(session);
      if (verdict === undefined || verdict === "stop") return;
    }
  }

  /** Waits before an attempt: a growing time, or until the network is back. Woken where that, or the end, comes before. */
  async #pause(): Promise<void> {
    const { platform, reconnect } = this.#o;
    if (reconnect === false) return;
    const ms = delayOf(reconnect, this.#failures, this.#random());
    await new Promise<void>((resolve) => {
      const look = () => {
        if (platform.presence.online()) resolve();
        else cancel = platform.delay(look, reconnect.maxDelay);
      };
      let cancel = platform.delay(look, ms);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = () => {};
  }

  /** One connection. Undefined: the session is open again. */
  async #attempt(session: LiveClientSession): Promise<Verdict | undefined> {
    const { platform, limits } = this.#o;
    const { signal, cancel } = deadline(platform.clock, undefined, limits.handshakeSeconds * 1000);
    const ended = session.closed.then(() => {
      throw new Error("the session was closed");
    });
    ended.catch(() => {});
    try {
      const chain = this.#nextChain(session);
      const work = chain === undefined ? this.#anew(session, signal) : this.#resume(session, chain, signal);
      await Promise.race([work, ended]);
      return undefined;
    } catch (error) {
      return session.state === "closed" ? "stop" : this.#failed(session, error);
    } finally {
      cancel();
    }
  }

  /** The chain that the next connection is made with; undefined for a new session. */
  #nextChain({ life }: LiveClientSession): Chain | undefined {
    const { chains } = life.ledger;
    if (this.#rounds >= ROUNDS || chains.length >= this.#o.limits.resumeChains) return undefined;
    const next = chains.find(({ kid }) => !this.#tried.has(kid));
    if (next !== undefined || chains.length === 0) return next;
    this.#rounds++;
    this.#tried.clear();
    return this.#rounds >= ROUNDS ? undefined : chains[0];
  }

  async #resume(session: LiveClientSession, chain: Chain, signal: AbortSignal): Promise<void> {
    try {
      await this.#o.dialer.resume(session, chain, signal, (established, connection) => {
        this.#succeeded();
        return session.resume(established, connection);
      });
    } catch (error) {
      if (!isUnreachable(error)) this.#tried.add(chain.kid);
      throw error;
    }
  }

  async #anew(session: LiveClientSession, signal: AbortSignal): Promise<void> {
    this.#rounds = ROUNDS;
    await this.#o.dialer.open(signal, (established, connection) => {
      this.#succeeded();
      const receiver = session.replace(established, connection);
      this.#refresher?.schedule();
      return receiver;
    });
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#policy.succeeded();
  }

  #failed(session: LiveClientSession, error: unknown): Verdict {
    this.#failures++;
    // The chains decide nothing about the session: what was said about them is a hint, or the fault of that connection.
    if (this.#rounds < ROUNDS && !isStop(error)) return "again";
    const verdict = isStop(error) ? "stop" : this.#policy.afterHandshake(error);
    if (verdict !== "stop") return verdict;
    const last = this.#last as ConnectionEnd;
    const reason = isSealwireError(error) ? error : last.error;
    session.end({
      code: reason?.closeCode ?? last.code,
      error: reason ?? hintedError(last.code, "the connection was not made again"),
      clean: false,
      truncated: true,
    });
    return "stop";
  }
}

/** No server answered: that says nothing about the chain. */
function isUnreachable(error: unknown): boolean {
  return isSealwireError(error) && !error.remote && (error.code === "E_CLOSED" || error.code === "E_TIMEOUT_HS");
}
