import type { ApplicationClaims, Ref } from "../envelope/claims.ts";
import { checkApplicationClaims, fail } from "../envelope/claims.ts";
import { decodeClaims, encodeClaims } from "../envelope/codec.ts";
import { type Control, decodeControl, encodeControl, type ReceivedControl } from "../envelope/control.ts";
import type { MessageOpener, OpenedFrame } from "../envelope/opener.ts";
import { type MessageSealer, maxSealedSize, type Payload } from "../envelope/sealer.ts";
import { checkLife } from "../envelope/time.ts";
import { SealwireError } from "../errors.ts";
import { attempt, chain, type Maybe } from "../maybe.ts";
import type { Codec, ErrorCode, Level, Limits } from "../registry.generated.ts";
import { SeqSet } from "../replay/seq-set.ts";
import type { StrictCounter } from "../replay/strict.ts";
import { ReplayWindow } from "../replay/window.ts";
import type { Wire, WireFrame } from "../wire/frame.ts";
import type { Data } from "../wire/json.ts";
import { TokenBucket } from "./bucket.ts";
import type { Time } from "./payload.ts";
import type { WindowReport } from "./types.ts";

export interface MachineOptions {
  readonly wire: Wire;
  readonly level: Level;
  readonly codec: Codec;
  readonly sealer: MessageSealer;
  readonly opener: MessageOpener;
  /** Levels sig and nest: who signs as whom for whom, and the key ids that bind a signature to this connection. */
  readonly binding:
    | { readonly self: string; readonly peer: string; readonly sendKid: string; readonly receiveKid: string }
    | undefined;
  readonly limits: Limits;
  /** The numbers of the other direction: strict order, or a window. */
  readonly received: StrictCounter | ReplayWindow;
  /** Where the counters of a session stand that is taken up in the middle: own `seq` used last, `rcv` of the peer. */
  readonly start?: { readonly sent: number; readonly rcv: number };
  readonly peerMessageBytes: number;
  /** Milliseconds from the local clock to the server's. */
  readonly offset: number;
}

export interface Outgoing {
  readonly topic: string;
  readonly data: Data;
  readonly ref?: Ref;
  readonly request?: true;
  /** Seconds. */
  readonly ttl: number;
}

/** More than the claims of any bye. */
const BYE_BYTES = 128;

/** A message whose sequence number is fixed. `seal` is called once, in the order of the numbers. */
export interface Prepared {
  readonly seq: number;
  readonly claims: Uint8Array;
  readonly control: boolean;
  seal(): Maybe<Payload>;
}

export type Received =
  /** Window order: a failure that ends nothing yet, or without `error` a message that the peer's bye overtook. */
  | { readonly kind: "dropped"; readonly error?: SealwireError }
  | { readonly kind: "control"; readonly seq: number; readonly rcv: number; readonly message: Control }
  | {
      readonly kind: "message";
      readonly seq: number;
      readonly claims: ApplicationClaims;
      readonly raw: Uint8Array;
      readonly jws: string | undefined;
      /** Step time failed: the message is not delivered, its seq is used up. */
      readonly late: ErrorCode | undefined;
    };

/**
 * An established session as a state machine: sequence numbers, keys and states; no socket, no clock, no timer.
 * Up to step `claims` nothing changes; `commit` and what follows work on an authentic message.
 */
export class SessionMachine {
  readonly #o: MachineOptions;
  readonly #received: StrictCounter | ReplayWindow;
  readonly #control: TokenBucket;
  readonly #pings = new Set<number>();
  /** Messages of ours that the peer refused. */
  readonly #refused = new SeqSet();
  #sent: number;
  #sentBytes = 0;
  #receivedBytes = 0;
  #peerRcv: number;
  #byeSent = false;
  /** Number of the peer's bye. */
  #byeSeq: number | undefined;
  #dropped = 0;

  constructor(options: MachineOptions) {
    this.#o = options;
    this.#received = options.received;
    this.#sent = options.start?.sent ?? 0;
    this.#peerRcv = options.start?.rcv ?? 0;
    this.#control = new TokenBucket(options.limits.controlPerSecond, options.limits.controlBurst);
  }

