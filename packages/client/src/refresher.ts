import { SealwireError } from "@sealwire/core";
import type { LiveSession } from "@sealwire/core/internal";
import { tokenOf } from "./credential.ts";
import { deadline } from "./deadline.ts";
import type { ConnectOptions } from "./options.ts";
import type { Platform } from "./platform.ts";
import { TokenFailure } from "./token-failure.ts";

/** Of what is left of a session, the part in which a new token is looked for; and its bounds in milliseconds. */
const PART = 0.2;
const LEAD_MIN = 5_000;
const LEAD_MAX = 90_000;
const RETRY_MIN = 1_000;
/** setTimeout fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface RefresherOptions {
  readonly platform: Platform;
  readonly session: LiveSession;
  readonly token: ConnectOptions["token"];
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly onError: (error: SealwireError) => void;
  /** Milliseconds that the function of the option token has. */
  readonly timeout: number;
}

/** Replaces the access token of an open session in time, by what the server says is left and not by this clock's date. */
export class Refresher {
  readonly #o: RefresherOptions;
  readonly #ended = new AbortController();
  #cancel = () => {};
  #running = false;
  #failures = 0;
  /** On the clock that does not jump. */
  #askedAt = Number.NEGATIVE_INFINITY;
  /** The end of the session that the server has reminded of. */
  #heeded: number | undefined;
  #stopped: boolean;

  constructor(options: RefresherOptions) {
    this.#o = options;
    this.#stopped = typeof options.token === "string";
    void options.session.closed.then(() => {
      this.#stopped = true;
      this.#cancel();
      this.#ended.abort(new SealwireError("E_CLOSED"));
    });
  }

  /** There is an end, of a new session or on another connection. */
  schedule(): void {
    const left = this.#o.session.timeLeft;
    const lead = Math.min(left / 2, LEAD_MAX, Math.max(LEAD_MIN, left * PART));
    this.#after(left - lead * (0.75 + this.#o.random() / 2));
  }

  /** The server asks for it: once for each end, and not every moment, for the issuer of tokens has done nothing wrong. */
  soon(): void {
    const { session, platform } = this.#o;
    if (this.#heeded === session.ends) return;
    this.#heeded = session.ends;
    this.#after(this.#askedAt + RETRY_MIN - platform.clock.elapsed());
  }

  #after(ms: number): void {
    this.#cancel();
    if (this.#stopped || this.#running) return;
    const wait = Math.min(Math.max(0, ms), LONGEST_TIMER);
    this.#cancel = this.#o.platform.clock.schedule(() => void this.#run(), wait);
  }

  async #run(): Promise<void> {
    const { session, onError } = this.#o;
    // Another connection, or another session, schedules it again.
    if (session.state !== "open") return;
    this.#running = true;
    let next: () => void = () => {};
    try {
      const { ends } = session;
      await session.refresh(await this.#token());
      next = () => this.#refreshed(session.ends > ends);
    } catch (error) {
      if (error instanceof TokenFailure && error.isFinal) this.#stopped = true;
      else next = () => this.#failed();
      if (!this.#stopped && session.state === "open") onError(reported(error));
    } finally {
      this.#running = false;
    }
    next();
  }

  async #token(): Promise<string> {
    const { platform, token, timeout } = this.#o;
    this.#askedAt = platform.clock.elapsed();
    const { signal, cancel } = deadline(platform.clock, this.#ended.signal, timeout);
    try {
      return await tokenOf(token, "refresh", signal);
    } finally {
      cancel();
    }
  }

  /**
   * Nothing gained: the session has reached its longest life, or the token is one that was kept. In the second case there
   * is another one to come, so it is tried more and more often.
   */
  #refreshed(gained: boolean): void {
    this.#failures = 0;
    const { timeLeft } = this.#o.session;
    if (gained) this.schedule();
    else this.#after(Math.max(RETRY_MIN, timeLeft / 2));
  }

  #failed(): void {
    const most = RETRY_MIN * 2 ** Math.min(this.#failures++, 5);
    this.#after(most * (0.5 + this.#o.random() / 2));
  }
}

const reported = (error: unknown): SealwireError => {
  if (error instanceof TokenFailure) return error.reported;
  return error instanceof SealwireError ? error : new SealwireError("E_INTERNAL", { cause: error, fatal: false });
};
