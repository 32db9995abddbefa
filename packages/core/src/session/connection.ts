import type { Begun, Reader } from "../envelope/opener.ts";
import type { Payload } from "../envelope/sealer.ts";
import { asError, SealwireError } from "../errors.ts";
import { isPromise } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import type { WireFrame } from "../wire/frame.ts";
import { Ahead } from "./ahead.ts";
import type { HandshakeStep } from "./client-handshake.ts";
import { type ConnectionEnd, closeInfo } from "./close-info.ts";
import type { Established } from "./established.ts";
import { clearError, coarseName, decodePayload, remoteError, sizeOf, type Time, wireOf } from "./payload.ts";
import { Queue, type Queued } from "./queue.ts";
import type { Clock, SessionSocket, SocketEvents } from "./socket.ts";
import { type Timer, Timers } from "./timers.ts";
import type { WindowReport } from "./types.ts";

/** Either side's handshake machine; the side that speaks first has `start`. */
export interface Handshake {
  readonly start?: () => Promise<HandshakeStep>;
  readonly admit?: (size: number) => void;
  receive(frame: WireFrame, time: Time): Promise<HandshakeStep>;
}

/** The established session, as the connection feeds it. */
export interface Receiver {
  /** A promise holds back the next message. `begun`: of `begin`, which is done. */
  receive(frame: WireFrame, begun?: Begun): void | Promise<void>;
  /** False where the cipher answers at once, as far as that is known: nothing is gained by `begin`. */
  readonly opensLater: boolean;
  /** Begins to open a message before its turn, which decides about it all the same. Undefined: not before its turn. */
  begin(frame: WireFrame, reader: Reader): Begun | undefined;
  /** True while the application has more to do than it may; nothing more is read then. */
  readonly full: boolean;
  /** Seals `bye` with the coarse name of the error, if that is still possible and right. */
  farewell(error: SealwireError, name: string): void | Promise<void>;
  readonly byeSent: boolean;
  readonly byeReceived: boolean;
  /** Undefined in strict order. */
  readonly window: WindowReport | undefined;
  /** Last call, once. */
  ended(info: ConnectionEnd): void;
}

interface Arrived extends Queued<Arrived> {
  readonly payload: Payload;
  readonly size: number;
  /** Where it was decoded ahead of its turn: what came of that. */
  frame: WireFrame | undefined;
  error: unknown;
  /** Where it was begun to be opened. */
  begun: Begun | undefined;
}

export interface ConnectionOptions {
  readonly socket: SessionSocket;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly handshake: Handshake;
  /** Servers bound what a peer may send; a client trusts its server with that. */
  readonly rateLimited: boolean;
  readonly onEstablished: (established: Established, step: HandshakeStep) => Receiver;
  /** Called once, at the end of everything. */
  readonly onClosed: (info: ConnectionEnd, connection: Connection) => void;
}

const SECOND = 1000;

interface Opening extends Pick<ConnectionOptions, "handshake" | "onEstablished"> {
  /** Its deadlines, of which the first message ends one. */
  readonly timers: Timers;
  readonly hello: Timer | undefined;
}

/**
 * One WebSocket from the first byte to the last: an inbound queue in arrival order, the handshake, and the end.
 * Every failure goes through `fail`, every end through `#finish`, once; after it no timer is left.
 */
export class Connection implements SocketEvents, Reader {
  readonly #socket: SessionSocket;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #rateLimited: boolean;
  readonly #onClosed: ConnectionOptions["onClosed"];
  readonly #speaksFirst: boolean;
  /** Undefined once it is over: a session holds nothing of it. */
  #opening: Opening | undefined;
  readonly #wire: "text" | "binary";
  readonly #queue: Queue<Arrived> = new Queue();
  /** Only where the cipher answers later. */
  #ahead: Ahead | undefined;
  /** Made by the first that is set after the handshake. */
  #timers: Timers | undefined;
  /** When the bytes of the peer are paid for: a second before now at the earliest, which is all that it may send at once. */
  #paid = -SECOND;
  #queuedBytes = 0;
  #busy = false;
  #pumping = false;
  /** Since when this side itself does not read. */
  #pausedAt: number | undefined;
  #throttled = false;
  #receiver: Receiver | undefined;
  #error: SealwireError | undefined;
  #closing = false;
  #failed = false;
  #socketClosed: { code: number; reason: string } | undefined;
  #done = false;
  #lastHeard: number;

