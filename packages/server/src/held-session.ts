import type { Clock } from "@sealwire/core/internal";
import type { Claim } from "./claim.ts";
import { parkableOf } from "./parked-session.ts";
import type { Parking } from "./parking.ts";
import { attemptOn, type Resumable } from "./resumable.ts";
import type { LiveServerSession } from "./session.ts";

/** A session of this server that is in the store while it has no connection. */
export class HeldSession {
  readonly #session: LiveServerSession;
  readonly #parking: Parking;

  /** Parks it from now on whenever its connection is lost. */
  constructor(session: LiveServerSession, parking: Parking, clock: Clock) {
    this.#session = session;
    this.#parking = parking;
    session.onStateChange((state) => {
      if (state !== "reconnecting") return;
      parking.lost(session.life.facts.policy.res);
      // Not at once: where another connection takes it over, it is lost for a moment only.
      clock.schedule(() => this.#parkLost(), 0);
    });
    session.onPrincipalChange(() => {
      if (parking.parked) this.#parkLost();
    });
    void session.closed.then(() => parking.forget());
  }

  #parkLost(): void {
    if (this.#session.state === "reconnecting") void this.#park();
  }

  async #park(): Promise<void> {
    const [session, parking] = [this.#session, this.#parking];
    if ((await parking.park(parkableOf(session))) === false) await this.#letGo();
    // It has ended, or was taken up again here, while the store was at work.
    else if (session.state === "closed") await parking.forget();
    else if (session.state === "open") await this.#claim();
  }

  /** True if it is this server's. One that another server has taken is let go of. */
  async #claim(): Promise<boolean> {
    const claimed = await this.#parking.claim();
    if (claimed === false) await this.#letGo();
    return claimed === true;
  }

  /** Another server has taken it: to go on with it, or it only tries. */
  async #letGo(): Promise<void> {
    this.#session.freeze();
    this.#session.supersede(await this.#parking.isTakenUp());
  }

  /** What a connection claims that wants to resume it. */
  attempt(): Claim {
    return attemptOn(
      this.#parking,
      () => this.#claim(),
      () => this.#parkLost(),
    );
  }

  /** Leaves it to another server. After it no end of this one has it, whatever the store does. */
  async handOver(): Promise<void> {
    const [session, parking] = [this.#session, this.#parking];
    if (session.state === "open") parking.lost(session.life.facts.policy.res);
    session.cede();
    const parked = await parking.park(parkableOf(session, true));
    const left = await parking.leave();
    if (parked === false) await this.#letGo();
    else if (left) session.supersede(parked === true);
    else session.abandon();
  }
}

/** A session of this server as a connection resumes it; `held` where it has a place in the store. */
export function resumableHere(
  session: LiveServerSession,
  kid: string,
  held: HeldSession | undefined,
): Resumable | undefined {
  const { facts, ledger } = session.life;
  const chain = ledger.chains.find((its) => its.kid === kid);
  if (chain === undefined) return undefined;
  const attempt = held?.attempt();
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
