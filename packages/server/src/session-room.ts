import { type Limits, SealwireError } from "@sealwire/core";
import type { LiveServerSession } from "./session.ts";
import type { CheckedToken } from "./tokens.ts";

/** Room for one session, from before its SR to its end. */
export interface Place {
  /** The session has begun: the place is its own from here on. */
  hold(session: LiveServerSession): void;
  /** It has not, and will not. */
  leave(): void;
}

/** Counts sessions in all and by principal, those without a connection too: each can hold what its peer has not acknowledged. */
export class SessionRoom {
  readonly #limits: Limits;
  /** By principal; of those without a connection the first has been so for the longest. */
  readonly #places = new Map<string, Set<TakenPlace>>();
  #all = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * Room for one more session of the principal. Where there is none it gets that of its session that has been without a
   * connection for the longest, which ends. @throws SealwireError E_BUSY if it has no such session
   */
  take({ principal: { issuer, subject } }: CheckedToken): Place {
    const name = JSON.stringify([issuer, subject]);
    const own = this.#places.get(name) ?? new Set();
    const { sessions, sessionsPerSubject } = this.#limits;
    const full = own.size >= sessionsPerSubject ? "sessionsPerSubject" : this.#all >= sessions ? "sessions" : undefined;
    if (full !== undefined) displace(own, full);
    const place = new TakenPlace(own, () => {
      this.#all--;
      if (own.size === 0) this.#places.delete(name);
    });
    this.#all++;
    this.#places.set(name, own.add(place));
    return place;
  }
}

function displace(own: ReadonlySet<TakenPlace>, limit: string): void {
  for (const place of own) {
    if (!place.isLost) continue;
    place.displace(limit);
    return;
  }
  throw new SealwireError("E_BUSY", { detail: limit });
}

class TakenPlace implements Place {
  readonly #own: Set<TakenPlace>;
  readonly #onLeft: () => void;
  #session: LiveServerSession | undefined;

  constructor(own: Set<TakenPlace>, onLeft: () => void) {
    this.#own = own;
    this.#onLeft = onLeft;
  }

  get isLost(): boolean {
    return this.#session?.state === "reconnecting";
  }

  hold(session: LiveServerSession): void {
    this.#session = session;
    session.onStateChange((state) => {
      // To the end: by the time of their loss.
      if (state === "reconnecting" && this.#own.delete(this)) this.#own.add(this);
    });
    void session.closed.then(() => this.leave());
  }

  displace(limit: string): void {
    this.leave();
    this.#session?.displace(limit);
  }

  leave(): void {
    if (this.#own.delete(this)) this.#onLeft();
  }
}
