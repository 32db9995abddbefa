import { isTopic } from "../envelope/claims.ts";
import { encodeClaims } from "../envelope/codec.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import { chain, type Maybe, unlessAborted } from "../maybe.ts";
import type { Codec, Limits } from "../registry.generated.ts";
import { assertData } from "../wire/data.ts";
import type { Data } from "../wire/json.ts";
import type { Attachment } from "./attachment.ts";
import { isGranted, type SessionHooks } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import type { Outgoing, Prepared } from "./messages.ts";
import { Refusals } from "./refusals.ts";
import type { Timers } from "./timers.ts";

/** What the sending half needs of its session. */
export interface SenderHost {
  readonly session: string;
  /** Of the access token: what was said as one is not sent as another. */
  readonly subject: string;
  /** How often the peer's rights have changed: what was granted before is asked for again. */
  readonly grants: number;
  /** Undefined while the session has no connection. */
  readonly attachment: Attachment | undefined;
  readonly ledger: Ledger;
  readonly codec: Codec;
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly timers: Timers;
  readonly elapsed: number;
  /** Default life of a message, in seconds. */
  readonly ttl: number;
  /** Aborted when the session ends. */
  readonly ended: AbortSignal;
}

export interface TransmitOptions {
  readonly signal?: AbortSignal | undefined;
  /** A reply: the session that asked. It is not sent in another. */
  readonly session?: string;
  /** Told the number before the message can be answered. */
  readonly onSeq?: (seq: number) => void;
}

/** The sending half of a session: checks, authorizes, numbers and seals, in the order of the calls. */
export class Sender {
  readonly #host: SenderHost;
  readonly refusals: Refusals;
  #sends: Promise<void> | undefined;
  /** Messages that wait for authorization, room, keys or a connection. */
  #waiting = 0;
  #waitingBytes = 0;
  #wakes: (() => void)[] = [];

  constructor(host: SenderHost) {
    this.#host = host;
    this.refusals = new Refusals(host.hooks.onError);
  }

