import type { Control } from "../envelope/control.ts";
import type { Begun, Reader } from "../envelope/opener.ts";
import { asError, SealwireError } from "../errors.ts";
import { attempt, chain, isPromise, type Maybe } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import type { WireFrame } from "../wire/frame.ts";
import { Acknowledger, type AcknowledgerHost } from "./acknowledger.ts";
import { type Alarm, Alarms, UNSET } from "./alarms.ts";
import type { ConnectionEnd } from "./close-info.ts";
import type { Connection, Receiver } from "./connection.ts";
import type { Epoch } from "./epoch.ts";
import type { Established, SessionFacts } from "./established.ts";
import type { Place } from "./gathering.ts";
import { type SessionHooks, trace } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import type { MachineEvents, ReceivedBy, SessionMachine } from "./machine.ts";
import type { Outgoing, Prepared, Received } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import type { Time } from "./payload.ts";
import type { Timer } from "./timers.ts";
import type { WindowReport } from "./types.ts";

/** What the session does with what comes from its connection. */
export interface Attached {
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly full: boolean;
  /** True while it has too much to do for so many messages more. */
  isOverfull(more: number): boolean;
  /** Throws SealwireError E_STATE for a control message that cannot come now. */
  check(message: Control): void;
  dispatch(received: Received, from: Attachment): Maybe<void>;
  /** Messages that waited for room, or for keys, can go. */
  wake(): void;
  acknowledged(rcv: number): void;
  connectionEnded(info: ConnectionEnd, from: Attachment): void;
}

/** A session's hold on one connection: keys, receipts, liveness. Released with the connection; the session can go on. */
export class Attachment implements Receiver, MachineEvents, ReceivedBy<void>, AcknowledgerHost, Alarm {
  readonly connection: Connection;
  readonly machine: SessionMachine;
  readonly outbox: Outbox;
  readonly #session: Attached;
  /** Made by the first message, in a session that can be resumed. */
  #receipts: Acknowledger | undefined;
  /** While keys are derived nothing may be numbered: it would have to be sealed with them. */
  #held: Promise<void> | undefined;
  #rekeyTimer: Timer | undefined;
  /** When the next ping is due; undefined where the peer pings. */
  #beatAt: number | undefined;
  /** It is due, in a turn of its own. */
  #beats = false;
  /** Of its alarm, which every connection has: a timer would be an object more. */
  at = 0;
  order = 0;
  place: number = UNSET;
  #retired = false;
  /** At the end of this turn what gathers is sealed, and what is corked leaves. */
  #flushes = false;
  /** When that turn was: one time for all that shares a number. */
  #turn: Time | undefined;

  constructor(e: Established, connection: Connection, session: Attached) {
    this.connection = connection;
    this.machine = e.machine;
    this.#session = session;
    const { limits, hooks } = session;
    this.outbox = new Outbox(
      connection,
      limits.sendBufferBytes,
      hooks.trace &&
        (({ control, seq, claims }) =>
          trace(hooks, { direction: "out", kind: control ? "control" : "application", seq, claims })),
    );
    e.machine.events = this;
  }

  /** Of the session that this connection is of: a client's can have another one in its place by now. */
  get facts(): SessionFacts {
    return this.machine.facts;
  }
  get ledger(): Ledger {
    return this.machine.ledger;
  }

  // --- what the machine tells ----------------------------------------------------------------------------------

  onControl(message: Control, epoch: Epoch): void {
    if (message.top === "rekey" || message.top === "rekeyed") this.machine.rekeying.check(message, epoch);
    this.#session.check(message);
  }

  onPrepared(prepared: Prepared): void {
    this.#push(prepared);
  }

  onEpoch(epoch: Epoch, confirmed: boolean): void {
    const { ledger } = this;
    ledger.chains = confirmed ? [epoch.chain] : [epoch.chain, ...ledger.chains];
    if (!confirmed) this.#awaitAck();
    else this.#rekeyTimer?.cancel();
    this.#look();
  }

  onAcknowledged(rcv: number, room: boolean): void {
    this.#session.acknowledged(rcv);
    if (room) this.#session.wake();
  }

  // --- what runs by time ---------------------------------------------------------------------------------------

  /** Not in the constructor: the connection does not know this session yet. */
  watch(): void {
    if (this.#session.hooks.heartbeat) this.#awaitBeat();
    this.#look();
  }

  #awaitBeat(): void {
    this.#beatAt = this.connection.clock.elapsed() + this.limits.heartbeatSeconds * 1000;
  }

