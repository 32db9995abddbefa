import type { Control } from "../envelope/control.ts";
import { asError, SealwireError } from "../errors.ts";
import { type Maybe, unlessAborted } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import { decodeBase64url } from "../wire/base64url.ts";
import type { Attachment } from "./attachment.ts";
import type { Grant, SessionHooks } from "./hooks.ts";
import type { Life } from "./life.ts";
import { Refresh } from "./refresh.ts";
import type { Clock } from "./socket.ts";
import { Term } from "./term.ts";
import type { Timers } from "./timers.ts";

export interface RightsHost {
  /** As it is at that moment: the session may have gone on elsewhere, or been replaced. */
  readonly life: Life;
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly timers: Timers;
  readonly clock: Clock;
  /** It has ended. */
  readonly over: boolean;
  /** Its time is over. */
  expire(error: SealwireError): void;
}

/** From 0 up to, not including, 1. */
function partOf(session: string): number {
  const [a, b, c, d] = decodeBase64url(session) as unknown as [number, number, number, number];
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
}

const LATE = "the new token was not checked in time (limit handshakeSeconds)";

/** What the client may do in a session and until when, and how a new token changes both (specs/lifecycle.md, section 4). */
export class Rights extends Term {
  readonly #o: RightsHost;
  /** Made by the first refresh. */
  #refreshed: Refresh | undefined;
  #scopes: readonly string[];
  #expiresAt: number;
  #changes = 0;
  /** Server: the end of which the client was reminded. */
  #reminded: number | undefined;
  /** Server: the token that is being checked. */
  #checking: AbortController | undefined;

  constructor(host: RightsHost, { scopes, expiresAt }: Grant) {
    super();
    this.#o = host;
    this.#scopes = scopes;
    this.#expiresAt = expiresAt;
  }

  private get refreshing(): Refresh {
    this.#refreshed ??= new Refresh();
    return this.#refreshed;
  }
  protected get clock(): Clock {
    return this.#o.clock;
  }

  protected onSoon(): void {
    this.#reminded = this.expiresAt;
    void this.#o.life.attachment?.control({ top: "auth-soon" });
  }

  protected onEnd(): void {
    this.#o.expire(new SealwireError("E_SESSION_EXPIRED"));
  }

  get scopes(): readonly string[] {
    return this.#scopes;
  }

  /** NumericDate in the server's time. */
  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** How often they have changed. */
  get changes(): number {
    return this.#changes;
  }

  /** Starts the time until the end. */
  watch(): void {
    if (this.#o.over) return;
    const left = this.expiresAt * 1000 - this.#o.life.serverTime;
    this.endIn(left, this.reminder(left));
  }

  /**
   * Server: milliseconds before the end at which the client is asked for a token, if one can change the end. Many sessions
   * can have one end: each has a moment of its own, which its name decides.
   */
  private reminder(left: number): number | undefined {
    const { hooks, limits, life } = this.#o;
    const { id, longestEnd } = life.facts;
    const latest = limits.refreshSeconds * 1000;
    if (hooks.refresh === undefined || this.expiresAt >= longestEnd || left <= latest) return undefined;
    // The token that answered has the same: it would be asked for again in ever shorter time.
    if (this.expiresAt === this.#reminded) return undefined;
    return latest + Math.floor(Math.min(latest / 10, (left - latest) / 2) * partOf(id));
  }

  /** Takes over what a token grants, bounded by the longest life of the session. */
  grant({ scopes, expiresAt }: Grant): Grant {
    this.#scopes = scopes;
    this.#expiresAt = Math.min(expiresAt, this.#o.life.facts.longestEnd);
    this.#changes++;
    this.watch();
    return { scopes, expiresAt: this.#expiresAt };
  }

  /** Client: sends a new access token. Resolves with what the server grants. @throws SealwireError E_TOKEN if it refuses */
  async refresh(token: string): Promise<Grant> {
    const { attachment } = this.#o.life;
    if (attachment === undefined) throw new SealwireError("E_CLOSED", { detail: "no connection to refresh on" });
    const { granted, onSeq } = this.refreshing.ask();
    // It is awaited below; the session can end before that.
    granted.catch(() => {});
    // A second `auth` before the answer is an offence: only another connection, on which this one is forgotten, goes on.
    const late = attachment.connection.timer(
      () => attachment.connection.fail(new SealwireError("E_TIMEOUT_HS", { stage: "local", detail: "auth" })),
      2 * this.#o.limits.handshakeSeconds * 1000,
    );
    try {
      await attachment.control({ top: "auth", at: token }, onSeq);
      return await granted;
    } finally {
      late.cancel();
    }
  }

  /** Step commit: whether this message can come now. */
  check(message: Control): void {
    if (message.top === "auth-ok" || message.top === "auth-no") this.refreshing.check(message);
    if (message.top === "auth" && this.#checking !== undefined)
      throw new SealwireError("E_STATE", { detail: "auth while one is unanswered" });
  }

  /** The answer to a token will not come: both ends forget it. */
  fail(reason: () => SealwireError): void {
    if (this.#refreshed?.isWaiting) this.#refreshed.fail(reason());
    const checking = this.#checking;
    this.#checking = undefined;
    if (checking !== undefined) checking.abort(reason());
  }

  /** The session has ended. */
  end(): void {
    this.clear();
  }

  onControl(message: Control, seq: number, from: Attachment): Maybe<void> {
    switch (message.top) {
      case "auth":
        void this.onAuth(message.at, seq, from);
        return;
      case "auth-ok":
        return this.refreshing.answered(message.ref, () => this.grant({ expiresAt: message.exp, scopes: message.scp }));
      case "auth-no":
        return this.refreshing.answered(message.ref, undefined);
      case "auth-soon":
        return this.#o.hooks.soon?.();
      default:
        return;
    }
  }

  /**
   * Server: a new token. What comes meanwhile is decided by the old one, which is still good, and waits for nothing: the
   * check may never end.
   */
  private async onAuth(token: string, seq: number, from: Attachment): Promise<void> {
    const { life, limits, hooks, timers } = this.#o;
    // The connection was lost while this waited for its turn, and it with it.
    if (life.attachment !== from) return;
    const check = new AbortController();
    this.#checking = check;
    const late = () => check.abort(new SealwireError("E_TOKEN", { stage: "local", fatal: false, detail: LATE }));
    const timer = timers.after(limits.handshakeSeconds * 1000, late);
    try {
      const asked = token.length > limits.tokenBytes ? undefined : hooks.refresh?.(token);
      const granted = await unlessAborted(check.signal, asked);
      if (!this.isAwaited(check, from)) return;
      granted?.accept?.();
      this.answer(seq, from, granted && this.grant(granted));
    } catch (error) {
      if (!this.isAwaited(check, from)) return;
      hooks.onError?.(asError(error));
      this.answer(seq, from, undefined);
    } finally {
      timer.cancel();
    }
  }

  /** Otherwise the answer has nowhere to go: the connection is lost or being closed, or the session is. */
  private isAwaited(check: AbortController, { byeSent, connection }: Attachment): boolean {
    return this.#checking === check && !byeSent && !connection.closing && !this.#o.life.leaving;
  }

  private answer(ref: number, to: Attachment, granted: Grant | undefined): void {
    this.#checking = undefined;
    if (granted === undefined) void to.control({ top: "auth-no", ref });
    else void to.control({ top: "auth-ok", ref, exp: granted.expiresAt, scp: granted.scopes });
  }
}
