import { type Limits, SealwireError } from "@sealwire/core";
import {
  attempt,
  type Clock,
  type Connection,
  type CryptoBackend,
  type Established,
  type HelloCheck,
  type Maybe,
  type ProofKey,
  type SessionHooks,
} from "@sealwire/core/internal";
import type { SessionDirectory } from "./directory.ts";
import { HeldSession, resumableHere } from "./held-session.ts";
import { replayStore } from "./once.ts";
import type { ServerOptions } from "./options.ts";
import type { Parking } from "./parking.ts";
import type { Resumable } from "./resumable.ts";
import type { RevokedToken } from "./revocation.ts";
import { LiveServerSession, type Peer } from "./session.ts";
import { ServerHooks, type ServerHooksOptions } from "./session-hooks.ts";
import { type Place, SessionRoom } from "./session-room.ts";
import { StoredSessions } from "./stored-sessions.ts";
import type { CheckedToken, VerifyToken } from "./tokens.ts";

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

/** Makes sessions, finds them again, and hands them from one server to the next. */
export class SessionHost {
  readonly #o: HostOptions;
  readonly #stored: StoredSessions | undefined;
  readonly #held = new Map<LiveServerSession, HeldSession>();
  readonly #hooks: ServerHooksOptions;
  readonly #room: SessionRoom;
  /** Sessions that this server had when it began to close. */
  #drained: readonly LiveServerSession[] = [];

  constructor(options: HostOptions) {
    this.#o = options;
    const { identity, resume, replay } = options.options;
    const store = resume === false ? undefined : resume?.store;
    this.#room = new SessionRoom(options.limits);
    this.#stored =
      store &&
      new StoredSessions({
        ...options,
        store,
        serverId: identity.id,
        room: this.#room,
        onError: (error) => options.onError(error, {}),
        make: (...of) => this.#make(...of),
      });
    this.#hooks = { ...options, replay: replayStore(replay, options.limits, options.clock.unix()) };
  }

  /** Chains are kept as bytes, for the store. */
  get exportable(): boolean {
    return this.#stored !== undefined;
  }

  /** Room for a new session, before it begins. @throws SealwireError E_BUSY */
  room(token: CheckedToken): Place {
    return this.#room.take(token);
  }

  begin(established: Established, connection: Connection, peer: Peer, place: Place): LiveServerSession {
    return this.#make(established, connection, peer, this.#stored?.parking(), place);
  }

  #make(
    established: Established,
    connection: Connection,
    peer: Peer,
    parking: Parking | undefined,
    place: Place,
  ): LiveServerSession {
    const { ledger } = established;
    const hooks = new ServerHooks(this.#hooks, { peer, place, parking });
    const session = new LiveServerSession(established, connection, this.#o.limits, hooks, peer);
    hooks.begin(session, ledger.chains);
    if (parking !== undefined && ledger.resumable) this.#hold(session, parking);
    this.#announce(session, connection);
    return session;
  }

  #hold(session: LiveServerSession, parking: Parking): void {
    this.#held.set(session, new HeldSession(session, parking, this.#o.clock));
    void session.closed.then(() => this.#held.delete(session));
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

  /** The session that a resume CH names. */
  find(kid: string, check: HelloCheck): Maybe<Resumable | undefined> {
    const session = this.#o.directory.find(kid);
    return session === undefined
      ? this.#stored?.find(kid, check)
      : resumableHere(session, kid, this.#held.get(session));
  }

  /** The tokens that a parked session had. */
  async parkedTokens(session: string): Promise<readonly RevokedToken[]> {
    return (await this.#stored?.tokens(session)) ?? [];
  }

  // --- the end of the server -----------------------------------------------------------------------------------

  /** Hands every session to the store, or says bye to it. At most `ms`, half of it for what is being handled. */
  async drain(ms: number): Promise<void> {
    const { clock, directory } = this.#o;
    this.#drained = [...directory.sessions];
    const work = this.#drained.map(async (session) => {
      const held = this.#held.get(session);
      if (session.alive) {
        // With a store what comes from now on is for another server.
        const settled = session.settle(held === undefined ? 0 : ms);
        await within(clock, ms / 2, Promise.race([settled, session.closed]));
      }
      if (held === undefined || !session.alive) return void session.leave();
      await held.handOver();
      // What was acknowledged no other server gets.
      if (session.undelivered > 0) await session.settle(0);
    });
    await within(clock, ms, Promise.all(work));
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

/** Until `work` is done, and no longer than `ms`. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.schedule(resolve, ms);
  });
  await Promise.race([work, late]);
  cancel();
}
