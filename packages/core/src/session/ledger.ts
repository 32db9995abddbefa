import type { Limits } from "../registry.generated.ts";
import { Budget, type BudgetStart } from "./budget.ts";
import { type Chain, NO_CHAINS } from "./chain.ts";
import { type Kept, Retention } from "./retention.ts";
import { type Part, Undelivered } from "./undelivered.ts";

export interface LedgerStart extends BudgetStart {
  readonly sent: number;
  readonly acknowledged: number;
  readonly committed: number;
  readonly freeAcks?: number;
  readonly part?: Part | undefined;
}

/** The session whose ledger it is. */
export interface LedgerOwner {
  /** Told of every message that is kept. */
  onKept(kept: Kept): void;
  /** Told whenever the chains change. */
  onChains(before: readonly Chain[], after: readonly Chain[]): void;
  /** Told when another connection takes these numbers over: from then on nothing of the one before is processed. */
  onTakenOver(): void;
}

const NO_PINGS: readonly number[] = [];

/** What a session counts on, whatever connection it is on. */
export class Ledger {
  readonly resumable: boolean;
  readonly #limits: Limits;
  // Made by the first message of either end.
  #retention: Retention | undefined;
  #undelivered: Undelivered | undefined;
  /** The peer's. Made when something is taken from it, or granted. */
  #budget: Budget | undefined;
  /** Number used last. */
  sent: number;
  /** Highest number of ours that the peer said it has committed. */
  acknowledged: number;
  /** Highest number of the peer that was committed on any connection. */
  committed: number;
  /** Number of the peer above which nothing is announced for now: the application is too far behind for more. */
  withheld: number | undefined;
  #announced: number;
  /** A batch that the peer sends again, and of which another node has handed on a part. */
  part: Part | undefined;
  /** Acks that cost the peer nothing: one for each message of ours. */
  freeAcks: number;
  /** Of this connection, without an answer: few. */
  #pings = NO_PINGS;
  #newest: Chain | undefined;
  /** Chains before it: there are some only while keys change. */
  #older = NO_CHAINS;
  owner: LedgerOwner | undefined;

  constructor(limits: Limits, resumable: boolean, start: LedgerStart) {
    this.resumable = resumable;
    this.#limits = limits;
    const { control, resumes, freeItemErrs } = start;
    if (control !== undefined || resumes !== undefined || freeItemErrs !== undefined)
      this.#budget = new Budget(limits, start);
    this.sent = start.sent;
    this.acknowledged = start.acknowledged;
    this.committed = start.committed;
    this.#announced = start.committed;
    this.freeAcks = start.freeAcks ?? 0;
    this.part = start.part;
  }

  /** Own messages that the peer has not acknowledged. */
  get retention(): Retention {
    this.#retention ??= new Retention(this.#limits, this.resumable);
    return this.#retention;
  }

  /** What was committed and has not been delivered. */
  get undelivered(): Undelivered {
    this.#undelivered ??= new Undelivered();
    return this.#undelivered;
  }

  get budget(): Budget {
    this.#budget ??= new Budget(this.#limits);
    return this.#budget;
  }

  /** From which this session can be resumed, the newest first (specs/lifecycle.md, section 7, chains). */
  get chains(): readonly Chain[] {
    return this.#newest === undefined ? NO_CHAINS : [this.#newest, ...this.#older];
  }

  /** A session that cannot be resumed has none. */
  set chains(chains: readonly Chain[]) {
    if (!this.resumable) return;
    const before = this.chains;
    this.#newest = chains[0];
    this.#older = chains.length > 1 ? chains.slice(1) : NO_CHAINS;
    this.owner?.onChains(before, chains);
  }

  /** Up to it the peer may have been told that all is committed: it does not send that again. */
  get announced(): number {
    return this.#announced;
  }

  /** The `rcv` of a control message or a hello: it never goes back. */
  announce(): number {
    this.#announced = Math.max(this.#announced, this.withheld ?? this.committed);
    return this.#announced;
  }

  /** Nothing of the old connection is answered any more. `voids`: as many cost the peer nothing. */
  resume(chain: Chain, voids: number): void {
    this.chains = [chain];
    this.budget.freeVoids = voids;
    this.#pings = NO_PINGS;
  }

  /** Its pong will be free. */
  pinged(seq: number): void {
    this.#pings = [...this.#pings, seq];
  }

  /** True for the pong of such a ping, once. */
  ponged(ref: number): boolean {
    const left = this.#pings.filter((seq) => seq !== ref);
    if (left.length === this.#pings.length) return false;
    this.#pings = left.length === 0 ? NO_PINGS : left;
    return true;
  }

  /** The peer has committed everything up to `rcv`. True if there is room where there was none. */
  acknowledge(rcv: number): boolean {
    this.acknowledged = Math.max(this.acknowledged, rcv);
    return this.#retention?.acknowledge(rcv) === true;
  }

  keep(kept: Kept): void {
    this.retention.add(kept);
    this.freeAcks++;
    this.owner?.onKept(kept);
  }

  /** Another message shares the number of the newest one. */
  join(kept: Kept, topic: string, bytes: number): void {
    // With the second the first becomes an item as well.
    this.budget.addItems(kept.count === 1 ? 2 : 1);
    this.freeAcks++;
    this.retention.join(kept, topic, bytes);
  }
}
