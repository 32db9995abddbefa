import type { Ref } from "../envelope/claims.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import type { Maybe } from "../maybe.ts";
import type { Codec, ErrorCode, Limits } from "../registry.generated.ts";
import type { Attachment } from "./attachment.ts";
import type { Connection } from "./connection.ts";
import { Delivery, type DeliveryHost } from "./delivery.ts";
import type { Established } from "./established.ts";
import { Farewell } from "./farewell.ts";
import type { SessionHooks } from "./hooks.ts";
import { Intake, type IntakeHost } from "./intake.ts";
import type { Ledger } from "./ledger.ts";
import { Life, type LifeHost } from "./life.ts";
import type { Received } from "./messages.ts";
import type { Refusals } from "./refusals.ts";
import { PendingRequests } from "./requests.ts";
import type { Rights as Granted } from "./resumption.ts";
import { Rights, type RightsHost } from "./rights.ts";
import { Sender, type SenderHost } from "./sender.ts";
import type { Clock } from "./socket.ts";
import { Timers } from "./timers.ts";
import type { CloseInfo } from "./types.ts";

/**
 * The parts of one session, and what each of them needs to know of the others, as it is at that moment: the session goes
 * on from one connection to the next. Everything they hold is released in `ended`.
 */
export class SessionParts implements SenderHost, DeliveryHost, RightsHost, IntakeHost, LifeHost {
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly life: Life;
  readonly sender: Sender;
  readonly delivery: Delivery;
  readonly rights: Rights;
  readonly intake: Intake;
  // Made when there is something for them.
  #timers: Timers | undefined;
  #requests: PendingRequests | undefined;
  #farewell: Farewell | undefined;
  #info: CloseInfo | undefined;
  // Made when somebody asks: most sessions end without anybody who waits for it.
  #abort: AbortController | undefined;
  #closed: { readonly promise: Promise<CloseInfo>; readonly resolve: (info: CloseInfo) => void } | undefined;

  constructor(established: Established, connection: Connection, limits: Limits, hooks: SessionHooks) {
    this.limits = limits;
    this.hooks = hooks;
    this.sender = new Sender(this);
    this.delivery = new Delivery(this);
    this.rights = new Rights(this, established);
    this.life = new Life(established, connection, this);
    this.intake = new Intake(this);
    this.rights.watch();
    this.life.watch();
    if (established.resume !== undefined) this.life.takeUp(established, established.resume);
  }

  get timers(): Timers {
    this.#timers ??= new Timers(this.clock);
    if (this.over) this.#timers.clear();
    return this.#timers;
  }
  get requests(): PendingRequests {
    this.#requests ??= new PendingRequests(this);
    return this.#requests;
  }
  get awaitsReply(): boolean {
    return this.#requests?.isWaiting === true;
  }
  get farewell(): Farewell {
    this.#farewell ??= new Farewell(this.limits);
    return this.#farewell;
  }
  get attachment(): Attachment | undefined {
    return this.life.attachment;
  }
  get ledger(): Ledger {
    return this.life.ledger;
  }
  get codec(): Codec {
    return this.life.facts.keys.codec;
  }
  get clock(): Clock {
    return this.life.clock;
  }
  get session(): string {
    return this.life.facts.id;
  }
  get subject(): string {
    return this.life.facts.subject;
  }
  get grants(): number {
    return this.rights.changes;
  }
  get granted(): Granted {
    return { exp: this.rights.expiresAt, scp: this.rights.scopes };
  }
  get elapsed(): number {
    return this.clock.elapsed();
  }
  get ttl(): number {
    return Math.min(this.limits.messageTtl + this.life.facts.policy.res, this.limits.messageTtlMax);
  }
  get failed(): boolean {
    return (this.life.attachment?.connection.failed ?? false) && !this.life.isLosing;
  }
  get refusals(): Refusals {
    return this.sender.refusals;
  }
  get full(): boolean {
    return this.delivery.full;
  }

  isOverfull(more: number): boolean {
    return this.delivery.isOverfull(more);
  }

  pump(): void {
    this.life.attachment?.pump();
  }

  refuse(ref: Ref, code: ErrorCode): Maybe<void> {
    return this.life.refuse({ ref, code });
  }

  check(message: Control): void {
    this.rights.check(message);
  }

  dispatch(received: Received, from: Attachment): Maybe<void> {
    return this.intake.dispatch(received, from);
  }

  wake(): void {
    this.sender.wake();
  }

  lost(): void {
    this.rights.fail(() => new SealwireError("E_TRUNCATED", { detail: "the answer was lost" }));
  }

  // --- the end -------------------------------------------------------------------------------------------------

  expire(error: SealwireError): void {
    const end = { code: error.closeCode as number, error, clean: false, truncated: true };
    if (this.life.attachment === undefined) this.life.lapse(end);
    else this.life.fail(error);
  }

  abandoned(reason: () => SealwireError): void {
    if (this.#requests?.isWaiting) this.#requests.fail(reason());
    this.rights.fail(reason);
    this.sender.forgetRefusals();
  }

  ended(info: CloseInfo): void {
    this.#info = info;
    this.#abort?.abort(reasonOf(info));
    this.abandoned(() => reasonOf(info));
    const { error } = info;
    // What is committed and not handled yet no other node has.
    const lost = error?.code !== "E_SUPERSEDED";
    this.delivery.end(lost && (info.truncated || (error?.fatal === true && !error.remote)));
    this.sender.end();
    this.rights.end();
    this.#timers?.clear();
    this.#closed?.resolve(info);
  }

  get over(): boolean {
    return this.#info !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#info !== undefined) this.#abort.abort(reasonOf(this.#info));
    }
    return this.#abort.signal;
  }

  get closed(): Promise<CloseInfo> {
    if (this.#closed === undefined) {
      let resolve!: (info: CloseInfo) => void;
      const promise = new Promise<CloseInfo>((done) => {
        resolve = done;
      });
      this.#closed = { promise, resolve };
      if (this.#info !== undefined) resolve(this.#info);
    }
    return this.#closed.promise;
  }
}

/** Made only where somebody waits: an error costs more than the rest of the end, most of it for its stack. */
const reasonOf = ({ error }: CloseInfo): SealwireError => error ?? new SealwireError("E_CLOSED");
