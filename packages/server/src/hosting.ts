import { type Limits, type ReplayStore, SealwireError } from "@sealwire/core";
import {
  attempt,
  type Clock,
  type Connection,
  type CryptoBackend,
  type Established,
  type Maybe,
  type ProofKey,
  type ResumeCandidate,
  type SessionHooks,
} from "@sealwire/core/internal";
import { answerOf } from "./answer.ts";
import { Claim } from "./claim.ts";
import type { SessionDirectory } from "./directory.ts";
import { bearerName, onceOf, replayStore } from "./once.ts";
import type { ServerOptions } from "./options.ts";
import { isResumeKid, parkableAgain, parkableOf, parkedName, readParked, type Stored } from "./parked-session.ts";
import { Parking } from "./parking.ts";
import type { ResumeStore } from "./resume-store.ts";
import type { RevokedToken } from "./revocation.ts";
import { LiveServerSession, type Peer } from "./session.ts";
import { hooksOf, type ServerHooksOptions } from "./session-hooks.ts";
import { type CheckedToken, sameHolder, type VerifyToken } from "./tokens.ts";

export interface HostOptions {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly backend: CryptoBackend;
  readonly directory: SessionDirectory;
  readonly verifyToken: VerifyToken;
  readonly signers: Promise<readonly ProofKey[]>;
  readonly topics: SessionHooks["topics"];
  readonly handler: ServerHooksOptions["handler"];
  readonly onError: (
    error: SealwireError,
    where: { readonly sessionId?: string; readonly remoteAddress?: string },
  ) => void;
  /** What the application does with a session that is new here. May throw. */
  readonly onSession: (session: LiveServerSession) => void;
}

/** A session that can be resumed on a connection: one of this server, or of the store. */
export interface Resumable extends ResumeCandidate<CheckedToken> {
  /** Both ends have confirmed the connection. */
  take(established: Established, connection: Connection, address: string): LiveServerSession;
  /** The connection ended before that. */
  release(): void;
}

/** Makes sessions, finds them again, and hands them from one server to the next. */
export class SessionHost {
  readonly #o: HostOptions;
  readonly #store: ResumeStore | undefined;
  readonly #parkings = new Map<LiveServerSession, Parking>();
  readonly #replay: () => ReplayStore;
  /** Sessions that this server had when it began to close. */
  #drained: readonly LiveServerSession[] = [];

  constructor(options: HostOptions) {
    this.#o = options;
    const { resume, replay } = options.options;
    this.#store = resume === false ? undefined : resume?.store;
    this.#replay = replayStore(replay, options.limits, options.clock.unix());
  }

  /** Chains are kept as bytes, for the store. */
  get exportable(): boolean {
    return this.#store !== undefined;
  }

  begin(established: Established, connection: Connection, token: CheckedToken, address: string): LiveServerSession {
    const parking = this.#store === undefined ? undefined : this.#parking(this.#store);
    return this.#make(established, connection, { token, remoteAddress: address }, parking);
  }

  #parking(store: ResumeStore, parked?: Stored): Parking {
    const { clock } = this.#o;
    return new Parking({ store, clock, ms: this.#storeMs, report: (...of) => this.#failed(...of) }, parked);
  }

  /** No longer than the client waits for a resume. */
  get #storeMs(): number {
    return this.#o.limits.handshakeSeconds * 1000;
  }

