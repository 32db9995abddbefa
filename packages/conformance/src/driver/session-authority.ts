// What the application around a server knows: acceptable tokens, revocations, and which messages were delivered.
import { createMemoryReplayStore, type Limits, type ReplayStore, SealwireError } from "@sealwire/core";
import { type OnceMessage, replayKey, transcriptHash } from "@sealwire/core/internal";
import { tokenVerifier } from "@sealwire/server/internal";
import { backend } from "./backend.ts";
import type { ServerInit } from "./session-init.ts";

export type Token = Awaited<ReturnType<ReturnType<typeof tokenVerifier>>>;

export type Revocation =
  | { readonly session: string }
  | { readonly tokenId: string; readonly issuer: string }
  | { readonly subject: string; readonly issuer: string; readonly issuedBefore?: number }
  | { readonly thumbprint: string };

/** Whether a revocation names the token, or the session that it is of. */
function isRevokedBy(by: Revocation, { principal, jkt }: Token, session?: string): boolean {
  if ("session" in by) return by.session === session;
  if ("thumbprint" in by) return by.thumbprint === jkt;
  if (by.issuer !== principal.issuer) return false;
  if ("tokenId" in by) return by.tokenId === principal.tokenId;
  const { iat } = principal.claims;
  return by.subject === principal.subject && (typeof iat !== "number" || iat < (by.issuedBefore as number));
}

/** Same issuer, subject, client and class: a token that can take the place of another one. */
export const isOfSameClient = (a: Token, b: Token): boolean =>
  a.issuer === b.issuer && a.subject === b.subject && a.clientId === b.clientId && a.jkt === b.jkt;

export class Authority {
  readonly #verify: (token: string) => Promise<Token>;
  readonly #init: ServerInit;
  readonly #limits: Limits;
  readonly #unix: () => number;
  readonly #revoked: Revocation[] = [];
  /** Those that the session of this moment has had. */
  #held: string[] = [];
  /** Those of revoked sessions. */
  readonly #revokedTokens = new Set<string>();
  readonly #store: ReplayStore;

  constructor(init: ServerInit, limits: Limits, unix: () => number) {
    this.#init = init;
    this.#limits = limits;
    this.#unix = unix;
    const startedAt = init.store === "new" ? init.now : 0;
    this.#store = createMemoryReplayStore({ startedAt, skew: limits.skewSeconds, capacity: 1024 });
    this.#verify = tokenVerifier(init.issuers, { audience: init.serverId, limits, now: unix });
  }

  async verify(text: string): Promise<Token> {
    const token = await this.#verify(text);
    if (token.expiresAt * 1000 <= this.#unix())
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: "expired" });
    if (this.#revokedTokens.has(text) || this.#revoked.some((by) => isRevokedBy(by, token)))
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: "revoked" });
    return token;
  }

  /** A session begins with this token. */
  opened(token: Token): void {
    this.#held = [token.token as string];
  }

  /** True if that ends the session `id`, which has this token. */
  revoke(by: Revocation, token: Token | undefined, id: string | undefined): boolean {
    const issuedBefore = Math.floor(this.#unix() / 1000) + this.#limits.skewSeconds + 1;
    const dated = "subject" in by ? { issuedBefore, ...by } : by;
    this.#revoked.push(dated);
    const hit = token !== undefined && isRevokedBy(dated, token, id);
    if (hit) for (const held of this.#held) this.#revokedTokens.add(held);
    return hit;
  }

  /** A token for a session that has one. */
  async renew(text: string, present: Token): Promise<Token> {
    const token = await this.verify(text);
    if (isOfSameClient(token, present)) {
      this.#held.push(text);
      return token;
    }
    throw new SealwireError("E_TOKEN", { stage: "claims", detail: "of another client" });
  }

  /** True for a message that was not delivered before (specs/lifecycle.md, section 8). */
  async once(token: Token, sentAt: number, { jti, iat, exp, now }: OnceMessage): Promise<boolean> {
    const { store = [] } = this.#init;
    if (store === "down") throw new Error("the script's store fails");
    const held = store === "new" ? [] : store;
    for (const known of held) await this.#insert(token, { jti: known, iat: now, exp, now });
    // What was issued later than SH was never sent before.
    const issued = iat > sentAt ? Number.MAX_SAFE_INTEGER : iat;
    const verdict = await this.#insert(token, { jti, iat: issued, exp, now });
    if (verdict === "new" || verdict === "seen") return verdict === "new";
    throw new SealwireError("E_REPLAY_STORE", { detail: verdict });
  }

  async #insert(token: Token, { jti, iat, exp, now }: OnceMessage) {
    const utf8 = (text: string) => new TextEncoder().encode(text);
    const { issuer, subject, jkt } = token;
    const bearer = () => transcriptHash(backend, "bearer", utf8(issuer), utf8(subject));
    const client = jkt ?? Buffer.from(await bearer()).toString("base64url");
    const key = await replayKey(this.#init.serverId, client, jti, backend);
    const keepUntil = exp + 2 * this.#limits.skewSeconds;
    return this.#store.insert({ key, issuer: client, issuedAt: iat, keepUntil, now });
  }
}
