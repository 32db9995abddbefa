import { SealwireError } from "@sealwire/core";
import type { Chain } from "@sealwire/core/internal";
import { assertRevocation, concerns, type Revocation, RevocationList } from "./revocation.ts";
import type { LiveServerSession } from "./session.ts";
import { type CheckedToken, revocableOf } from "./tokens.ts";

/** The sessions of a server: found by a chain when they are resumed, and by what is revoked. */
export class SessionDirectory {
  readonly sessions: Set<LiveServerSession> = new Set();
  readonly #byChain = new Map<string, LiveServerSession>();
  readonly #revoked: RevocationList;
  readonly #now: () => number;

  /** `now` in milliseconds; `seconds`: the longest life of a session. */
  constructor(capacity: number, seconds: number, now: () => number) {
    this.#revoked = new RevocationList(capacity, seconds, now);
    this.#now = now;
  }

  add(session: LiveServerSession): void {
    this.sessions.add(session);
    void session.closed.then(() => this.sessions.delete(session));
  }

  /** The chains of a session changed from `before` to `after`. */
  index(session: LiveServerSession, before: readonly Chain[], after: readonly Chain[]): void {
    for (const { kid } of before) if (this.#byChain.get(kid) === session) this.#byChain.delete(kid);
    for (const { kid } of after) this.#byChain.set(kid, session);
  }

  /** The session that holds the chain with this K. Only sessions that can be resumed hold any. */
  find(kid: string): LiveServerSession | undefined {
    return this.#byChain.get(kid);
  }

  /** @throws SealwireError E_TOKEN for a token that is revoked */
  assertNotRevoked(token: CheckedToken): CheckedToken {
    if (!this.#revoked.has(revocableOf(token))) return token;
    throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the token, its subject or its key is revoked" });
  }

  /** A session, or the token of one that this server did not hold when it was revoked. */
  isRevoked(id: string, token: CheckedToken): boolean {
    return this.#revoked.hasSession(id) || this.#revoked.has(revocableOf(token));
  }

  /**
   * Ends what it concerns, and keeps its tokens from opening anything. Answers with the number of sessions ended.
   * @throws TypeError for what names nothing; SealwireError E_QUEUE_FULL if it cannot be remembered
   */
  revoke(revocation: Revocation): number {
    assertRevocation(revocation);
    const ended = [...this.sessions].filter((s) => concerns(revocation, s.id, s.revocable, this.#now()));
    for (const session of ended) session.revoke();
    this.#revoked.add(
      revocation,
      ended.flatMap((session) => session.tokens),
    );
    return ended.length;
  }
}
