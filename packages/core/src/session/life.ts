import type { Control } from "../envelope/control.ts";
import { asError, SealwireError } from "../errors.ts";
import { attempt, chain, type Maybe } from "../maybe.ts";
import type { ErrorCode, Limits } from "../registry.generated.ts";
import { type Refusal, Refusals } from "./answers.ts";
import { type Attached, Attachment, isSilence } from "./attachment.ts";
import { type Chain, NO_CHAINS } from "./chain.ts";
import type { ConnectionEnd } from "./close-info.ts";
import type { Connection } from "./connection.ts";
import type { Established, SessionFacts } from "./established.ts";
import type { SessionHooks } from "./hooks.ts";
import type { Ledger, LedgerOwner } from "./ledger.ts";
import { Listeners } from "./listeners.ts";
import type { SessionMachine } from "./machine.ts";
import type { Received } from "./messages.ts";
import type { Time } from "./payload.ts";
import { sendAgain } from "./resend.ts";
import { prepareResumed, type Rights } from "./resumption.ts";
import type { Kept } from "./retention.ts";
import type { Clock } from "./socket.ts";
import type { Timer, Timers } from "./timers.ts";
import type { CloseInfo, SessionState } from "./types.ts";
import { Unacknowledged, type UnacknowledgedHost } from "./unacknowledged.ts";

/** The rest of the session: what it does about the turns of its life. */
export interface LifeHost {
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly timers: Timers;
  /** True while the application has more to do than it may. */
  readonly full: boolean;
  isOverfull(more: number): boolean;
  /** Throws SealwireError E_STATE for a control message that cannot come now. */
  check(message: Control): void;
  dispatch(received: Received, from: Attachment): Maybe<void>;
  /** Messages that waited can go. */
  wake(): void;
  /** As they are now, for the server's `resumed`. */
  readonly granted: Rights;
  /** How often they have changed. */
  readonly grants: number;
  /** The connection is gone, and what waits for a control message waits in vain. */
  lost(): void;
  /** The session is over, or given up for a new one: nobody will answer what was asked. */
  abandoned(reason: () => SealwireError): void;
  ended(info: CloseInfo): void;
}

/** A session from one connection to the next, or to the next session; and what is known of its messages at each turn. */
export class Life implements Attached, LedgerOwner, UnacknowledgedHost {
  attachment: Attachment | undefined;
  /** Milliseconds from the local clock to the server's. */
  offset: number;
  protocol: string;
  state: SessionState = "open";
  /** This side is ending it: without its connection it is over, whether the bye was said or not. */
  leaving = false;
  /** Made by the first one. */
  #refusals: Refusals | undefined;
  #states: Listeners<SessionState> | undefined;
  /** Made by the first message. */
  #unacknowledged: Unacknowledged | undefined;
  readonly #host: LifeHost;
  readonly clock: Clock;
  /** Of the last connection: it knows of which session it is, the server's time, and who said bye. */
  machine: SessionMachine;
  #wait: Timer | undefined;
  /** What it knew has been told: an attempt that succeeds all the same comes too late. */
  #givenUp = false;

  constructor(e: Established, connection: Connection, host: LifeHost) {
    this.#host = host;
    [this.offset, this.protocol] = [e.offset, e.protocol];
    this.clock = connection.clock;
    this.machine = e.machine;
    this.attachment = this.#attach(e, connection);
    this.#watchLedger();
  }

