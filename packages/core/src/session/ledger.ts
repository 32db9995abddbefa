import type { Ref } from "../envelope/claims.ts";
import type { Limits } from "../registry.generated.ts";
import { ReplayWindow } from "../replay/window.ts";
import { TokenBucket } from "./bucket.ts";
import { type Chain, NO_CHAINS } from "./chain.ts";
import { type Kept, Retention } from "./retention.ts";
import { type Part, Undelivered } from "./undelivered.ts";

/** Messages of ours whose first `err` is still free: as far back as anybody refuses in earnest. */
const REFUSABLE = 16_384;

export interface LedgerStart {
  readonly sent: number;
  readonly acknowledged: number;
  readonly committed: number;
  /** What is left of the peer's budget of control messages. Default: all of it. */
  readonly control?: number;
  /** And of its resumes. */
  readonly resumes?: number;
  readonly freeAcks?: number;
  readonly freeItemErrs?: number;
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

const controlBucket = ({ controlPerSecond, controlBurst }: Limits, level?: number): TokenBucket =>
  new TokenBucket(controlPerSecond, controlBurst, level);

const resumesBucket = ({ resumesPerMinute }: Limits, level?: number): TokenBucket =>
  new TokenBucket(resumesPerMinute / 60, resumesPerMinute, level);

/** What a session counts on, whatever connection it is on. */
export class Ledger {
  readonly resumable: boolean;
  readonly #limits: Limits;
  // Made by the first message of either end.
  #retention: Retention | undefined;
  #undelivered: Undelivered | undefined;
  // Made when something is taken: until then all is there.
  #control: TokenBucket | undefined;
  #resumes: TokenBucket | undefined;
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
  /** Acks and voids that cost the peer nothing: one for each message of ours, and those of a resume. */
  freeAcks: number;
  freeVoids = 0;
  /** Of this connection, without an answer: few. */
  #pings = NO_PINGS;
  #newest: Chain | undefined;
  /** Chains before it: there are some only while keys change. */
  #older = NO_CHAINS;
  owner: LedgerOwner | undefined;
  #refused: ReplayWindow | undefined;
  #freeItemErrs: number;

  constructor(limits: Limits, resumable: boolean, start: LedgerStart) {
    this.resumable = resumable;
    this.#limits = limits;
    if (start.control !== undefined) this.#control = controlBucket(limits, start.control);
    if (start.resumes !== undefined) this.#resumes = resumesBucket(limits, start.resumes);
    this.sent = start.sent;
    this.acknowledged = start.acknowledged;
    this.committed = start.committed;
    this.#announced = start.committed;
    this.freeAcks = start.freeAcks ?? 0;
    this.#freeItemErrs = start.freeItemErrs ?? 0;
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

  /** Budget of the peer's control messages. */
  get control(): TokenBucket {
    this.#control ??= controlBucket(this.#limits);
    return this.#control;
  }

  /** Server: budget of the client's resumes, in each of which all that is not acknowledged is sent again. */
  get resumes(): TokenBucket {
    this.#resumes ??= resumesBucket(this.#limits);
    return this.#resumes;
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
    this.freeVoids = voids;
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
    const items = kept.count === 1 ? 2 : 1;
    this.#freeItemErrs = Math.min(REFUSABLE, this.#freeItemErrs + items);
    this.freeAcks++;
    this.retention.join(kept, topic, bytes);
  }

  /** Of items of batches, whose first `err` is free as well: they are counted, since each has not a number of its own. */
  get freeItemErrs(): number {
    return this.#freeItemErrs;
  }

  /** True for the first refusal of a message of ours; of items of batches, for as many as were sent. */
  refuse(ref: Ref): boolean {
    if (typeof ref !== "number") return this.#freeItemErrs > 0 && this.#freeItemErrs-- > 0;
    this.#refused ??= new ReplayWindow(REFUSABLE);
    try {
      this.#refused.commit(ref);
      return true;
    } catch {
      return false;
    }
  }
}
