import type { Ref } from "../envelope/claims.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import type { Limits } from "../registry.generated.ts";
import { ReplayWindow } from "../replay/window.ts";
import { TokenBucket } from "./bucket.ts";
import type { Ledger } from "./ledger.ts";

/** Messages of ours whose first `err` is still free: as far back as anybody refuses in earnest. */
const REFUSABLE = 16_384;

/** What is left of it. Default: all, and nothing that is free. */
export interface BudgetStart {
  readonly control?: number;
  readonly resumes?: number;
  readonly freeItemErrs?: number;
}

const controlBucket = ({ controlPerSecond, controlBurst }: Limits, level?: number): TokenBucket =>
  new TokenBucket(controlPerSecond, controlBurst, level);

const resumesBucket = ({ resumesPerMinute }: Limits, level?: number): TokenBucket =>
  new TokenBucket(resumesPerMinute / 60, resumesPerMinute, level);

/** What the peer may ask of this end. */
export class Budget {
  readonly #limits: Limits;
  // Made when something is taken: until then all is there.
  #control: TokenBucket | undefined;
  #resumes: TokenBucket | undefined;
  /** Voids that cost nothing: those of a resume. */
  freeVoids = 0;
  #refused: ReplayWindow | undefined;
  #freeItemErrs: number;

  constructor(limits: Limits, { control, resumes, freeItemErrs = 0 }: BudgetStart = {}) {
    this.#limits = limits;
    if (control !== undefined) this.#control = controlBucket(limits, control);
    if (resumes !== undefined) this.#resumes = resumesBucket(limits, resumes);
    this.#freeItemErrs = freeItemErrs;
  }

  /** Of control messages. */
  get control(): TokenBucket {
    this.#control ??= controlBucket(this.#limits);
    return this.#control;
  }

  /** Server: of the client's resumes, in each of which all that is not acknowledged is sent again. */
  get resumes(): TokenBucket {
    this.#resumes ??= resumesBucket(this.#limits);
    return this.#resumes;
  }

  /** Of items of batches, whose first `err` is free as well: they are counted, since each has not a number of its own. */
  get freeItemErrs(): number {
    return this.#freeItemErrs;
  }

  /** So many were sent. */
  addItems(count: number): void {
    this.#freeItemErrs = Math.min(REFUSABLE, this.#freeItemErrs + count);
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

/**
 * What a control message costs the peer. Answers that this end has caused, and receipts, are free once each.
 *
 * @throws SealwireError E_QUOTA
 */
export function charge(ledger: Ledger, message: Control, elapsed: number): void {
  if (isFree(ledger, message)) return;
  if (!ledger.budget.control.take(1, elapsed))
    throw new SealwireError("E_QUOTA", { stage: "rate", detail: "controlPerSecond" });
}

function isFree(ledger: Ledger, message: Control): boolean {
  switch (message.top) {
    case "pong":
      return ledger.ponged(message.ref);
    case "err":
      return ledger.budget.refuse(message.ref);
    case "ack":
      return ledger.freeAcks > 0 && ledger.freeAcks-- > 0;
    case "void":
      return ledger.budget.freeVoids > 0 && ledger.budget.freeVoids-- > 0;
    default:
      return false;
  }
}