  #attach(e: Established, connection: Connection): Attachment {
    [this.offset, this.protocol] = [e.offset, e.protocol];
    this.machine = e.machine;
    return new Attachment(e, connection, this);
  }

  get facts(): SessionFacts {
    return this.machine.facts;
  }
  get ledger(): Ledger {
    return this.machine.ledger;
  }

  // --- what its connection, and messages that are not acknowledged, need -----------------------------------------

  get unacknowledged(): Unacknowledged {
    this.#unacknowledged ??= new Unacknowledged(this);
    return this.#unacknowledged;
  }
  get refusals(): Refusals {
    this.#refusals ??= new Refusals(this.limits.retainedMessages);
    return this.#refusals;
  }
  get limits(): Limits {
    return this.#host.limits;
  }
  get hooks(): SessionHooks {
    return this.#host.hooks;
  }
  get timers(): Timers {
    return this.#host.timers;
  }
  get full(): boolean {
    return this.#host.full;
  }
  /** Seconds in the server's time. */
  get now(): number {
    return Math.floor(this.serverTime / 1000);
  }

  isOverfull(more: number): boolean {
    return this.#host.isOverfull(more);
  }

  check(message: Control): void {
    this.#host.check(message);
  }

  dispatch(received: Received, from: Attachment): Maybe<void> {
    return this.#host.dispatch(received, from);
  }

  wake(): void {
    this.#host.wake();
  }

  acknowledged(rcv: number): void {
    this.#refusals?.acknowledge(rcv);
  }

  /** Starts the first connection's timers: after that of the session's end, which comes first where both are due. */
  watch(): void {
    this.attachment?.watch();
  }

  #watchLedger(): void {
    this.ledger.owner = this;
    this.onChains(NO_CHAINS, this.ledger.chains);
  }

  onChains(before: readonly Chain[], after: readonly Chain[]): void {
    this.#host.hooks.onChains?.(before, after);
  }

  onKept({ exp }: Kept): void {
    this.unacknowledged.sweepAt(exp);
  }

  onStateChange(fn: (state: SessionState) => void): () => void {
    this.#states ??= new Listeners("onStateChange", this.#host.hooks);
    return this.#states.add(fn);
  }

  #setState(state: SessionState): void {
    if (this.state === state) return;
    this.state = state;
    this.#host.hooks.onState?.(state);
    this.#states?.tell(state);
  }

  /** Refuses a message of the peer, now or on the next connection. */
  refuse(refusal: Refusal): Maybe<void> {
    if (this.state === "closed") return;
    const onSeq = this.ledger.resumable ? this.refusals.add(refusal) : undefined;
    return this.attachment?.control({ top: "err", ...refusal }, onSeq);
  }

  // --- another connection --------------------------------------------------------------------------------------

  /** The same session on a new connection: what the peer has not committed goes first, then what is new. */
  resume(e: Established, connection: Connection, after: number): Attachment {
    this.#assertAlive();
    if (this.#givenUp) throw notTaken("its time was over before");
    this.#wait?.cancel();
    const attachment = this.#attach(e, connection);
    this.attachment = attachment;
    attachment.watch();
    this.#takeUp(e, attachment, after);
    return attachment;
  }

  /** A session from a store: its first connection here is one that it is resumed on. */
  takeUp(e: Established, { peer, refusals = [] }: NonNullable<Established["resume"]>): void {
    if (refusals.length > 0) this.refusals.restore(refusals);
    this.#takeUp(e, this.attachment as Attachment, peer);
  }

  #takeUp(e: Established, attachment: Attachment, after: number): void {
    this.unacknowledged.sweep();
    const { ledger, facts } = this;
    this.#refusals?.acknowledge(ledger.acknowledged);
    // Later, since the connection does not know this session yet: what fails ends it.
    const work = async (): Promise<void> => {
      await undefined;
      if (facts.keys.role === "server")
        attachment.outbox.push(prepareResumed(e.epoch, ledger.announce(), this.#host.granted));
      const withdraw = (kept: Kept, reason: ErrorCode) => this.#withdraw(kept, reason);
      const { codec } = facts.keys;
      const grants = () => this.#host.grants;
      const sweep = () => this.unacknowledged.sweep();
      await sendAgain({ attachment, ledger, codec, hooks: this.#host.hooks, grants, after, withdraw, sweep });
      attachment.pump();
    };
    void attempt(
      () => attachment.hold(work),
      (error) => attachment.connection.fail(asError(error)),
    );
    this.#goOn();
  }

  #withdraw(kept: Kept, reason: ErrorCode): void {
    this.#host.hooks.onError?.(
      new SealwireError(reason, { fatal: false, detail: `not sent again: ${topicsOf(kept)}` }),
    );
    this.unacknowledged.withdraw(kept);
  }

  /** The session may have ended while the peers confirmed the new connection to each other. */
  #assertAlive(): void {
    if (this.state === "closed") throw notTaken("the session is over");
  }

  /** Another connection takes over, and may be lost before it is attached: until then the session has none. */
  onTakenOver(): void {
    const { attachment } = this;
    if (attachment === undefined) return;
    this.attachment = undefined;
    this.#host.lost();
    attachment.machine.retire();
    attachment.connection.supersede();
    const info = { code: 4409, error: new SealwireError("E_TRUNCATED"), clean: false, truncated: true };
    if (this.leaving) {
      this.end(info);
      return;
    }
    this.#setState("reconnecting");
    this.#awaitResume(info);
  }

  #awaitResume(info: ConnectionEnd): void {
    this.#wait?.cancel();
    this.#wait = this.#host.timers.after(this.facts.policy.res * 1000, () =>
      this.lapse({ ...info, error: notResumed() }),
    );
  }

  /** Without a connection, and too late for another one: the end, or for a client that goes on, a new session. */
  lapse(info: ConnectionEnd): void {
    this.ledger.chains = [];
    if (this.#host.hooks.lost !== undefined) this.#giveUp();
    else void chain(this.#host.hooks.elsewhere?.() ?? false, (taken) => (taken ? this.supersede() : this.end(info)));
  }

  /** Another node has the session, with all that is not acknowledged: where that is certain, nothing of it is undetermined. */
  supersede(certain = true): void {
    const { attachment } = this;
    this.attachment = undefined;
    attachment?.machine.retire();
    attachment?.connection.supersede(1001, "away");
    if (certain) this.ledger.retention.clear();
    const error = new SealwireError("E_SUPERSEDED", { stage: "session", detail: "another node has the session" });
    this.end({ code: 4409, error, clean: false, truncated: true });
  }

  /** A new session in place of one that cannot be resumed. Only what was marked for it is sent again. */
  replace(e: Established, connection: Connection): Attachment {
    this.#assertAlive();
    this.#giveUp();
    const outliving = this.unacknowledged.outliving();
    const { subject, startedAt } = e.facts;
    const same = subject === this.facts.subject;
    this.#wait?.cancel();
    this.#givenUp = false;
    const attachment = this.#attach(e, connection);
    this.attachment = attachment;
    attachment.watch();
    this.#watchLedger();
    // All of it was reported. Nobody's messages are sent as another subject's; and a server whose clock went back would take
    // one from ahead of its SH for new, though it may have been delivered.
    for (const message of outliving.filter(({ iat = 0 }) => same && iat <= startedAt)) {
      attempt(
        () => void attachment.add(message),
        // It was reported already. The new session has another codec, or takes less.
        (error) => this.#host.hooks.onError?.(asError(error)),
      );
    }
    this.#goOn();
    return attachment;
  }

  #goOn(): void {
    for (const refusal of this.#refusals?.take() ?? []) void this.refuse(refusal);
    this.#setState("open");
    this.#host.wake();
  }

  // --- the end of a connection, and of the session -------------------------------------------------------------

  connectionEnded(info: ConnectionEnd, from: Attachment): void {
    if (from !== this.attachment) return;
    this.attachment = undefined;
    const { code } = info.error ?? {};
    const lost = !from.byeSent && !from.byeReceived && (code === "E_TRUNCATED" || isSilence(info.error));
    const resumable = lost && this.ledger.resumable && !this.leaving;
    if (!resumable) this.ledger.chains = [];
    const kept = !this.leaving && (this.#host.hooks.lost?.(info, resumable) ?? resumable);
    if (!kept) {
      this.end(info);
      return;
    }
    this.#host.lost();
    this.#setState("reconnecting");
    if (!resumable) this.#giveUp();
    else this.#awaitResume(info);
  }

  /** The connection is ending, and the session goes on without it. */
  get isLosing(): boolean {
    const { attachment, ledger } = this;
    if (attachment === undefined || !ledger.resumable || attachment.byeSent || attachment.byeReceived) return false;
    const { closing, error } = attachment.connection;
    return closing && (error === undefined || isSilence(error));
  }

  /** This session will not be taken up again. What is marked for it is sent in the next one all the same. */
  #giveUp(): void {
    this.#givenUp = true;
    this.unacknowledged.giveUp();
    this.#refusals?.take();
    this.#host.abandoned(notResumed);
  }

  /** Ends the session for a reason of this side, also where its connection is past telling the peer. */
  fail(error: SealwireError): void {
    const { attachment } = this;
    // A client goes on to the next connection, whose server has the last word.
    const isMute = this.isLosing && this.#host.hooks.lost === undefined;
    if (attachment !== undefined && !isMute) attachment.connection.fail(error);
    else this.end({ code: error.closeCode ?? 1011, error, clean: false, truncated: true });
  }

  end(info: ConnectionEnd): void {
    if (this.state === "closed") return;
    this.attachment?.machine.retire();
    this.attachment = undefined;
    const undetermined = this.unacknowledged.take();
    this.ledger.chains = [];
    this.#refusals?.take();
    this.#setState("closed");
    this.#host.ended({ ...info, undetermined });
    this.#states?.clear();
    this.unacknowledged.listeners?.clear();
  }

  /** Milliseconds in the server's time, as the last connection told it. */
  get serverTime(): number {
    return this.machine.serverTime(this.time);
  }

  get time(): Time {
    return { unix: this.clock.unix(), elapsed: this.clock.elapsed() };
  }
}

const topicsOf = ({ topics }: Kept): string => [...new Set(topics)].join(", ");

const notTaken = (detail: string): SealwireError => new SealwireError("E_RESUME", { stage: "session", detail });

const notResumed = (): SealwireError =>
  new SealwireError("E_TRUNCATED", { stage: "local", detail: "the session was not resumed" });