  get byeSent(): boolean {
    return this.#byeSent;
  }

  get byeReceived(): boolean {
    return this.#byeSeq !== undefined;
  }

  /** Undefined in strict order. */
  get window(): WindowReport | undefined {
    if (!(this.#received instanceof ReplayWindow)) return undefined;
    return { dropped: this.#dropped, missing: this.#received.missing };
  }

  /** Seconds in the server's time. */
  now(time: Time): number {
    return Math.floor((time.unix + this.#o.offset) / 1000);
  }

  /** Every refusal (limits, closed session) happens before a sequence number is used. */
  prepare(message: Outgoing, time: Time): Prepared {
    if (this.#byeSent) throw new SealwireError("E_CLOSED");
    const { level, codec, wire, binding, limits } = this.#o;
    const seq = this.#sent + 1;
    const now = this.now(time);
    const claims = encodeClaims(codec, {
      ...(binding === undefined ? {} : { iss: binding.self, aud: binding.peer, bnd: binding.sendKid, iat: now }),
      seq,
      exp: now + message.ttl,
      top: message.topic,
      ...(message.ref === undefined ? {} : { ref: message.ref }),
      ...(message.request === undefined ? {} : { req: true as const }),
      data: message.data,
    });
    const size = maxSealedSize(wire, level, claims.length);
    if (size > this.#o.peerMessageBytes) {
      throw new SealwireError("E_TOO_BIG", {
        fatal: false,
        detail: `up to ${size} bytes sealed, the peer takes ${this.#o.peerMessageBytes} (limit messageBytes)`,
      });
    }
    this.#use(claims.length, limits);
    return { seq, claims, control: false, seal: () => this.#o.sealer.application(seq, claims) };
  }

  prepareControl(message: Control): Prepared {
    if (this.#byeSent) throw new SealwireError("E_CLOSED");
    const seq = this.#sent + 1;
    const claims = encodeControl(seq, this.#received.last, message);
    this.#use(claims.length, this.#o.limits, message.top === "bye");
    if (message.top === "ping") this.#pings.add(seq);
    if (message.top === "bye") this.#byeSent = true;
    return { seq, claims, control: true, seal: () => this.#o.sealer.control(seq, claims) };
  }

  /** The last number, and room for its claims, are kept for the bye, so that a session can end in order. */
  #use(bytes: number, { keyMessages, keyBytes }: Limits, bye = false): void {
    const [messages, room] = bye ? [keyMessages, keyBytes] : [keyMessages - 1, keyBytes - BYE_BYTES];
    if (this.#sent + 1 > messages || this.#sentBytes + bytes > room) throw new SealwireError("E_KEY_LIMIT");
    this.#sent++;
    this.#sentBytes += bytes;
  }

  /** Steps header to time. Throws SealwireError, or returns a promise that rejects with one. */
  receive(frame: WireFrame, time: Time): Maybe<Received> {
    const open = () =>
      chain(
        this.#o.opener.open(frame, (seq) => this.#received.check(seq)),
        (opened) => (opened.control ? this.#onControl(opened, time) : this.#onMessage(opened, time)),
      );
    return this.#received instanceof ReplayWindow ? attempt(open, (error) => this.#drop(error)) : open();
  }

  /** A path without order repeats, delays and damages; what the peer itself did wrong stays fatal. */
  #drop(error: unknown): Received {
    const { replayDrops } = this.#o.limits;
    if (!(error instanceof SealwireError) || !isOfThePath(error) || this.#dropped >= replayDrops) throw error;
    this.#dropped++;
    const detail = `dropped, ${this.#dropped} of up to ${replayDrops}`;
    const { code, stage } = error;
    return { kind: "dropped", error: new SealwireError(code, { stage, fatal: false, detail, cause: error }) };
  }

  #onControl(opened: OpenedFrame, time: Time): Received {
    const { seq, rcv, message }: ReceivedControl = decodeControl(opened.claims);
    this.#checkSeq(opened, seq);
    this.#checkRcv(rcv);
    if (message.top === "err" || message.top === "pong") this.#checkRef(message.ref);
    if (this.#isLate(seq)) return { kind: "dropped" };
    if (message.top === "bye" && seq < this.#received.last)
      throw new SealwireError("E_STATE", { detail: "bye has not the highest number" });
    this.#commit(seq, opened);
    this.#peerRcv = Math.max(this.#peerRcv, rcv);
    this.#charge(message, time);
    if (message.top === "bye") this.#byeSeq = seq;
    return { kind: "control", seq, rcv, message };
  }

  #onMessage(opened: OpenedFrame, time: Time): Received {
    const { codec, level, binding, limits } = this.#o;
    const claims = checkApplicationClaims(decodeClaims(codec, opened.claims), level);
    if (binding !== undefined) {
      if (claims.iss !== binding.peer)
        throw new SealwireError("E_KEY", { stage: "claims", detail: "iss is not the owner of the key" });
      if (claims.aud !== binding.self) throw new SealwireError("E_BINDING", { detail: "aud" });
      if (claims.bnd !== binding.receiveKid) throw new SealwireError("E_BINDING", { detail: "bnd" });
    }
    this.#checkSeq(opened, claims.seq);
    for (const item of claims.items) if (item.ref !== null) this.#checkRef(item.ref);
    if (this.#isLate(claims.seq)) return { kind: "dropped" };
    this.#commit(claims.seq, opened);
    const late = checkLife(claims, this.now(time), limits.skewSeconds, limits.messageTtlMax);
    return { kind: "message", seq: claims.seq, claims, raw: opened.claims, jws: opened.jws, late };
  }

  #checkSeq(opened: OpenedFrame, seq: number): void {
    if (opened.seq === undefined) this.#received.check(seq, { stage: "claims" });
    else if (opened.seq !== seq)
      throw new SealwireError("E_SEQ", { stage: "claims", detail: "seq differs from the IV" });
  }

  /** In window order an earlier one may come later. */
  #checkRcv(rcv: number): void {
    const back = rcv < this.#peerRcv && !(this.#received instanceof ReplayWindow);
    if (back || rcv > this.#sent) {
      const detail = "rcv is not between the last one and what was sent";
      throw new SealwireError("E_SEQ", { stage: "claims", detail });
    }
  }

  #checkRef(ref: Ref): void {
    if ((typeof ref === "number" ? ref : ref[0]) > this.#sent) fail("ref names a message that was not sent");
  }

  /** Sent before the peer's bye and overtaken by it: what is missing at the bye stays missing. */
  #isLate(seq: number): boolean {
    if (this.#byeSeq === undefined) return false;
    if (seq > this.#byeSeq) throw new SealwireError("E_STATE", { detail: "message after bye" });
    return true;
  }

  #commit(seq: number, opened: OpenedFrame): void {
    const bytes = this.#receivedBytes + opened.claims.length;
    const { keyMessages, keyBytes } = this.#o.limits;
    if (seq > keyMessages || bytes > keyBytes) throw new SealwireError("E_KEY_LIMIT");
    this.#received.commit(seq);
    this.#receivedBytes = bytes;
  }

  /** Control has a budget of its own. The first answer to a ping and the first err to a message of ours are free. */
  #charge(message: Control, time: Time): void {
    if (message.top === "pong" && this.#pings.delete(message.ref)) return;
    if (message.top === "err" && typeof message.ref === "number" && this.#refused.add(message.ref)) return;
    if (!this.#control.take(1, time.elapsed))
      throw new SealwireError("E_QUOTA", { stage: "rate", detail: "controlPerSecond" });
  }
}

/** What anybody on the path can cause, without a key. */
function isOfThePath({ code, stage }: SealwireError): boolean {
  return (
    stage === "header" || stage === "sequence" || stage === "crypto" || (stage === "claims" && code === "E_REPLAY")
  );
}
