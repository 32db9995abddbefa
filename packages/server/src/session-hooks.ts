import { type Limits, type ReplayStore, SealwireError, type SessionState } from "@sealwire/core";
import type {
  AnyHandler,
  AuthorizeRequest,
  Chain,
  Clock,
  CryptoBackend,
  Maybe,
  OnceMessage,
  Renewal,
  SessionHooks,
} from "@sealwire/core/internal";
import type { SessionDirectory } from "./directory.ts";
import { bearerName, onceOf } from "./once.ts";
import type { ServerOptions } from "./options.ts";
import type { Parking } from "./parking.ts";
import type { LiveServerSession, Peer } from "./session.ts";
import type { Place } from "./session-room.ts";
import type { CheckedToken, VerifyToken } from "./tokens.ts";

/** What the sessions of a server ask it. */
export interface ServerHooksOptions {
  readonly options: Pick<ServerOptions, "authorize" | "admit" | "batch">;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly backend: CryptoBackend;
  readonly directory: SessionDirectory;
  readonly verifyToken: VerifyToken;
  readonly topics: SessionHooks["topics"];
  readonly handler: (topic: string) => ((data: unknown, context: object) => unknown) | undefined;
  readonly onError: (
    error: SealwireError,
    where: { readonly sessionId?: string; readonly remoteAddress?: string },
  ) => void;
  readonly replay: () => ReplayStore;
}

/** Of one session. */
interface Begun {
  readonly peer: Peer;
  readonly place: Place;
  /** Where it is in the store while it has no connection. */
  readonly parking: Parking | undefined;
}

/** What a session asks of its server. Rights are those of the token of this moment. */
export class ServerHooks implements SessionHooks {
  readonly #o: ServerHooksOptions;
  readonly #place: Place;
  readonly #parking: Parking | undefined;
  /** Until its constructor is done. */
  #peer: Peer | undefined;
  #session: LiveServerSession | undefined;
  #once: NonNullable<SessionHooks["once"]> | undefined;

  constructor(options: ServerHooksOptions, { peer, place, parking }: Begun) {
    this.#o = options;
    this.#peer = peer;
    this.#place = place;
    this.#parking = parking;
  }

  /** The session is there. */
  begin(session: LiveServerSession, chains: readonly Chain[]): void {
    this.#session = session;
    this.#peer = undefined;
    this.#o.directory.sessions.add(session);
    this.#place.hold(session);
    this.onChains([], chains);
  }

  get heartbeat(): true {
    return true;
  }
  get rateLimited(): true {
    return true;
  }
  get batch(): boolean {
    return this.#o.options.batch ?? true;
  }
  get topics(): SessionHooks["topics"] {
    return this.#o.topics;
  }
  private get token(): CheckedToken {
    return (this.#session ?? (this.#peer as Peer)).token;
  }

  authorize(request: AuthorizeRequest): boolean | Promise<boolean> {
    const { topic, direction, kind, data } = request;
    return this.#o.options.authorize({ principal: this.token.principal, topic, direction, kind, data });
  }

  handler(topic: string): AnyHandler | undefined {
    const fn = this.#o.handler(topic);
    if (fn === undefined) return undefined;
    return (data, context) => {
      (context as { session?: LiveServerSession | undefined }).session = this.#session;
      return fn(data, context);
    };
  }

  onError(error: SealwireError): void {
    const { remoteAddress } = this.#session ?? (this.#peer as Peer);
    const where = this.#session === undefined ? { remoteAddress } : { sessionId: this.#session.id, remoteAddress };
    this.#o.onError(error, where);
  }

  peerToken(): string {
    // Asked at levels that sign, where it is kept.
    return this.token.token as string;
  }

  async refresh(text: string): Promise<Renewal> {
    const { directory, verifyToken, options, clock } = this.#o;
    const live = this.#session;
    const next = await verifyToken(text);
    if (live === undefined || !live.holds(next))
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the new token is of another client or class" });
    if (options.admit !== undefined && (await options.admit(next.principal)) !== true)
      throw new SealwireError("E_FORBIDDEN", { stage: "claims", fatal: false });
    // It, or the session, may have been revoked while it was checked.
    const accept = () => {
      if (live.revoked) throw new SealwireError("E_REVOKED", { stage: "session", fatal: false });
      live.replaceToken(directory.assertNotRevoked(next), clock.unix() / 1000);
    };
    return { scopes: next.scopes, expiresAt: next.expiresAt, accept };
  }

  once(message: OnceMessage): boolean | Promise<boolean> {
    const { backend, limits, replay } = this.#o;
    const { issuer, subject } = this.token;
    const { facts } = (this.#session as LiveServerSession).life;
    this.#once ??= onceOf(facts, () => bearerName(backend, { issuer, subject }), limits.skewSeconds, replay);
    return this.#once(message);
  }

  elsewhere(): Maybe<boolean> {
    return this.#parking === undefined ? false : isElsewhere(this.#parking);
  }

  onChains(before: readonly Chain[], after: readonly Chain[]): void {
    if (this.#session !== undefined) this.#o.directory.index(this.#session, before, after);
  }

  onState(state: SessionState): void {
    if (state === "reconnecting") this.#place.lost();
    if (state !== "closed") return;
    this.#place.leave();
    if (this.#session !== undefined) this.#o.directory.sessions.delete(this.#session);
  }
}

const isElsewhere = async (parking: Parking): Promise<boolean> =>
  (await parking.claim()) === false && (await parking.isTakenUp());