  #failed(detail: string, cause: unknown): void {
    this.#o.onError(new SealwireError("E_DEPENDENCY", { stage: "local", detail, cause }), {});
  }

  #make(established: Established, connection: Connection, peer: Peer, parking: Parking | undefined): LiveServerSession {
    const { options, clock, limits, backend, directory, verifyToken, topics, handler } = this.#o;
    const { facts, ledger } = established;
    const { token } = peer;
    let session: LiveServerSession | undefined;
    const where = () =>
      session === undefined
        ? { remoteAddress: peer.remoteAddress }
        : { sessionId: session.id, remoteAddress: session.remoteAddress };
    const hooks = hooksOf({
      options,
      directory,
      verifyToken,
      topics,
      handler,
      now: () => clock.unix(),
      elsewhere: parking && (async () => (await this.#claim(parking)) === false && (await parking.isTakenUp())),
      onError: (error) => this.#o.onError(error, where()),
      once: onceOf(facts, () => bearerName(backend, token), limits.skewSeconds, this.#replay),
      session: () => session,
      token,
    });
    session = new LiveServerSession(established, connection, limits, hooks, peer);
    directory.add(session);
    hooks.onChains?.(ledger.chains);
    if (parking !== undefined && ledger.resumable) this.#keep(session, parking);
    this.#announce(session, connection);
    return session;
  }

  /** A listener that fails must not leave half a session behind: it ends, in order. */
  #announce(session: LiveServerSession, connection: Connection): void {
    // It may have been revoked since it was checked.
    if (this.#o.directory.isRevoked(session.id, session.peer)) {
      queueMicrotask(() => session.revoke());
      return;
    }
    attempt(
      () => this.#o.onSession(session),
      (cause) => {
        const error = new SealwireError("E_INTERNAL", { detail: "a listener of onSession failed", cause });
        queueMicrotask(() => connection.fail(error));
      },
    );
  }

  // --- the store -----------------------------------------------------------------------------------------------

  /** Parks it whenever its connection is lost. */
  #keep(session: LiveServerSession, parking: Parking): void {
    this.#parkings.set(session, parking);
    const parkLost = () => {
      if (session.state === "reconnecting") void this.#park(session, parking);
    };
    session.onStateChange((state) => {
      if (state !== "reconnecting") return;
      parking.lost(session.life.facts.policy.res);
      // Not at once: where another connection takes it over, it is lost for a moment only.
      this.#o.clock.schedule(parkLost, 0);
    });
    session.onPrincipalChange(() => {
      if (parking.parked) parkLost();
    });
    void session.closed.then(() => {
      this.#parkings.delete(session);
      return parking.forget();
    });
  }

  async #park(session: LiveServerSession, parking: Parking): Promise<void> {
    if ((await parking.park(parkableOf(session))) === false) await this.#letGo(session, parking);
    // It has ended, or was taken up again here, while the store was at work.
    else if (session.state === "closed") await parking.forget();
    else if (session.state === "open") await this.#claimFor(session, parking);
  }

  /** True if it is this server's. One that another server has taken is let go of. */
  async #claimFor(session: LiveServerSession, parking: Parking): Promise<boolean> {
    const claimed = await this.#claim(parking);
    if (claimed === false) await this.#letGo(session, parking);
    return claimed === true;
  }

  /** Another server has taken it: to go on with it, or it only tries. */
  async #letGo(session: LiveServerSession, parking: Parking): Promise<void> {
    session.freeze();
    session.supersede(await parking.isTakenUp());
  }

  /** False if another server has it; undefined where the store failed, which is reported. */
  async #claim(parking: Parking): Promise<boolean | undefined> {
    return await attempt(
      () => parking.claim(),
      (cause) => {
        this.#failed("the resume store failed", cause);
        return undefined;
      },
    );
  }

  /** The session that a resume CH names. */
  find(kid: string): Maybe<Resumable | undefined> {
    const session = this.#o.directory.find(kid);
    if (session !== undefined) return this.#local(session, kid);
    return this.#store === undefined || !isResumeKid(kid) ? undefined : this.#fromStore(kid, this.#store);
  }

  #local(session: LiveServerSession, kid: string): Resumable | undefined {
    const { facts, ledger } = session.life;
    const chain = ledger.chains.find((held) => held.kid === kid);
    if (chain === undefined) return undefined;
    const parking = this.#parkings.get(session);
    const attempt =
      parking === undefined
        ? undefined
        : attemptOn(
            parking,
            () => this.#claimFor(session, parking),
            () => {
              if (session.state === "reconnecting") void this.#park(session, parking);
            },
          );
    return {
      facts,
      ledger,
      chain,
      get token() {
        return session.token;
      },
      get alive() {
        return session.alive && attempt?.released !== true;
      },
      get scopes() {
        return session.scopes;
      },
      get expiresAt() {
        return session.ends;
      },
      admits: (token) => session.holds(token),
      ...(attempt === undefined ? {} : { claim: () => attempt.claim() }),
      take: (established, connection, address) => {
        attempt?.take();
        session.remoteAddress = address;
        session.resume(established, connection);
        return session;
      },
      release: () => attempt?.release(),
    };
  }

  /** The tokens that a parked session had. */
  async parkedTokens(session: string): Promise<readonly RevokedToken[]> {
    if (this.#store === undefined) return [];
    const parked = await this.#read(parkedName(session), this.#store);
    return parked === undefined ? [] : [...(parked.peer.earlier ?? []), parked.peer.token.revocable];
  }

  async #read(name: string, store: ResumeStore): Promise<Stored | undefined> {
    const { backend, limits, options, clock, signers } = this.#o;
    const time = { unix: clock.unix(), elapsed: clock.elapsed() };
    try {
      const bytes = await answerOf(clock, this.#storeMs, "it did not answer in time", () => store.find(name));
      if (bytes === undefined) return undefined;
      return await readParked(bytes, { backend, limits, serverId: options.identity.id, signers: await signers, time });
    } catch (cause) {
      this.#failed("a session could not be had from the resume store", cause);
      return undefined;
    }
  }

  async #fromStore(kid: string, store: ResumeStore): Promise<Resumable | undefined> {
    const { clock, directory } = this.#o;
    const time = { unix: clock.unix(), elapsed: clock.elapsed() };
    const stored = await this.#read(kid, store);
    if (stored === undefined) return undefined;
    const { state, peer } = stored;
    const { facts, ledger, scopes, expiresAt, refusals } = state;
    const chain = ledger.chains.find((held) => held.kid === kid);
    if (chain === undefined) return undefined;
    const parking = this.#parking(store, stored);
    const { until } = stored;
    const alive = () => clock.unix() < Math.min(until, expiresAt) * 1000 && !directory.isRevoked(facts.id, peer);
    const attempt = attemptOn(
      parking,
      async () => (await this.#claim(parking)) === true,
      () => {
        if (alive()) void parking.park(parkableAgain(stored, time));
      },
    );
    return {
      facts,
      ledger,
      chain,
      scopes,
      expiresAt,
      refusals,
      token: peer.token,
      get alive() {
        return alive() && !attempt.released;
      },
      admits: (token) => sameHolder(peer.token, token),
      claim: () => attempt.claim(),
      take: (established, connection, remoteAddress) => {
        attempt.take();
        // What this server still has of it is from before it went elsewhere.
        for (const other of directory.sessions) if (other.id === facts.id) other.supersede();
        if (stored.lookout !== null) void parking.markTakenUp(stored.lookout);
        return this.#make(established, connection, { ...peer, remoteAddress }, parking);
      },
      release: () => attempt.release(),
    };
  }

  // --- the end of the server -----------------------------------------------------------------------------------

  /** Hands every session to the store, or says bye to it. At most `ms`, half of it for what is being handled. */
  async drain(ms: number): Promise<void> {
    const { clock, directory } = this.#o;
    this.#drained = [...directory.sessions];
    const work = this.#drained.map(async (session) => {
      const parking = this.#parkings.get(session);
      if (session.alive) {
        // With a store what comes from now on is for another server.
        const settled = session.settle(parking === undefined ? 0 : ms);
        await within(clock, ms / 2, Promise.race([settled, session.closed]));
      }
      if (parking === undefined || !session.alive) return void session.leave();
      await this.#handOver(session, parking);
      // What was acknowledged no other server gets.
      if (session.undelivered > 0) await session.settle(0);
    });
    await within(clock, ms, Promise.all(work));
  }

  /** After it no end of this server has it, whatever the store does. */
  async #handOver(session: LiveServerSession, parking: Parking): Promise<void> {
    if (session.state === "open") parking.lost(session.life.facts.policy.res);
    session.cede();
    const parked = await parking.park(parkableOf(session, true));
    const left = await parking.leave();
    if (parked === false) await this.#letGo(session, parking);
    else if (left) session.supersede(parked === true);
    else session.abandon();
  }

  /** Ends what is left once there are no connections: a store that does not answer keeps nothing alive. */
  end(): void {
    for (const { id: sessionId, undelivered } of this.#drained) {
      if (undelivered === 0) continue;
      const detail = `messages that were committed and not delivered: ${undelivered}`;
      this.#o.onError(new SealwireError("E_TRUNCATED", { stage: "local", fatal: false, detail }), { sessionId });
    }
    const error = new SealwireError("E_TRUNCATED", { stage: "local", detail: "the server was closed" });
    for (const session of this.#o.directory.sessions) session.end({ code: 1001, error, clean: false, truncated: true });
  }
}

/** What `giveBack` is for is done also where the store says only later that the claim has succeeded. */
const attemptOn = (parking: Parking, claim: () => Promise<boolean>, giveBack: () => void): Claim =>
  new Claim(async () => {
    const claimed = await claim();
    if (!claimed) parking.onLateClaim(giveBack);
    return claimed;
  }, giveBack);

/** Until `work` is done, and no longer than `ms`. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.schedule(resolve, ms);
  });
  await Promise.race([work, late]);
  cancel();
}
