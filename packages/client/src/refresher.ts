import { SealwireError } from "@sealwire/core";
import type { LiveSession } from "@sealwire/core/internal";
import { tokenOf } from "./credential.ts";
import type { ConnectOptions } from "./options.ts";
import type { Platform } from "./platform.ts";

const STOP: unique symbol = Symbol("sealwire.stopRefresh");

/** What the function of the option `token` throws where there will be no more tokens: the session ends with this one. */
export function stopRefresh(reason = "no more tokens"): Error {
  return Object.assign(new Error(reason), { [STOP]: true });
}

export const isStop = (error: unknown): boolean => (error as { [STOP]?: unknown } | null)?.[STOP] === true;

/** Of what is left of a session, the part in which a new token is looked for; and its bounds in milliseconds. */
const PART = 0.2;
const LEAD_MIN = 5_000;
const LEAD_MAX = 90_000;
const RETRY_MIN = 1_000;

export interface RefresherOptions {
  readonly platform: Platform;
  readonly session: LiveSession;
  readonly token: ConnectOptions["token"];
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onError: (error: SealwireError) => void;
}

/** Replaces the access token of an open session in time, by what the server says is left and not by this clock's date. */
export class Refresher {
  readonly #o: RefresherOptions;
  readonly #abort = new AbortController();
  #cancel = () => {};
  #running = false;
  #failures = 0;
  #stopped = false;

  constructor(options: RefresherOptions) {
    this.#o = options;
    this.#stopped = typeof options.token === "string";
    void options.session.closed.then(() => {
      this.#stopped = true;
      this.#cancel();
      this.#abort.abort(new SealwireError("E_CLOSED"));
    });
  }

  /** There is a new end: of a new session, or after a refresh. */
  schedule(): void {
    this.#cancel();
    if (this.#stopped) return;
    const left = this.#o.session.timeLeft;
    const lead = Math.min(LEAD_MAX, Math.max(LEAD_MIN, left * PART)) * (0.75 + this.#o.random() / 2);
    this.#after(Math.max(0, left - lead));
  }

  /** The server asks for it. */
  soon(): void {
    if (!this.#stopped && !this.#running) this.#after(0);
  }

  #after(ms: number): void {
    this.#cancel();
    // setTimeout fires at once beyond it.
    this.#cancel = this.#o.platform.clock.schedule(() => void this.#run(), Math.min(ms, 2 ** 31 - 1));
  }

  async #run(): Promise<void> {
    const { session, token, onError } = this.#o;
    if (this.#running || this.#stopped) return;
    this.#running = true;
    try {
      const before = session.ends;
      await session.refresh(await tokenOf(token, "refresh", this.#abort.signal));
      this.#failures = 0;
      // A server that cannot grant more than it did has reached the longest life of a session.
      if (session.ends > before) this.schedule();
    } catch (cause) {
      if (isStop(cause)) this.#stopped = true;
      else if (!this.#stopped) {
        onError(cause instanceof SealwireError ? cause : new SealwireError("E_TOKEN", failed(cause)));
        this.#after(RETRY_MIN * 2 ** Math.min(this.#failures++, 5) * (0.5 + this.#o.random() / 2));
      }
    } finally {
      this.#running = false;
    }
  }
}

const failed = (cause: unknown) => ({
  stage: "local" as const,
  fatal: false,
  detail: "the function of the option token failed",
  cause,
});
