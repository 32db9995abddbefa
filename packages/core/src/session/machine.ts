import { checkApplicationClaims, fail, type Ref } from "../envelope/claims.ts";
import { decodeClaims } from "../envelope/codec.ts";
import { type Control, decodeControl } from "../envelope/control.ts";
import type { Direction } from "../envelope/headers.ts";
import type { Begun, Reader, SequenceCheck, Turns } from "../envelope/opener.ts";
import { checkLife } from "../envelope/time.ts";
import { SealwireError } from "../errors.ts";
import { attempt, chain, isPromise, type Maybe } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import type { StrictCounter } from "../replay/strict.ts";
import { ReplayWindow } from "../replay/window.ts";
import type { WireFrame } from "../wire/frame.ts";
import { charge } from "./budget.ts";
import type { Epoch, EpochOptions } from "./epoch.ts";
import { Epochs, type OpenedIn } from "./epochs.ts";
import type { SessionFacts } from "./established.ts";
import type { Place } from "./gathering.ts";
import { KeyUse } from "./key-use.ts";
import type { Ledger } from "./ledger.ts";
import type { Outgoing, Prepared, Received } from "./messages.ts";
import { Numbering, type NumberingHost } from "./numbering.ts";
import type { Time } from "./payload.ts";
import { type RekeyHost, Rekeying } from "./rekey.ts";
import type { Kept } from "./retention.ts";
import type { WindowReport } from "./types.ts";

export interface MachineOptions {
  readonly facts: SessionFacts;
  readonly epoch: Epoch;
  readonly limits: Limits;
  readonly ledger: Ledger;
  /** The numbers of the other direction: strict order, or a window. */
  readonly received: StrictCounter | ReplayWindow;
  /** Milliseconds since 1970 by the server's clock. */
  readonly serverTime: (time: Time) => number;
  readonly elapsed: number;
  /** The numbers before the first ones under these keys. Default: none. */
  readonly before?: { readonly sent: number; readonly received: number };
}

/** What the machine tells the session besides what its methods return. */
export interface MachineEvents {
  /** A control message under `epoch` is about to be committed. Throws SealwireError E_STATE where it cannot come now. */
  onControl(message: Control, epoch: Epoch): void;
  /** A message, or a message of a rekey, is numbered and has to be sealed next. */
  onPrepared(prepared: Prepared): void;
  /** Keys were derived; or, `confirmed`, the peer has shown that it has them. */
  onEpoch(epoch: Epoch, confirmed: boolean): void;
  /** The peer has committed everything of ours up to `rcv`; `room`: more can be kept than before. */
  onAcknowledged(rcv: number, room: boolean): void;
}

/** Whom a message is for that came. */
export interface ReceivedBy<T> {
  onReceived(received: Received): Maybe<T>;
}

/**
 * An established session on one connection as a state machine: sequence numbers, keys and states; no socket, no clock,
 * no timer. What outlives the connection stands in the ledger.
 * Up to step `claims` nothing changes; `commit` and what follows work on an authentic message.
 */
export class SessionMachine implements RekeyHost, NumberingHost, SequenceCheck, Turns {
  readonly facts: SessionFacts;
  readonly #limits: Limits;
  readonly #serverTime: MachineOptions["serverTime"];
  readonly #received: StrictCounter | ReplayWindow;
  /** Highest number that is being opened. */
  #promised = 0;
  readonly ledger: Ledger;
  readonly epochs: Epochs;
  readonly use: KeyUse;
  readonly #receiving: KeyUse;
  readonly #numbering: Numbering;
  /** Highest number that was committed before: what comes again up to it is not delivered. */
  readonly #delivered: number;
  #rekeying: Rekeying | undefined;
  events: MachineEvents | undefined;
  /** Number of the peer's bye. */
  #byeSeq: number | undefined;
  #dropped = 0;
  #retired = false;
  #elapsed: number;
  /** When the newest keys were: their age counts from there, whenever they come into use. */
  #derived = 0;

  constructor(options: MachineOptions) {
    const { received, ledger, facts, epoch, limits, elapsed, before } = options;
    this.facts = facts;
    this.#limits = limits;
    this.#serverTime = options.serverTime;
    this.#received = received;
    this.ledger = ledger;
    this.#delivered = ledger.committed;
    this.#elapsed = elapsed;
    this.use = new KeyUse(limits, before?.sent ?? 0, elapsed);
    this.#receiving = new KeyUse(limits, before?.received ?? 0, elapsed);
    this.epochs = new Epochs(epoch, received instanceof ReplayWindow ? received.size : undefined);
    this.#numbering = new Numbering(this);
  }

