import type { Control } from "../envelope/control.ts";
import { asError, SealwireError } from "../errors.ts";
import { attempt, type Maybe } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import type { Attachment } from "./attachment.ts";
import type { Grant, SessionHooks } from "./hooks.ts";
import type { Life } from "./life.ts";
import { Refresh } from "./refresh.ts";
import { Term } from "./term.ts";
import type { Timers } from "./timers.ts";

export interface RightsOptions {
  /** Read as they are at that moment: the session may have gone on elsewhere, or been replaced. */
  readonly source: { readonly life: Life };
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly timers: Timers;
  readonly elapsed: () => number;
  readonly ended: AbortSignal;
  readonly onEnd: (error: SealwireError) => void;
}

/** What the client may do in a session and until when, and how a new token changes both (specs/lifecycle.md, section 4). */
export class Rights {
  readonly #o: RightsOptions;
  readonly #refresh = new Refresh();
  readonly #term: Term;
  #granted: Grant;
  #changes = 0;
  /** The tokens that are being checked, one after the other. */
  #checks: Promise<void> = Promise.resolve();

  constructor(options: RightsOptions, { scopes, expiresAt }: Grant) {
    const { source, hooks, limits, timers, elapsed, onEnd } = options;
    this.#o = options;
    this.#granted = { scopes, expiresAt };
    const soon = () => void source.life.attachment?.control({ top: "auth-soon" });
    this.#term = new Term({
      timers,
      elapsed,
      onEnd: () => onEnd(new SealwireError("E_SESSION_EXPIRED")),
      ...(hooks.refresh === undefined ? {} : { onSoon: soon }),
      soonMs: limits.refreshSeconds * 1000,
    });
  }

  get scopes(): readonly string[] {
    return this.#granted.scopes;
  }

  /** NumericDate in the server's time. */
  get expiresAt(): number {
    return this.#granted.expiresAt;
  }

  /** How often they have changed. */
  get changes(): number {
    return this.#changes;
  }

  get over(): boolean {
    return this.#term.over;
  }

  /** Milliseconds. */
  get left(): number {
    return this.#term.left;
  }

  /** Starts the time until the end. */
  watch(): void {
    const { facts, serverTime } = this.#o.source.life;
    this.#term.set(this.expiresAt * 1000 - serverTime, this.expiresAt < facts.longestEnd);
  }

  /** Takes over what a token grants, bounded by the longest life of the session. */
  grant({ scopes, expiresAt }: Grant): Grant {
    this.#granted = { scopes, expiresAt: Math.min(expiresAt, this.#o.source.life.facts.longestEnd) };
    this.#changes++;
    this.watch();
    return this.#granted;
  }

  /** Client: sends a new access token. Resolves with what the server grants. @throws SealwireError E_TOKEN if it refuses */
  async refresh(token: string): Promise<Grant> {
    const { attachment } = this.#o.source.life;
    if (attachment === undefined) throw new SealwireError("E_CLOSED", { detail: "no connection to refresh on" });
    const { granted, onSeq } = this.#refresh.ask();
    // It is awaited below; the session can end before that.
    granted.catch(() => {});
    await attachment.control({ top: "auth", at: token }, onSeq);
    return await granted;
  }

  /** Step commit: whether this message can come now. */
  check(message: Control): void {
    this.#refresh.check(message);
  }

  /** The answer to a token will not come. */
  fail(error: SealwireError): void {
    this.#refresh.fail(error);
  }

  onControl(message: Control, seq: number, from: Attachment): Maybe<void> {
    switch (message.top) {
      case "auth":
        return this.#onAuth(message.at, seq, from);
      case "auth-ok":
        return this.#refresh.answered(() => this.grant({ expiresAt: message.exp, scopes: message.scp }));
      case "auth-no":
        return this.#refresh.answered(undefined);
      case "auth-soon":
        return this.#o.hooks.soon?.();
      default:
        return;
    }
  }

  /** Server: a new token. What comes meanwhile is decided by the old one, which is still good. */
  #onAuth(token: string, seq: number, from: Attachment): void {
    const { source, limits, hooks, ended } = this.#o;
    // Kept until it is its turn.
    const kept = token.length > limits.tokenBytes ? undefined : token;
    const check = async (): Promise<void> => {
      if (ended.aborted) return;
      const granted = await attempt<Grant | undefined, undefined>(
        async () => (kept === undefined ? undefined : await hooks.refresh?.(kept)),
        (error) => {
          hooks.onError?.(asError(error));
          return undefined;
        },
      );
      if (ended.aborted) return;
      const rights = granted && this.grant(granted);
      // On another connection nobody waits for the answer: `resumed` has told it, or it is asked for again.
      if (source.life.attachment !== from) return;
      if (rights === undefined) void from.control({ top: "auth-no", ref: seq });
      else void from.control({ top: "auth-ok", ref: seq, exp: rights.expiresAt, scp: rights.scopes });
    };
    this.#checks = this.#checks.then(check);
  }
}
