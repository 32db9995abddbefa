import { randomBytes } from "node:crypto";
import type { Clock } from "@sealwire/core/internal";
import { answerOf } from "./answer.ts";
import type { ResumeStore } from "./resume-store.ts";

/**
 * Seconds for which the store keeps a session beyond its time to be resumed in: until then the node that parked it can
 * tell whether another one has taken it, or nobody came.
 */
const GRACE = 60;

const LATE = "the resume store did not answer in time";

/** By it the server that parked a session finds that another one goes on with it. No K of a hello has this form. */
const markOf = (id: string): string => `taken:${id}`;

/** A session as it is to be parked. */
export interface Parkable {
  readonly kids: readonly string[];
  /** `id`: under which it is parked; `until`: NumericDate, the end of its time to be resumed in. */
  state(id: string, until: number): Uint8Array;
}

export interface ParkingOptions {
  readonly store: ResumeStore;
  readonly clock: Clock;
  /** For which the store is waited for, each time: what it says later still counts. */
  readonly ms: number;
  readonly report: (detail: string, cause: unknown) => void;
}

/** What is in the store of one session. One step at a time, in the order of the calls. */
export class Parking {
  readonly #o: ParkingOptions;
  /** Under which it is parked, new each time: an older claim does not get a newer state. */
  #id: string | undefined;
  #until = 0;
  /** Under which this node parked it last. */
  #own: string | undefined;
  /** A claim of this node without an answer yet. A second one would find nothing where the first has taken it. */
  #claiming: Promise<boolean> | undefined;
  /** Somebody waits for the answer of this claim to give back what it took. */
  #late: Promise<boolean> | undefined;
  /** Another node has it: it is not parked any more, and not there to be claimed. */
  #elsewhere = false;
  /** What is in the store from here on is no business of this node. */
  #over = false;
  #last: Promise<unknown> = Promise.resolve();

  /** `parked`: what the store has of it already, and until when. */
  constructor(options: ParkingOptions, parked?: { readonly id: string; readonly until: number }) {
    this.#o = options;
    if (parked !== undefined) [this.#id, this.#until] = [parked.id, parked.until];
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(step);
    this.#last = done.catch(() => {});
    return done;
  }

  #answer<T>(ask: () => T | PromiseLike<T>): Promise<Awaited<T>> {
    return answerOf(this.#o.clock, this.#o.ms, LATE, ask);
  }

  /** Its connection is lost: from now on it can be resumed for so long. */
  lost(seconds: number): void {
    this.#until = Math.floor(this.#o.clock.unix() / 1000) + seconds;
  }

  /**
   * Parks it as it is then, in place of what is parked of it, until the end of its time to be resumed in. False if another
   * node has taken it. Undefined for a store that fails, which is reported: then what is parked is what was, or nothing.
   */
  park(parkable: Parkable): Promise<boolean | undefined> {
    const { store, report } = this.#o;
    return this.#inTurn(async () => {
      if (this.#over) return true;
      let work: Promise<void> | undefined;
      try {
        if (!(await this.#take())) return false;
        const id = randomBytes(16).toString("base64url");
        [this.#id, this.#own] = [id, id];
        work = (async () =>
          await store.park(id, parkable.kids, this.#until + GRACE, parkable.state(id, this.#until)))();
        await this.#answer(() => work as Promise<void>);
        return true;
      } catch (cause) {
        report("a session was not parked: no other server can resume it as it is", cause);
        if (work !== undefined) await this.#unpark(work);
        return undefined;
      }
    });
  }

  /** It may have got there all the same, or get there yet. */
  async #unpark(work: Promise<void>): Promise<void> {
    const id = this.#id as string;
    this.#id = undefined;
    const forget = () => this.#forget(id);
    await forget();
    work.then(forget, () => {});
  }

  get parked(): boolean {
    return this.#id !== undefined;
  }

  /**
   * Takes it back from the store; true also where it is not there. False if another node has it; undefined where the store
   * failed, which is reported.
   */
  claim(): Promise<boolean | undefined> {
    return this.#inTurn(async () => {
      try {
        return await this.#take();
      } catch (cause) {
        this.#o.report("the resume store failed", cause);
        return undefined;
      }
    });
  }

  /** Runs `giveBack` if a claim that nobody waits for any more turns out to have taken it: once, however many waited. */
  onLateClaim(giveBack: () => void): void {
    const claiming = this.#claiming;
    if (claiming === undefined || claiming === this.#late) return;
    this.#late = claiming;
    claiming.then(
      (taken) => taken && giveBack(),
      () => {},
    );
  }

  async #take(): Promise<boolean> {
    const id = this.#id;
    if (id === undefined) return !this.#elsewhere;
    this.#claiming ??= this.#ask(id);
    const claiming = this.#claiming;
    const taken = await this.#answer(() => claiming);
    [this.#id, this.#claiming, this.#elsewhere] = [undefined, undefined, !taken];
    return taken;
  }

  async #ask(id: string): Promise<boolean> {
    try {
      return (await this.#o.store.claim(id)) === true;
    } catch (cause) {
      this.#claiming = undefined;
      throw cause;
    }
  }

  /**
   * Whether another node goes on with what this one parked. Not so where one only tried to, where the claim was this node's
   * own and its answer was lost, or where the store does not say.
   */
  async isTakenUp(): Promise<boolean> {
    const own = this.#own;
    if (own === undefined) return false;
    try {
      return (await this.#answer(() => this.#o.store.find(markOf(own)))) !== undefined;
    } catch (cause) {
      this.#o.report("whether another server has a session could not be had from the resume store", cause);
      return false;
    }
  }

  /** This node goes on with what another one parked under `id`, and looks for the mark of it. */
  async markTakenUp(id: string): Promise<void> {
    const { store, report } = this.#o;
    const name = randomBytes(16).toString("base64url");
    const until = this.#until + GRACE;
    try {
      await this.#answer(() => store.park(name, [markOf(id)], until, new Uint8Array(1)));
    } catch (cause) {
      report("the server that had a session will not find that it was resumed", cause);
    }
  }

  /** What is parked now is for another node. True if something is. */
  leave(): Promise<boolean> {
    return this.#inTurn(async () => {
      const { parked } = this;
      this.#id = undefined;
      this.#over = true;
      return parked;
    });
  }

  /** The session is over. */
  forget(): Promise<void> {
    return this.#inTurn(async () => {
      const id = this.#id;
      this.#id = undefined;
      this.#over = true;
      if (id !== undefined) await this.#forget(id);
    });
  }

  async #forget(id: string): Promise<void> {
    try {
      await this.#answer(() => this.#o.store.forget(id));
    } catch (cause) {
      this.#o.report("the resume store still has a session that is over", cause);
    }
  }
}