  get keys(): EpochOptions {
    return this.facts.keys;
  }

  // --- what a rekey needs --------------------------------------------------------------------------------------

  /** Made when there is one: most connections have none. */
  get rekeying(): Rekeying {
    this.#rekeying ??= new Rekeying(this.keys, this.epochs, this);
    return this.#rekeying;
  }

  /** A rekey is under way. */
  get isRekeying(): boolean {
    return this.epochs.changing || this.#rekeying?.proposing === true;
  }

  emit(message: Control): Prepared {
    const prepared = this.prepareControl(message, this.#elapsed);
    this.onPrepared(prepared);
    return prepared;
  }

  onPrepared(prepared: Prepared): void {
    this.events?.onPrepared(prepared);
  }

  onDerived(derived: Epoch): void {
    this.#derived = this.#elapsed;
    this.events?.onEpoch(derived, false);
  }

  onSealing(): void {
    this.use.renew(this.ledger.sent, this.#derived);
  }

  get byeSent(): boolean {
    return this.#numbering.byeSent;
  }

  get byeReceived(): boolean {
    return this.#byeSeq !== undefined;
  }

  get epochNumbers(): { readonly send: number; readonly receive: number } {
    return { send: this.epochs.send.n, receive: this.epochs.receive.n };
  }

  /** What the short forms of an epoch leave out; undefined for one that is long past. */
  table(n: number, way: "in" | "out"): Direction | undefined {
    return this.epochs.table(n, way);
  }

  /** Undefined in strict order. */
  get window(): WindowReport | undefined {
    if (!(this.#received instanceof ReplayWindow)) return undefined;
    return { dropped: this.#dropped, missing: this.#received.missing };
  }

  /** Milliseconds in the server's time. */
  serverTime(time: Time): number {
    return this.#serverTime(time);
  }

  /** Seconds in the server's time. */
  now(time: Time): number {
    return Math.floor(this.#serverTime(time) / 1000);
  }

  /** Another connection has taken the session over: what is being opened here changes nothing any more. */
  retire(): void {
    this.#retired = true;
    this.#numbering.retire();
    this.events = undefined;
  }

  /** Numbers a message, and tells `place`. It is sealed by `flush`, or before anything else that gets a number. */
  add(message: Outgoing, time: Time, place: Place): void {
    this.#elapsed = time.elapsed;
    this.#numbering.add(message, time.elapsed, this.now(time), place);
  }

  /** A message has its number and is not sealed. */
  get gathers(): boolean {
    return this.#numbering.gathers;
  }

  flush(): void {
    this.#numbering.flush();
  }

  prepareControl(message: Control, elapsed: number): Prepared {
    this.#elapsed = elapsed;
    return this.#numbering.prepareControl(message, elapsed);
  }

  prepareAgain(seq: number, kept: Kept | undefined, elapsed: number): Prepared {
    return this.#numbering.prepareAgain(seq, kept, elapsed);
  }

  /** The wire of this connection, on which messages are larger, may make one too large for the peer. */
  takes(kept: Kept): boolean {
    return this.#numbering.takes(kept);
  }

  /** When the last message was sent or received. */
  get elapsed(): number {
    return this.#elapsed;
  }

  get #slack(): number {
    return this.keys.role === "client" ? 0.1 : 0;
  }

  /** Milliseconds for which the keys may still be used. */
  keysLeft(elapsed: number): number {
    return Math.min(this.use.end, this.#receiving.end) - elapsed;
  }

  /** The keys are old enough to be renewed, or have been used enough. */
  rekeyDue(elapsed: number): boolean {
    const slack = this.#slack;
    return this.use.due(this.ledger.sent, elapsed, slack) || this.#receiving.due(this.#received.last, elapsed, slack);
  }

  /** Milliseconds until the keys of a direction are old enough to be renewed; 0 or less if they are. */
  rekeyIn(elapsed: number): number {
    return Math.min(this.use.dueAt(this.#slack), this.#receiving.dueAt(this.#slack)) - elapsed;
  }

  /**
   * Steps header to time; `host` gets the result at once, so that what is committed is handled, whichever connection
   * takes over. Throws SealwireError, or returns a promise that rejects with one.
   */
  receive<T>(frame: WireFrame, time: Time, host: ReceivedBy<T>, begun?: Begun): Maybe<T> {
    this.#elapsed = time.elapsed;
    if (this.#received instanceof ReplayWindow) return this.#receiveInWindow(frame, time, host, begun);
    const opened = this.epochs.open(frame, this, begun);
    if (isPromise(opened)) return this.#receiveLater(opened, time, host);
    return host.onReceived(this.#accept(opened, time));
  }

  #receiveLater<T>(opened: Promise<OpenedIn>, time: Time, host: ReceivedBy<T>): Promise<T> {
    return opened.then((later) => host.onReceived(this.#accept(later, time)));
  }

  #receiveInWindow<T>(frame: WireFrame, time: Time, host: ReceivedBy<T>, begun: Begun | undefined): Maybe<T> {
    const received = attempt(
      () => chain(this.epochs.open(frame, this, begun), (opened) => this.#accept(opened, time)),
      (error) => this.#drop(error),
    );
    return chain(received, (one) => host.onReceived(one));
  }

  /** True where messages may be opened ahead of their turn, and the cipher answers later: never in window order. */
  get opensLater(): boolean {
    return this.epochs.ordered && this.epochs.receive.opener.opensLater;
  }

  /**
   * Begins to open a message ahead of its turn; nothing changes by it, and `receive` decides about all of it in its turn,
   * after `reader` was told. Undefined where it has to wait for that, as the keys will have changed.
   */
  begin(frame: WireFrame, reader: Reader): Begun | undefined {
    return this.epochs.receive.opener.begin(frame, this, reader);
  }

  /** The next one of what may be opened ahead of its turn (specs/replay.md, section 4.1). */
  isNext(seq: number): boolean {
    const isNext = seq === Math.max(this.#promised, this.#received.last) + 1;
    if (isNext) this.#promised = seq;
    return isNext;
  }

  /** Step sequence. */
  check(seq: number): void {
    this.#received.check(seq);
    this.#promised = Math.max(this.#promised, seq);
  }

  #accept(opened: OpenedIn, time: Time): Received {
    if (this.#retired) return { kind: "dropped" };
    return opened.control ? this.#onControl(opened, time) : this.#onMessage(opened, time);
  }

  /** A path without order repeats, delays and damages; what the peer itself did wrong stays fatal. */
  #drop(error: unknown): Received {
    const { replayDrops } = this.#limits;
    if (!(error instanceof SealwireError) || !isOfThePath(error) || this.#dropped >= replayDrops) throw error;
    this.#dropped++;
    const detail = `dropped, ${this.#dropped} of up to ${replayDrops}`;
    const { code, stage } = error;
    return { kind: "dropped", error: new SealwireError(code, { stage, fatal: false, detail, cause: error }) };
  }

  #onControl(opened: OpenedIn, time: Time): Received {
    const { seq, rcv, message } = decodeControl(opened.claims);
    this.#checkRole(message);
    if (message.top === "rekey" || message.top === "rekeyed") this.rekeying.peerKey(message);
    this.#checkSeq(opened, seq);
    if (message.top === "resumed") throw new SealwireError("E_SEQ", { stage: "claims", detail: "resumed" });
    if (rcv !== undefined) this.#checkRcv(rcv);
    if ("ref" in message) this.#checkRef(message.ref);
    if (this.#isLate(seq)) return { kind: "dropped" };
    if (message.top === "bye" && seq < this.#received.last)
      throw new SealwireError("E_STATE", { detail: "bye has not the highest number" });
    this.epochs.assertFirst(opened.epoch, message);
    this.events?.onControl(message, opened.epoch);
    this.#commit(seq, opened, opened.epoch);
    if (rcv !== undefined) this.acknowledge(rcv);
    charge(this.ledger, message, time.elapsed);
    if (message.top === "bye") this.#byeSeq = seq;
    if (message.top === "void" || seq <= this.#delivered) return { kind: "dropped" };
    return { kind: "control", seq, message, raw: opened.claims };
  }

  #onMessage(opened: OpenedIn, time: Time): Received {
    const [keys, limits] = [this.keys, this.#limits];
    const claims = checkApplicationClaims(decodeClaims(keys.codec, opened.claims, opened.apart), keys.level);
    const epoch = this.epochs.boundTo(opened, claims.bnd);
    const { binding } = epoch;
    if (binding !== undefined) {
      if (claims.iss !== binding.peer)
        throw new SealwireError("E_KEY", { stage: "claims", detail: "iss is not the owner of the key" });
      if (claims.aud !== binding.self) throw new SealwireError("E_BINDING", { detail: "aud" });
      if (claims.bnd !== binding.receiveKid) throw new SealwireError("E_BINDING", { detail: "bnd" });
      if (this.epochs.ordered && this.epochs.confirms(epoch))
        throw new SealwireError("E_BINDING", { detail: "application message before ack" });
    }
    this.#checkSeq(opened, claims.seq);
    for (const item of claims.items) if (item.ref !== null) this.#checkRef(item.ref);
    if (this.#isLate(claims.seq)) return { kind: "dropped" };
    this.#commit(claims.seq, opened, epoch);
    if (claims.seq <= this.#delivered) return { kind: "dropped" };
    const late = checkLife(claims, this.now(time), limits.skewSeconds, limits.messageTtlMax);
    const { claims: raw, apart, jws } = opened;
    const size = sizeOf(opened);
    const data = claims.batch || keys.codec !== "cbor" ? undefined : claims.items[0]?.data;
    if (data instanceof Uint8Array) epoch.opener.sawData(size - data.length, data);
    return { kind: "message", seq: claims.seq, claims, raw, apart, size, jws, late };
  }

  #checkRole({ top }: Control): void {
    const own = this.keys.role;
    if (top === "auth" && own === "client") fail("auth from a server");
    if ((top === "auth-ok" || top === "auth-no" || top === "auth-soon") && own === "server")
      fail(`${top} from a client`);
  }

  #checkSeq(opened: OpenedIn, seq: number): void {
    if (opened.seq === undefined) this.#received.check(seq, { stage: "claims" });
    else if (opened.seq !== seq)
      throw new SealwireError("E_SEQ", { stage: "claims", detail: "seq differs from the IV" });
  }

  /** In window order an earlier one may come later. */
  #checkRcv(rcv: number): void {
    const back = rcv < this.ledger.acknowledged && !(this.#received instanceof ReplayWindow);
    if (back || rcv > this.#numbering.sealed) {
      const detail = "rcv is not between the last one and what was sent";
      throw new SealwireError("E_SEQ", { stage: "claims", detail });
    }
  }

  #checkRef(ref: Ref): void {
    if ((typeof ref === "number" ? ref : ref[0]) > this.#numbering.sealed)
      fail("ref names a message that was not sent");
  }

  /** Sent before the peer's bye and overtaken by it: what is missing at the bye stays missing. */
  #isLate(seq: number): boolean {
    if (this.#byeSeq === undefined) return false;
    if (seq > this.#byeSeq) throw new SealwireError("E_STATE", { detail: "message after bye" });
    return true;
  }

  #commit(seq: number, opened: OpenedIn, epoch: Epoch): void {
    this.epochs.assertOpen(epoch, seq);
    const confirms = this.epochs.confirms(epoch);
    if (confirms) this.#receiving.renew(seq - 1, this.#derived);
    this.#receiving.open(seq, sizeOf(opened), this.#elapsed);
    this.#received.commit(seq);
    this.ledger.committed = Math.max(this.ledger.committed, this.#received.last);
    this.epochs.committed(epoch, seq);
    if (!confirms) return;
    this.events?.onEpoch(epoch, true);
    this.#rekeying?.onConfirmed(epoch);
  }

  /** The peer has committed everything of ours up to `rcv`. */
  acknowledge(rcv: number): void {
    const room = this.ledger.acknowledge(rcv);
    this.events?.onAcknowledged(rcv, room);
  }
}

/** Bytes of its claims. */
const sizeOf = ({ claims, apart }: OpenedIn): number => claims.length + (apart?.length ?? 0);

/** What anybody on the path can cause, without a key. */
function isOfThePath({ code, stage }: SealwireError): boolean {
  return (
    stage === "header" ||
    stage === "sequence" ||
    stage === "crypto" ||
    (stage === "claims" && (code === "E_REPLAY" || code === "E_BINDING"))
  );
}
