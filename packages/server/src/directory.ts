import { SealwireError } from "@sealwire/core";
import type { Chain } from "@sealwire/core/internal";
import { concerns, type Revocation, RevocationList } from "./revocation.ts";
import type { LiveServerSession } from "./session.ts";
import { type CheckedToken, revocableOf } from "./tokens.ts";

/** The sessions of a server: found by a chain when they are resumed, and by what is revoked. */
export class SessionDirectory {
  readonly sessions: Set<LiveServerSession> = new Set();
  readonly #byChain = new Map<string, LiveServerSession>();
  readonly #revoked: RevocationList;
  readonly #now: () => number;

  /** `now` in milliseconds. */
  constructor(revocations: number, now: () => number) {
    this.#revoked = new RevocationList(revocations, now);
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

  /** The session that holds the chain with this K. */
  find(kid: string): LiveServerSession | undefined {
    return this.#byChain.get(kid);
  }

  /** @throws SealwireError E_TOKEN for a token that is revoked */
  assertNotRevoked(token: CheckedToken): CheckedToken {
    if (!this.#revoked.has(revocableOf(token))) return token;
    throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the token, its subject or its key is revoked" });
  }

  /** Ends what it concerns, and keeps its tokens from opening anything. Answers with the number of sessions ended. */
  revoke(revocation: Revocation): number {
    const ended = [...this.sessions].filter((s) => concerns(revocation, s.id, s.revocable, this.#now()));
    for (const session of ended) {
      this.#revoked.addToken(session.revocable);
      session.fail(new SealwireError("E_REVOKED", { stage: "session" }));
    }
    this.#revoked.add(revocation);
    return ended.length;
  }
}
