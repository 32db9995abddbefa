import { type Limits, SealwireError } from "@sealwire/core";
import type { Clock, Connection, CryptoBackend, Established, HelloCheck, ProofKey } from "@sealwire/core/internal";
import { answerOf } from "./answer.ts";
import type { SessionDirectory } from "./directory.ts";
import { HelloMacs } from "./hello-macs.ts";
import { isResumeKid, parkableAgain, parkedName, readParked, type Stored } from "./parked-session.ts";
import { Parking } from "./parking.ts";
import { attemptOn, type Resumable } from "./resumable.ts";
import type { ResumeStore } from "./resume-store.ts";
import type { RevokedToken } from "./revocation.ts";
import type { LiveServerSession, Peer } from "./session.ts";
import type { Place, SessionRoom } from "./session-room.ts";
import { sameHolder } from "./tokens.ts";

export interface StoredSessionsOptions {
  readonly store: ResumeStore;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly backend: CryptoBackend;
  readonly directory: SessionDirectory;
  readonly serverId: string;
  readonly room: SessionRoom;
  readonly signers: Promise<readonly ProofKey[]>;
  readonly onError: (error: SealwireError) => void;
  /** Makes the session that goes on here. */
  readonly make: (
    established: Established,
    connection: Connection,
    peer: Peer,
    parking: Parking,
    place: Place,
  ) => LiveServerSession;
}

/** The sessions that are in the store, of whatever server. */
export class StoredSessions {
  readonly #o: StoredSessionsOptions;
  readonly #hellos: HelloMacs;

  constructor(options: StoredSessionsOptions) {
    this.#o = options;
    this.#hellos = new HelloMacs(options.backend);
  }

  /** A place in the store for one session; `parked`: what is there of it already. */
  parking(parked?: Stored): Parking {
    const { store, clock } = this.#o;
    return new Parking({ store, clock, ms: this.#ms, report: (...of) => this.#failed(...of) }, parked);
  }

  /** No longer than the client waits for a resume. */
  get #ms(): number {
    return this.#o.limits.handshakeSeconds * 1000;
  }

  #failed(detail: string, cause: unknown): void {
    this.#o.onError(new SealwireError("E_DEPENDENCY", { stage: "local", detail, cause }));
  }

  /** The tokens that a parked session had. */
  async tokens(session: string): Promise<readonly RevokedToken[]> {
    const parked = await this.#read(parkedName(session));
    return parked === undefined ? [] : [...(parked.peer.earlier ?? []), parked.peer.token.revocable];
  }

  async #read(name: string): Promise<Stored | undefined> {
    const { store, backend, limits, serverId, clock, signers } = this.#o;
    const time = { unix: clock.unix(), elapsed: clock.elapsed() };
    try {
      const bytes = await answerOf(clock, this.#ms, "it did not answer in time", () => store.find(name));
      if (bytes === undefined) return undefined;
      return await readParked(bytes, { backend, limits, serverId, signers: await signers, time });
    } catch (cause) {
      this.#failed("a session could not be had from the resume store", cause);
      return undefined;
    }
  }

  /** The session that the K of a resume CH names. */
  async find(kid: string, check: HelloCheck): Promise<Resumable | undefined> {
    return isResumeKid(kid) ? await this.#hellos.find(kid, check, () => this.#resumable(kid)) : undefined;
  }

  async #resumable(kid: string): Promise<Resumable | undefined> {
    const { clock, directory, room, make } = this.#o;
    const time = { unix: clock.unix(), elapsed: clock.elapsed() };
    const stored = await this.#read(kid);
    if (stored === undefined) return undefined;
    const { state, peer, until, lookout } = stored;
    const { facts, ledger, scopes, expiresAt, refusals } = state;
    const chain = ledger.chains.find((held) => held.kid === kid);
    if (chain === undefined) return undefined;
    const parking = this.parking(stored);
    const alive = () => clock.unix() < Math.min(until, expiresAt) * 1000 && !directory.isRevoked(facts.id, peer);
    const attempt = attemptOn(
      parking,
      async () => (await parking.claim()) === true,
      () => {
        if (alive()) void parking.park(parkableAgain(stored, time));
      },
    );
    let place: Place | undefined;
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
      claim: async () => {
        place = room.take(peer.token);
        const claimed = await attempt.claim();
        if (!claimed) place.leave();
        return claimed;
      },
      take: (established, connection, remoteAddress) => {
        attempt.take();
        this.#hellos.forget(kid);
        // What this server still has of it is from before it went elsewhere.
        for (const other of directory.sessions) if (other.id === facts.id) other.supersede();
        if (lookout !== null) void parking.markTakenUp(lookout);
        return make(established, connection, { ...peer, remoteAddress }, parking, place as Place);
      },
      release: () => {
        attempt.release();
        place?.leave();
      },
    };
  }
}