  constructor(options: ConnectionOptions) {
    const { socket, clock, limits, handshake, onEstablished } = options;
    this.#socket = socket;
    this.#clock = clock;
    this.#limits = limits;
    this.#rateLimited = options.rateLimited;
    this.#onClosed = options.onClosed;
    this.#speaksFirst = handshake.start !== undefined;
    this.#wire = wireOf(socket.protocol);
    this.#lastHeard = clock.elapsed();
    // The earlier one first: the clock is then asked once.
    const timers = new Timers(clock);
    this.#deadline(timers, limits.handshakeSeconds);
    const hello = this.#speaksFirst ? undefined : this.#deadline(timers, limits.clientHelloSeconds);
    this.#opening = { handshake, onEstablished, timers, hello };
    socket.listen(this);
    if (handshake.start !== undefined) this.#run(handshake.start().then((step) => this.#advance(step)));
  }

  get clock(): Clock {
    return this.#clock;
  }

  get time(): Time {
    return this.#clock.time?.() ?? { unix: this.#clock.unix(), elapsed: this.#clock.elapsed() };
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  get established(): boolean {
    return this.#receiver !== undefined;
  }

  /** True once this side found an error: it stops reading and delivering. */
  get failed(): boolean {
    return this.#failed;
  }

  /** It ends, and nothing can be said on it any more. */
  get closing(): boolean {
    return this.#closing;
  }

  /** It has ended: no timer is left. */
  get over(): boolean {
    return this.#done;
  }

  /** Why it ends, where that is known already. */
  get error(): SealwireError | undefined {
    return this.#error;
  }

  /** A message is being opened elsewhere. */
  get #opens(): boolean {
    return this.#ahead !== undefined && this.#ahead.count > 0;
  }

  /** Milliseconds since something arrived; 0 while this side itself does not read. */
  get silence(): number {
    return this.#pausedAt !== undefined || this.#busy || this.#opens ? 0 : this.#clock.elapsed() - this.#lastHeard;
  }

  /** Milliseconds for which this side itself has not read. */
  get paused(): number {
    return this.#pausedAt === undefined ? 0 : this.#clock.elapsed() - this.#pausedAt;
  }

