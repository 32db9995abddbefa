import { type Limits, SealwireError } from "@sealwire/core";
import { type Connection, type Established, Listeners, LiveSession, type SessionHooks } from "@sealwire/core/internal";
import type { Principal } from "./principal.ts";
import type { Revocable } from "./revocation.ts";
import { type CheckedToken, sameHolder } from "./tokens.ts";

/** Tokens of one session that have not expired: a client that needs more of them at once is refused. */
const REMEMBERED = 64;

const NONE: readonly Revocable[] = [];

/** Who is at the other end of a session. */
export interface Peer {
  readonly token: CheckedToken;
  readonly remoteAddress: string;
  /** Tokens that the session had before. */
  readonly earlier?: readonly Revocable[];
}

/** A session as the server has it: with who is at the other end, by the token of this moment. */
export class LiveServerSession extends LiveSession {
  #principals: Listeners<Principal> | undefined;
  readonly #hooks: SessionHooks;
  #token: CheckedToken;
  #earlier: readonly Revocable[];
  #revoked = false;
  remoteAddress: string;

  constructor(established: Established, connection: Connection, limits: Limits, hooks: SessionHooks, peer: Peer) {
    super(established, connection, limits, hooks);
    this.#token = kept(peer.token, this);
    this.#earlier = peer.earlier ?? NONE;
    this.remoteAddress = peer.remoteAddress;
    this.#hooks = hooks;
  }

  get principal(): Principal {
    return this.#token.principal;
  }

  get token(): CheckedToken {
    return this.#token;
  }

  get revocable(): Revocable {
    return this.#token.revocable;
  }

  get peer(): Peer {
    return { token: this.#token, remoteAddress: this.remoteAddress, earlier: this.#earlier };
  }

  /** Each token that it had and that has not expired, the one of this moment last. */
  get tokens(): readonly Revocable[] {
    return [...this.#earlier, this.revocable];
  }

  /** False once it is over, or about to be. */
  get alive(): boolean {
    if (this.state === "closed" || this.#revoked || this.leaving) return false;
    return !this.byeSent && !this.byeReceived;
  }

  get revoked(): boolean {
    return this.#revoked;
  }

  /** Whether a token is of the same issuer, subject, client and class. */
  holds(token: CheckedToken): boolean {
    return sameHolder(this.#token, token);
  }

  /** A refresh: everything is decided by this token from now on. @throws SealwireError E_TOKEN for one too many */
  replaceToken(token: CheckedToken, now: number): void {
    const earlier = this.tokens.filter(({ expiresAt }) => expiresAt > now);
    if (earlier.length > REMEMBERED)
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: `more than ${REMEMBERED} tokens at a time` });
    this.#earlier = earlier;
    this.#token = kept(token, this);
    this.#principals?.tell(token.principal);
  }

  /** Messages of the client that are committed, and that the application has not been given. */
  get undelivered(): number {
    return this.life.ledger.undelivered.size;
  }

  /** Leaves what the client can send again to the server that goes on with the session; nothing more is processed here. */
  cede(): void {
    const { ledger } = this.life;
    this.freeze();
    const { last, part } = ledger.undelivered.cede(ledger.committed, ledger.announced);
    ledger.committed = last;
    // What another node has left undone may not have come again yet.
    if (part !== undefined || ledger.part?.seq !== last + 1) ledger.part = part;
  }

  /** No server goes on with it, and nothing can be said any more: its client finds out and makes a new one. */
  abandon(): void {
    this.detach();
    const error = new SealwireError("E_TRUNCATED", { stage: "local", detail: "it could not be parked" });
    this.end({ code: 1001, error, clean: false, truncated: true });
  }

  /** Without a connection: its room goes to another session of its principal. */
  displace(limit: string): void {
    const error = new SealwireError("E_TRUNCATED", {
      stage: "local",
      detail: `${limit}: a newer session has its room`,
    });
    this.lapse({ code: 4409, error, clean: false, truncated: true });
  }

  onPrincipalChange(fn: (principal: Principal) => void): () => void {
    this.#principals ??= new Listeners("onPrincipalChange", this.#hooks);
    return this.#principals.add(fn);
  }

  /** Ends it; from here on nobody takes it up again, however long the end takes. */
  revoke(): void {
    this.#revoked = true;
    this.life.ledger.chains = [];
    this.fail(new SealwireError("E_REVOKED", { stage: "session" }));
  }
}

/** The text is for the evidence of signed messages, and for a store. */
function kept(token: CheckedToken, { life }: LiveSession): CheckedToken {
  const { level, exportableChain } = life.facts.keys;
  return level === "sig" || level === "nest" || exportableChain ? token : token.bare();
}