  /** @throws TypeError for what can never be sent */
  outgoing(topic: string, data: Data, ttl: number | undefined): Outgoing {
    const { codec, limits } = this.#host;
    if (!isTopic(topic)) {
      throw new TypeError(`not a topic (letters, digits and ._:/- up to 128): ${JSON.stringify(topic)}`);
    }
    assertData(data, codec);
    const seconds = ttl ?? this.#host.ttl;
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > limits.messageTtlMax) {
      throw new TypeError(`ttl is a number of seconds from 1 to ${limits.messageTtlMax}`);
    }
    return { topic, data, ttl: seconds };
  }

  /** Authorizes, numbers, seals. Messages keep the order of the calls also where they have to wait. */
  transmit(message: Outgoing, kind: "message" | "request", options: TransmitOptions = {}): Maybe<number> {
    const { topic, data } = message;
    const { hooks, ended, elapsed, grants, subject } = this.#host;
    const reply = message.ref !== undefined;
    const checked = hooks.topics?.outgoing(reply ? "reply" : kind, topic, data);
    // The caller goes on meanwhile: what was checked is what is sent.
    const due = checked instanceof Promise ? copyOf(message) : message;
    const granted = chain(checked, () => this.#isGranted(due, kind));
    if (this.#sends === undefined && !(granted instanceof Promise) && (!granted || this.#ready))
      return this.#push(message, kind, granted, options);
    // A rejection is looked at when its turn comes, if it comes.
    if (granted instanceof Promise) granted.catch(() => {});
    if (ended.aborted) throw new SealwireError("E_CLOSED");
    const kept = due === message ? copyOf(message) : due;
    const bytes = this.#enqueue(kept);
    const decided = { granted, grants, subject };
    const result = (this.#sends ?? Promise.resolve()).then(() => this.#inTurn(kept, kind, decided, elapsed, options));
    const tail = result.then(
      () => this.#dequeue(bytes),
      () => this.#dequeue(bytes),
    );
    this.#sends = tail;
    void tail.then(() => {
      if (this.#sends === tail) this.#sends = undefined;
    });
    return result;
  }

  /** A reply is authorized by its request. */
  #isGranted({ topic, data, ref }: Outgoing, kind: "message" | "request"): Maybe<boolean> {
    return ref !== undefined || isGranted(this.#host.hooks, { topic, direction: "out", kind, data });
  }

  /** True while messages of this end wait for receipts of the peer, or for the network to take what it sent. */
  get isWaiting(): boolean {
    const { attachment, ledger } = this.#host;
    return (this.#waiting > 0 && ledger.retention.full) || (attachment?.outbox.isWaiting ?? false);
  }

  /** True while more waits for room or a connection than may be unsent. */
  get isBacked(): boolean {
    return this.#waitingBytes > this.#highWaterMark;
  }

  get #highWaterMark(): number {
    const { hooks, limits } = this.#host;
    return hooks.highWaterMark ?? limits.highWaterMark;
  }

  get #ready(): boolean {
    const { attachment, ledger } = this.#host;
    return attachment !== undefined && !attachment.held && !ledger.retention.full;
  }

  /** @throws SealwireError E_QUEUE_FULL */
  #enqueue(message: Outgoing): number {
    const { codec, limits } = this.#host;
    const bytes = encodeClaims(codec, { seq: 1, exp: 0, top: message.topic, data: message.data }).length;
    if (this.#waiting >= limits.queuedMessages || this.#waitingBytes + bytes > limits.queuedBytes)
      throw new SealwireError("E_QUEUE_FULL", { detail: message.topic });
    this.#waiting++;
    this.#waitingBytes += bytes;
    return bytes;
  }

  #dequeue(bytes: number): void {
    this.#waiting--;
    this.#waitingBytes -= bytes;
  }

  /**
   * Waits for authorization, connection, keys and room; what is left of the life of the message counts from the call. It
   * is numbered at once when all of them are there.
   */
  async #inTurn(
    message: Outgoing,
    kind: "message" | "request",
    {
      granted,
      grants,
      subject,
    }: { readonly granted: Maybe<boolean>; readonly grants: number; readonly subject: string },
    since: number,
    options: TransmitOptions,
  ): Promise<number> {
    const { ended } = this.#host;
    const ok = await unlessAborted(ended, granted);
    const left = () => message.ttl * 1000 - (this.#host.elapsed - since);
    while (ok && !this.#ready && left() > 0) {
      options.signal?.throwIfAborted();
      await this.#wakeUp(left(), options.signal);
    }
    if (ok && left() <= 0)
      throw new SealwireError("E_EXPIRED", { stage: "local", detail: `${message.topic} was not sent` });
    if (subject !== this.#host.subject)
      throw new SealwireError("E_CLOSED", { fatal: false, detail: `${message.topic} was not sent: another subject` });
    const now = this.#host.grants;
    // The peer's rights changed meanwhile.
    if (ok && now !== grants)
      return this.#inTurn(
        message,
        kind,
        { granted: this.#isGranted(message, kind), grants: now, subject },
        since,
        options,
      );
    return this.#push({ ...message, ttl: Math.ceil(left() / 1000) }, kind, ok, options);
  }

  /** Until something may have become possible, `ms` have passed or `signal` says stop. Rejects when the session ends. */
  async #wakeUp(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { ended, timers } = this.#host;
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#wakes.push(wake);
    // What it waits for may have arrived, and not been read.
    this.#host.attachment?.connection.pump();
    const stop = timers.after(ms, wake);
    signal?.addEventListener("abort", wake, { once: true });
    try {
      await unlessAborted(ended, woken);
    } finally {
      stop();
      signal?.removeEventListener("abort", wake);
      this.#wakes = this.#wakes.filter((other) => other !== wake);
    }
  }

  /** Something may have become possible. */
  wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  #push(message: Outgoing, kind: "message" | "request", granted: boolean, options: TransmitOptions): number {
    options.signal?.throwIfAborted();
    if (!granted) throw new SealwireError("E_DENIED", { detail: `sending ${message.topic}` });
    const { attachment, ended, session } = this.#host;
    const other = options.session !== undefined && options.session !== session;
    if (ended.aborted || attachment === undefined || other) throw new SealwireError("E_CLOSED");
    const prepared = this.#prepare(attachment, message);
    options.onSeq?.(prepared.seq);
    if (kind === "message") this.refusals.remember(prepared.seq, message.topic);
    void attachment.push(prepared);
    // Not at once: whoever asks is still at it.
    if (kind === "request") void Promise.resolve().then(() => attachment.connection.pump());
    return prepared.seq;
  }

  #prepare({ machine, connection }: Attachment, message: Outgoing): Prepared {
    try {
      return machine.prepare(message, connection.time);
    } catch (error) {
      if (error instanceof SealwireError && error.code === "E_KEY_LIMIT") connection.fail(error);
      throw error;
    }
  }

  control(message: Control, onSeq?: (seq: number) => void): Maybe<void> {
    return this.#host.ended.aborted ? undefined : this.#host.attachment?.control(message, onSeq);
  }

  drained(): Maybe<void> {
    return this.#host.attachment?.outbox.drained(this.#highWaterMark);
  }

  end(): void {
    this.refusals.clear();
    this.wake();
  }
}

const copyOf = (message: Outgoing): Outgoing => ({ ...message, data: structuredClone(message.data) });