  /** One alarm for all of it: for what is due first. */
  #look(): void {
    if (this.connection.over) return;
    const { connection, machine } = this;
    const elapsed = connection.clock.elapsed();
    const [idle, keys, due] = [this.#idleLeft, machine.keysLeft(elapsed), machine.rekeyIn(elapsed)];
    if (idle <= 0 || keys <= 0) {
      connection.fail(idle <= 0 ? new SealwireError("E_IDLE", { stage: "local" }) : new SealwireError("E_KEY_LIMIT"));
      return;
    }
    if (this.#beatAt !== undefined && this.#beatAt <= elapsed) {
      this.#beats = true;
      this.#awaitBeat();
    }
    // What ends the session at the same moment comes first.
    const beat = this.#beats ? 0 : this.#beatAt === undefined ? idle : this.#beatAt - elapsed;
    Alarms.of(connection.clock).set(this, elapsed + Math.min(idle, beat, keys, due > 0 ? due : keys));
    if (due <= 0) this.#renewIfDue();
  }

  ring(): void {
    const beats = this.#beats;
    this.#beats = false;
    if (beats) void this.control({ top: "ping" });
    this.#look();
  }

  /** Milliseconds until the peer has been silent for too long. */
  get #idleLeft(): number {
    // Both know how it ends: what is awaited is the end of the socket, and no longer than after a bye.
    if (this.byeReceived) return Number.POSITIVE_INFINITY;
    // Both may have stopped reading until the other does.
    const { silence, paused } = this.connection;
    return this.limits.idleSeconds * 1000 - Math.max(silence, Math.min(paused, this.outbox.waited));
  }

  // --- receipts ------------------------------------------------------------------------------------------------

  get limits(): Limits {
    return this.#session.limits;
  }

  timer(fn: () => void, ms: number): Timer {
    return this.connection.timer(fn, ms);
  }

  acknowledge(): void {
    void this.control({ top: "ack" });
  }

  // --- sending -------------------------------------------------------------------------------------------------

  /** Numbers a message, which is sealed with what else is sent in this turn of the event loop. */
  add(message: Outgoing): Place {
    const { machine, connection } = this;
    const place: Place = { session: this.facts.id, seq: 0 };
    if (message.alone && connection.cork()) this.#awaitFlush();
    machine.add(message, this.#turn ?? connection.time, place);
    if (!machine.gathers) this.#renewIfDue(machine.elapsed);
    else this.#awaitFlush();
    return place;
  }

  #awaitFlush(): void {
    if (this.#flushes) return;
    this.#flushes = true;
    this.#turn = this.connection.time;
    queueMicrotask(() => this.#flush());
  }

  /** Waits until at most `mark` bytes are unsent, and answers with `value`. What gathers in this turn is sealed first. */
  drained<T>(mark: number, value: T): Maybe<T> {
    if (!this.machine.gathers || this.outbox.sealsAtOnce) return this.outbox.drained(mark, value);
    return this.#drainLater(mark, value);
  }

  /** Behind the flush, which is a microtask as well. */
  #drainLater<T>(mark: number, value: T): Promise<T> {
    return Promise.resolve().then(() => this.outbox.drained(mark, value));
  }

  #flush(): void {
    this.#flushes = false;
    this.#turn = undefined;
    try {
      this.machine.flush();
    } finally {
      this.connection.uncork();
    }
    this.#renewIfDue(this.machine.elapsed);
  }

  /** Resolves when it is sent. */
  push(prepared: Prepared): Maybe<void> {
    this.#push(prepared);
    const sent = this.outbox.drained(Number.POSITIVE_INFINITY, undefined);
    this.#renewIfDue();
    return sent;
  }

  #push(prepared: Prepared): void {
    if (prepared.control) this.#receipts?.sent();
    // More of this turn is to come.
    if (this.#flushes) this.connection.cork();
    this.outbox.push(prepared);
  }

  /** Nothing more is processed, nor said: the session goes on without this connection, which stays open for now. */
  retire(): void {
    this.#retired = true;
    this.machine.retire();
  }

  get held(): boolean {
    return this.#held !== undefined;
  }

  /** Runs `work`, which numbers messages itself; everything else waits until it is done. */
  hold(work: () => Maybe<unknown>): Maybe<void> {
    if (this.#held !== undefined) return this.#held.then(() => this.hold(work));
    this.machine.flush();
    let release = () => {};
    this.#held = new Promise((resolve) => {
      release = resolve;
    });
    const done = () => {
      this.#held = undefined;
      release();
      this.#session.wake();
      this.#renewIfDue();
    };
    const failed = (error: unknown): never => {
      done();
      throw error;
    };
    return chain(attempt(work, failed), done);
  }

  /** Numbers and seals a control message, if that is still possible. The number is told before it is sealed. */
  control(message: Control, onSeq?: (seq: number) => void): Maybe<void> {
    if (this.#held !== undefined) return this.#held.then(() => this.control(message, onSeq));
    if (this.machine.byeSent || this.#retired) return;
    let prepared: Prepared;
    try {
      prepared = this.machine.prepareControl(message, this.connection.clock.elapsed());
    } catch (error) {
      // E_KEY_LIMIT; a timer or a handler that answers has no one to tell.
      this.connection.fail(error as SealwireError);
      return;
    }
    onSeq?.(prepared.seq);
    // From here on nobody takes this session up again.
    if (message.top === "bye") this.ledger.chains = [];
    return this.push(prepared);
  }

  // --- keys ----------------------------------------------------------------------------------------------------

  /** Proposes new keys, unless a rekey is under way. */
  rekey(): Maybe<void> {
    if (this.#held !== undefined) return this.#held.then(() => this.rekey());
    if (this.machine.byeSent || this.#retired) return;
    const { rekeying } = this.machine;
    const propose = () =>
      chain(rekeying.propose(), (begun) => {
        if (begun) this.#deadline(() => rekeying.proposing);
      });
    return attempt(propose, (error) => this.connection.fail(asError(error)));
  }

  #onRekey(received: Received & { kind: "control" }): Maybe<void> {
    const { message, raw, seq } = received;
    const { rekeying } = this.machine;
    if (message.top === "rekey") return this.hold(() => rekeying.onRekey(message, rekeying.peerKey(message), raw, seq));
    if (message.top !== "rekeyed") return;
    return chain(rekeying.onRekeyed(rekeying.peerKey(message), raw), () => {});
  }

  /** In strict order a peer that does not show its new keys in time has lost them. */
  #awaitAck(): void {
    this.#rekeyTimer?.cancel();
    if (this.machine.window === undefined) this.#deadline(() => this.machine.isRekeying);
  }

  #deadline(missed: () => boolean): void {
    this.#rekeyTimer?.cancel();
    this.#rekeyTimer = this.connection.timer(() => {
      if (missed()) this.connection.fail(new SealwireError("E_TIMEOUT_HS", { stage: "local", detail: "rekey" }));
    }, this.limits.rekeyWaitSeconds * 1000);
  }

  /** `elapsed`: of the message that it is asked for; else now. Clocks of browsers cost more than the rest of the question. */
  #renewIfDue(elapsed?: number): void {
    const { machine, connection } = this;
    if (this.held || machine.byeSent || machine.isRekeying) return;
    if (machine.rekeyDue(elapsed ?? connection.clock.elapsed())) void this.rekey();
  }

  // --- what the connection calls -------------------------------------------------------------------------------

  get full(): boolean {
    return this.#session.full;
  }

  get byeSent(): boolean {
    return this.machine.byeSent;
  }

  get byeReceived(): boolean {
    return this.machine.byeReceived;
  }

  get window(): WindowReport | undefined {
    return this.machine.window;
  }

  /** The application has room again, or had it before this connection came. */
  pump(): void {
    this.#announce();
    this.connection.pump();
  }

  /** What was withheld, where fewer wait by now. */
  #announce(): void {
    const { ledger } = this;
    if (ledger.withheld === undefined || this.#session.isOverfull(1)) return;
    ledger.withheld = undefined;
    void this.control({ top: "ack" });
  }

  receive(frame: WireFrame, begun?: Begun): Maybe<void> {
    return this.machine.receive(frame, this.connection.time, this, begun);
  }

  get opensLater(): boolean {
    return this.machine.opensLater;
  }

  begin(frame: WireFrame, reader: Reader): Begun | undefined {
    return this.machine.begin(frame, reader);
  }

  /** What the machine made of it. */
  onReceived(received: Received): Maybe<void> {
    // It was being opened when this side ended the session: nothing more is delivered.
    if (this.connection.failed && !isSilence(this.connection.error)) return;
    if (received.kind === "message") this.#onMessage(received.seq, received.size, received.claims.items.length);
    const handled = this.#handle(received);
    if (isPromise(handled)) return handled.then(() => this.#onHandled());
    this.#onHandled();
  }

  #onHandled(): void {
    // Of a batch that would have been too much little may wait: nobody would look again.
    this.#announce();
    this.#receipts?.handled();
    this.#renewIfDue(this.machine.elapsed);
  }

  #onMessage(seq: number, bytes: number, items: number): void {
    const { ledger } = this;
    if (ledger.withheld !== undefined || !ledger.resumable) return;
    if (this.#session.isOverfull(items)) ledger.withheld = seq - 1;
    else {
      this.#receipts ??= new Acknowledger(this);
      this.#receipts.committed(bytes, items);
    }
  }

  #handle(received: Received): Maybe<void> {
    if (received.kind === "control" && (received.message.top === "rekey" || received.message.top === "rekeyed"))
      return this.#onRekey(received);
    return this.#session.dispatch(received, this);
  }

  /** Says bye with the name of the error. Where the session is to go on elsewhere, there is nothing to say. */
  farewell(error: SealwireError, name: string): Maybe<void> {
    if (isSilence(error) && this.ledger.resumable) return;
    return this.control(name === "normal" ? { top: "bye" } : { top: "bye", code: name });
  }

  ended(info: ConnectionEnd): void {
    Alarms.of(this.connection.clock).unset(this);
    this.machine.retire();
    this.#session.connectionEnded(info, this);
  }
}

/** The peer has fallen silent, which a lost connection explains: idle time is over, or a rekey has no answer. */
export function isSilence(error: SealwireError | undefined): boolean {
  return error !== undefined && !error.remote && (error.code === "E_IDLE" || error.code === "E_TIMEOUT_HS");
}
