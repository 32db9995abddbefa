import { type Limits, SealwireError } from "@sealwire/core";
import type { LiveServerSession } from "./session.ts";
import type { CheckedToken } from "./tokens.ts";

/** Room for one session, from before its SR to its end. */
export interface Place {
  /** The session has begun: the place is its own from here on. */
  hold(session: LiveServerSession): void;
  /** It is without a connection. */
  lost(): void;
  /** It has ended, or will not begin. */
  leave(): void;
}

/** Counts sessions in all and by principal, those without a connection too: each can hold what its peer has not acknowledged. */
export class SessionRoom {
  readonly #limits: Limits;
  /** By principal; of those without a connection the first has been so for the longest. */
  readonly #places = new Map<string, Places>();
  /** How many there are of all principals. */
  all = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * Room for one more session of the principal. Where there is none it gets that of its session that has been without a
   * connection for the longest, which ends. @throws SealwireError E_BUSY if it has no such session
   */
  take({ issuer, subject }: CheckedToken): Place {
    const name = JSON.stringify([issuer, subject]);
    const own = this.#places.get(name) ?? { name, taken: new Set() };
    const { sessions, sessionsPerSubject } = this.#limits;
    const { size } = own.taken;
    const full = size >= sessionsPerSubject ? "sessionsPerSubject" : this.all >= sessions ? "sessions" : undefined;
    if (full !== undefined) displace(own, full);
    const place = new TakenPlace(this, own);
    this.all++;
    own.taken.add(place);
    this.#places.set(name, own);
    return place;
  }

  /** For `TakenPlace`: one of these is free. */
  freed({ name, taken }: Places): void {
    this.all--;
    if (taken.size === 0) this.#places.delete(name);
  }
}

/** Of one principal. */
interface Places {
  readonly name: string;
  readonly taken: Set<TakenPlace>;
}

function displace({ taken }: Places, limit: string): void {
  for (const place of taken) {
    if (!place.isLost) continue;
    place.displace(limit);
    return;
  }
  throw new SealwireError("E_BUSY", { detail: limit });
}

class TakenPlace implements Place {
  readonly #room: SessionRoom;
  readonly #own: Places;
  #session: LiveServerSession | undefined;

  constructor(room: SessionRoom, own: Places) {
    this.#room = room;
    this.#own = own;
  }

  get isLost(): boolean {
    return this.#session?.state === "reconnecting";
  }

  hold(session: LiveServerSession): void {
    this.#session = session;
  }

  lost(): void {
    // To the end: by the time of their loss.
    if (this.#own.taken.delete(this)) this.#own.taken.add(this);
  }

  displace(limit: string): void {
    this.leave();
    this.#session?.displace(limit);
  }

  leave(): void {
    if (this.#own.taken.delete(this)) this.#room.freed(this.#own);
  }
}
