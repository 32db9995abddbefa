import { randomBytes } from "node:crypto";
import type { ResumeStore } from "./resume-store.ts";

/**
 * Seconds for which the store keeps a session beyond its time to be resumed in: until then the node that parked it can
 * tell whether another one has taken it, or nobody came.
 */
const GRACE = 60;

/** A session as it is to be parked. */
export interface Parkable {
  readonly kids: readonly string[];
  /** `id`: under which it is parked; `until`: NumericDate, the end of its time to be resumed in. */
  state(id: string, until: number): Uint8Array;
}

export interface ParkingOptions {
  readonly store: ResumeStore;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly report: (detail: string, cause: unknown) => void;
}

/** What is in the store of one session. One step at a time, in the order of the calls. */
export class Parking {
  readonly #o: ParkingOptions;
  /** Under which it is parked, new each time: an older claim does not get a newer state. */
  #id: string | undefined;
  #until = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** `id`: what the store has of it already, and until when. */
  constructor(options: ParkingOptions, parked?: { readonly id: string; readonly until: number }) {
    this.#o = options;
    if (parked !== undefined) [this.#id, this.#until] = [parked.id, parked.until];
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(step);
    this.#last = done.catch(() => {});
    return done;
  }

  /**
   * Parks it as it is then, in place of what is parked of it. Without `seconds` its time goes on. False if another node has
   * taken it; a store that fails is reported, and then it is not parked.
   */
  park(parkable: Parkable, seconds?: number): Promise<boolean> {
    const { store, now, report } = this.#o;
    return this.#inTurn(async () => {
      try {
        if (!(await this.#take())) return false;
        if (seconds !== undefined) this.#until = Math.floor(now() / 1000) + seconds;
        const id = randomBytes(16).toString("base64url");
        this.#id = id;
        await store.park(id, parkable.kids, this.#until + GRACE, parkable.state(id, this.#until));
      } catch (cause) {
        report("a session was not parked: no other server can resume it", cause);
        // It may have got there all the same.
        await this.#forget();
      }
      return true;
    });
  }

  get parked(): boolean {
    return this.#id !== undefined;
  }

  /** Takes it back from the store; true also where it is not there. False if another node has it. Rejects as the store. */
  claim(): Promise<boolean> {
    return this.#inTurn(() => this.#take());
  }

  async #take(): Promise<boolean> {
    const id = this.#id;
    if (id === undefined) return true;
    const taken = await this.#o.store.claim(id);
    this.#id = undefined;
    return taken === true;
  }

  /** What is parked now is for another node. True if something is. */
  leave(): Promise<boolean> {
    return this.#inTurn(async () => {
      const parked = this.#id !== undefined;
      this.#id = undefined;
      return parked;
    });
  }

  /** The session is over. */
  forget(): Promise<void> {
    return this.#inTurn(() => this.#forget());
  }

  async #forget(): Promise<void> {
    const id = this.#id;
    this.#id = undefined;
    try {
      if (id !== undefined) await this.#o.store.forget(id);
    } catch (cause) {
      this.#o.report("the resume store still has a session that is over", cause);
    }
  }
}
