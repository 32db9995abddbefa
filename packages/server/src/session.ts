import type { Limits } from "@sealwire/core";
import {
  type Connection,
  type Established,
  Listeners,
  LiveSession,
  type ResumeCandidate,
  type SessionHooks,
} from "@sealwire/core/internal";
import type { Principal } from "./principal.ts";
import type { Revocable } from "./revocation.ts";
import { type CheckedToken, revocableOf, sameHolder } from "./tokens.ts";

/** A session as the server has it: with who is at the other end, by the token of this moment. */
export class LiveServerSession extends LiveSession {
  readonly #principals: Listeners<Principal>;
  #token: CheckedToken;
  remoteAddress: string;

  constructor(
    established: Established,
    connection: Connection,
    limits: Limits,
    hooks: SessionHooks,
    peer: { readonly token: CheckedToken; readonly remoteAddress: string },
  ) {
    super(established, connection, limits, hooks);
    this.#token = peer.token;
    this.remoteAddress = peer.remoteAddress;
    this.#principals = new Listeners("onPrincipalChange", hooks.onError);
  }

  get principal(): Principal {
    return this.#token.principal;
  }

  get token(): string {
    return this.#token.token;
  }

  get revocable(): Revocable {
    return revocableOf(this.#token);
  }

  /** Whether a token is of the same issuer, subject, client and class. */
  holds(token: CheckedToken): boolean {
    return sameHolder(this.#token, token);
  }

  /** A refresh: everything is decided by this token from now on. */
  replaceToken(token: CheckedToken): void {
    this.#token = token;
    this.#principals.tell(token.principal);
  }

  onPrincipalChange(fn: (principal: Principal) => void): () => void {
    return this.#principals.add(fn);
  }

  /** What a resume CH with this chain finds; undefined once it is over. */
  candidate(kid: string): ResumeCandidate<CheckedToken> | undefined {
    const { facts, ledger } = this.life;
    const chain = ledger.chains.find((held) => held.kid === kid);
    if (chain === undefined) return undefined;
    const session = this;
    return {
      facts,
      ledger,
      chain,
      get alive() {
        return session.state !== "closed" && !session.byeSent && !session.byeReceived;
      },
      get scopes() {
        return session.scopes;
      },
      get expiresAt() {
        return session.ends;
      },
      admits: (token) => this.holds(token),
    };
  }
}