  /** Runs `fn` after `ms` unless the connection ends before. */
  timer(fn: () => void, ms: number): Timer {
    this.#timers ??= new Timers(this.#clock);
    if (this.#done) this.#timers.clear();
    return this.#timers.after(ms, fn);
  }

  /** `lent`: see `SessionSocket`. */
  send(payload: Payload, lent = false): void {
    if (this.#socketClosed === undefined) this.#socket.send(payload, lent);
  }

  /** What is sent from here on leaves at `uncork`, or earlier. False where it leaves at once. */
  cork(): boolean {
    return this.#socket.cork?.() ?? false;
  }

  uncork(): void {
    this.#socket.uncork?.();
  }

  drained(mark: number): Promise<void> {
    return this.#socket.drained(mark);
  }

  /** Lets nothing more be processed for `ms`: the peer exceeded its rate, and nothing authentic is dropped for that. */
  throttle(ms: number): void {
    if (ms <= 0 || this.#throttled) return;
    this.#throttled = true;
    this.timer(() => {
      this.#throttled = false;
      this.pump();
    }, ms);
  }

  /** Ends the connection for a reason of this side: says so in a sealed bye if it can, else in clear before SR. */
  fail(error: SealwireError): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#failed = true;
    this.#error = error;
    this.#clear();
    const close = () => this.#closeSocket(error.closeCode ?? 1011, coarseName(error));
    const receiver = this.#receiver;
    if (receiver === undefined) {
      // The server answers in clear; a client's reason is in its close frame alone.
      if (!this.#speaksFirst) this.send(clearError(this.#wire, error));
      close();
      return;
    }
    const said = receiver.byeSent ? undefined : receiver.farewell(error, coarseName(error));
    if (!isPromise(said)) {
      close();
      return;
    }
    // What the bye waits for may never be done: an authorization that hangs must not keep a revoked peer connected.
    const late = this.timer(close, this.#limits.byeSeconds * 1000);
    const done = () => {
      late.cancel();
      close();
    };
    said.then(done, done);
  }

  /** Closes in order, after both sides said bye or the wait for it is over. */
  close(code = 1000, reason = "normal"): void {
    this.#closing = true;
    this.#closeSocket(code, reason);
  }

  /** The session has gone over to another connection, or node: nothing more of this one is processed. */
  supersede(code = 4409, reason = "superseded"): void {
    this.#failed = true;
    this.#error = new SealwireError("E_SUPERSEDED");
    this.#clear();
    this.close(code, reason);
  }

  /** Ends the connection without waiting for anybody. */
  terminate(): void {
    this.#closing = true;
    this.#socket.terminate();
  }

  #closeSocket(code: number, reason: string): void {
    if (this.#socketClosed !== undefined) return;
    this.#socket.close(code, reason);
    // Paused reading would keep the peer's close frame from ever being seen.
    this.#socket.resume();
    this.timer(() => this.#socket.terminate(), this.#limits.byeSeconds * 1000);
  }

  #deadline(timers: Timers, seconds: number): Timer {
    return timers.after(seconds * 1000, () => this.fail(new SealwireError("E_TIMEOUT_HS", { stage: "local" })));
  }

  // --- what the socket tells -----------------------------------------------------------------------------------

  onError(code: "E_TOO_BIG" | "E_FRAME", detail: string): void {
    this.fail(new SealwireError(code, { stage: "frame", detail }));
  }

  onMessage(payload: Payload): void {
    if (this.#closing) return;
    this.#lastHeard = this.#clock.elapsed();
    const size = sizeOf(payload);
    try {
      // Size is checked on arrival, before the message is queued or parsed.
      if (size > this.#limits.messageBytes) throw new SealwireError("E_TOO_BIG", { detail: "messageBytes" });
      if (this.#receiver === undefined) this.#opening?.handshake.admit?.(size);
    } catch (error) {
      this.fail(asError(error));
      return;
    }
    this.#queue.push({ payload, size, frame: undefined, error: undefined, begun: undefined, next: undefined });
    this.#queuedBytes += size;
    // A handshake has bounds of its own.
    if (this.#receiver !== undefined) this.#charge(size);
    this.pump();
  }

  /** Counts bytes of the session: a token bucket in one number, since every heartbeat needs it (limit bytesPerSecond). */
  #charge(bytes: number): void {
    if (!this.#rateLimited || bytes === 0) return;
    const now = this.#lastHeard;
    this.#paid = Math.max(this.#paid, now - SECOND) + (bytes * SECOND) / this.#limits.bytesPerSecond;
    this.throttle(Math.max(0, Math.ceil(this.#paid - now)));
  }

  #clear(): void {
    this.#queue.clear();
    this.#ahead?.clear();
  }

  /** Takes messages from the queue while that is possible, and pauses reading while it is not. */
  pump(): void {
    // What a message does may ask for the next one: that waits until it is done.
    if (this.#pumping) return;
    this.#pumping = true;
    const blocked = this.#work();
    if (!blocked) this.#openAhead();
    this.#pumping = false;
    this.#regulate(blocked);
    if (this.#socketClosed !== undefined && !this.#busy && this.#queue.length === 0) this.#finish();
  }

  /** Answers whether it is blocked: that is asked no oftener than it can change. */
  #work(): boolean {
    for (;;) {
      const blocked = this.#blocked();
      const first = this.#queue.at(0);
      if (blocked || this.#busy || first === undefined) return blocked;
      if (!this.#opens) this.#openAhead();
      // Whoever opens it says so.
      if (first.begun?.isDone === false) return false;
      this.#queue.shift();
      this.#queuedBytes -= first.size;
      this.#ahead?.end(first.size);
      try {
        const result = this.#process(first);
        if (isPromise(result)) this.#run(result);
      } catch (error) {
        this.fail(asError(error));
      }
    }
  }

  /** After the socket closed, what had arrived is still worked off: its bye may be among it. */
  #blocked(): boolean {
    return this.#socketClosed === undefined && (this.#throttled || (this.#receiver?.full ?? false));
  }

  #regulate(blocked: boolean): void {
    const { receiveQueueMessages, receiveQueueBytes } = this.#limits;
    const long = this.#queue.length >= receiveQueueMessages || this.#queuedBytes >= receiveQueueBytes;
    const pause = !this.#closing && this.#socketClosed === undefined && (long || blocked);
    if (pause === (this.#pausedAt !== undefined)) return;
    if (pause) {
      this.#pausedAt = this.#clock.elapsed();
      this.#socket.pause();
    } else {
      this.#pausedAt = undefined;
      this.#lastHeard = this.#clock.elapsed();
      this.#socket.resume();
    }
  }

  #run(work: Promise<void>): void {
    this.#busy = true;
    const done = () => {
      this.#busy = false;
      this.pump();
    };
    work.then(done, (error: unknown) => {
      this.fail(asError(error));
      done();
    });
  }

  /** While one is being opened elsewhere, so are those behind it. What is wrong with one of them is said in its turn. */
  #openAhead(): void {
    const receiver = this.#receiver;
    if (!receiver?.opensLater || this.#ahead?.isLow === false) return;
    for (let next = this.#queue.at(this.#ahead?.count ?? 0); next !== undefined; next = next.next) {
      if (this.#ahead?.takes(next.size) === false) return;
      try {
        next.begun = receiver.begin(this.#frameOf(next), this);
      } catch {
        return;
      }
      if (next.begun === undefined) return;
      this.#ahead ??= new Ahead();
      this.#ahead.begin(next.size);
    }
  }

  onOpened(begun: Begun): void {
    if (this.#queue.at(0)?.begun === begun) this.pump();
  }

  /** Decodes it once, also where it is no frame: each message that comes behind it asks again. */
  #frameOf(arrived: Arrived): WireFrame {
    if (arrived.error !== undefined) throw arrived.error;
    try {
      arrived.frame ??= decodePayload(this.#wire, arrived.payload);
      return arrived.frame;
    } catch (error) {
      arrived.error = error;
      throw error;
    }
  }

  #process(arrived: Arrived): void | Promise<void> {
    const frame = this.#frameOf(arrived);
    if (this.#receiver !== undefined) return this.#receiver.receive(frame, arrived.begun);
    const { handshake, hello } = this.#opening as Opening;
    hello?.cancel();
    return handshake.receive(frame, this.time).then((step) => this.#advance(step));
  }

  #advance(step: HandshakeStep): void {
    // Also after the socket closed: a sealed bye may stand in the queue behind SR.
    if (this.#closing) return;
    if (step.send !== undefined) this.send(step.send);
    if (step.established === undefined) return;
    const { timers, onEstablished } = this.#opening as Opening;
    timers.clear();
    this.#receiver = onEstablished(step.established, step);
    this.#opening = undefined;
    // What came early is of the session.
    this.#charge(this.#queuedBytes);
  }

  onClose(code: number, reason: string): void {
    if (this.#socketClosed !== undefined) return;
    this.#socketClosed = { code, reason };
    // A token check that hangs holds nothing back: without a peer there is no one to let in.
    if (this.#receiver === undefined && !this.#speaksFirst) {
      this.#finish();
      return;
    }
    // Nor does an authorization that never answers keep the session for ever.
    this.timer(() => this.#finish(), this.#limits.byeSeconds * 1000);
    this.pump();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#closing = true;
    this.#clear();
    this.#opening?.timers.clear();
    this.#timers?.clear();
    const { code } = this.#socketClosed as { code: number };
    const info = closeInfo(code, this.#error, this.#receiver);
    this.#receiver?.ended(info);
    this.#onClosed(info, this);
  }

  /** The peer's bye carried a coarse name: its reason is authentic. */
  endedByPeer(name: string): void {
    this.#error ??= remoteError(name, "said by the peer in a sealed bye");
  }
}
