import { isTopic } from "../envelope/claims.ts";
import { encodeClaims } from "../envelope/codec.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import { isPromise, type Maybe, unlessAborted } from "../maybe.ts";
import { type Codec, DEFAULT_LIMITS, type Limits } from "../registry.generated.ts";
import { measureData } from "../wire/data.ts";
import type { Data } from "../wire/json.ts";
import type { Attachment } from "./attachment.ts";
import type { Place } from "./gathering.ts";
import { isGranted, type SessionHooks } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import type { Outgoing, Role } from "./messages.ts";
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
  /** It has ended. */
  readonly over: boolean;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
}

/** Containers around the data of an item of a batch, beside those of data that stands alone. */
const BATCH_DEPTH = 2;

const ONE_WAY: Partial<Role> = {};
const NO_WAKES: readonly (() => void)[] = [];

export interface TransmitOptions {
  readonly signal?: AbortSignal | undefined;
  /** A reply: the session that asked. It is not sent in another. */
  readonly session?: string;
  /** Told the name before the message can be answered. */
  readonly onPlace?: (place: Place) => void;
}

const NO_OPTIONS: TransmitOptions = {};

type Kind = "message" | "request";

/** A message that waits for its turn, or for what it needs. */
interface Waiting {
  readonly message: Outgoing;
  readonly kind: Kind;
  readonly options: TransmitOptions;
  readonly bytes: number;
  /** When it was given. */
  readonly since: number;
  readonly subject: string;
  /** By the rights that are numbered `grants`. */
  granted: Maybe<boolean>;
  grants: number;
  readonly resolve: (place: Place) => void;
  readonly reject: (error: unknown) => void;
}

/** The sending half of a session: checks, authorizes, numbers and seals, in the order of the calls. */
export class Sender {
  readonly #host: SenderHost;
  /** Made when somebody listens, or the peer refuses something. */
  #refusals: Refusals | undefined;
  /** Messages that wait for authorization, room, keys or a connection: the first is at it. Undefined where none ever did. */
  #queue: Waiting[] | undefined;
  #waitingBytes = 0;
  #wakes = NO_WAKES;

  constructor(host: SenderHost) {
    this.#host = host;
  }

  get refusals(): Refusals {
    this.#refusals ??= new Refusals(this.#host.hooks);
    return this.#refusals;
  }

  /** Another session counts from 1 again. */
  forgetRefusals(): void {
    this.#refusals?.forget();
  }

  /** How many wait. */
  get #length(): number {
    return this.#queue?.length ?? 0;
  }

  /** @throws TypeError for what can never be sent */
  outgoing(topic: string, data: Data, ttl: number | undefined, role: Partial<Role> = ONE_WAY): Outgoing {
    const { codec, limits, hooks } = this.#host;
    if (!isTopic(topic)) {
      throw new TypeError(`not a topic (letters, digits and ._:/- up to 128): ${JSON.stringify(topic)}`);
    }
    const depth = measureData(data, codec);
    const seconds = ttl ?? this.#host.ttl;
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > limits.messageTtlMax) {
      throw new TypeError(`ttl is a number of seconds from 1 to ${limits.messageTtlMax}`);
    }
    const { ref, request, jti } = role;
    const alone =
      jti !== undefined ||
      hooks.batch === false ||
      depth + BATCH_DEPTH > DEFAULT_LIMITS.claimsDepth ||
      (codec === "json" && data instanceof Uint8Array);
    return { topic, data, ttl: seconds, alone, ref, request, jti, iat: undefined, exp: undefined };
  }

  /** Authorizes, numbers, seals. Messages keep the order of the calls also where they have to wait. */
  transmit(message: Outgoing, kind: Kind, options: TransmitOptions = NO_OPTIONS): Maybe<Place> {
    const { topic, data } = message;
    const { hooks } = this.#host;
    const reply = message.ref !== undefined;
    const checked = hooks.topics?.outgoing(reply ? "reply" : kind, topic, data);
    // The caller goes on meanwhile: what was checked is what is sent.
    const due = isPromise(checked) ? copyOf(message) : message;
    const granted = isPromise(checked) ? checked.then(() => this.#isGranted(due, kind)) : this.#isGranted(due, kind);
    if (this.#length === 0 && !isPromise(granted) && (!granted || this.#ready))
      return this.#push(message, kind, granted, options);
    // A rejection is looked at when its turn comes, if it comes.
    if (isPromise(granted)) granted.catch(() => {});
    if (this.#host.over) throw new SealwireError("E_CLOSED");
    return this.#enqueue(due === message ? copyOf(message) : due, kind, granted, options);
  }

  /** A reply is authorized by its request. */
  #isGranted({ topic, data, ref }: Outgoing, kind: Kind): Maybe<boolean> {
    return ref !== undefined || isGranted(this.#host.hooks, "out", kind, topic, data);
  }

  /** True while messages of this end wait for receipts of the peer, or for the network to take what it sent. */
  get isWaiting(): boolean {
    const { attachment, ledger } = this.#host;
    return (this.#length > 0 && ledger.retention.full) || (attachment?.outbox.isWaiting ?? false);
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
  #enqueue(message: Outgoing, kind: Kind, granted: Maybe<boolean>, options: TransmitOptions): Promise<Place> {
    const { codec, limits, elapsed: since, grants, subject } = this.#host;
    const { topic, data } = message;
    // Of other data nothing but its encoding tells.
    const bytes =
      data instanceof Uint8Array
        ? topic.length + data.length
        : encodeClaims(codec, { seq: 1, exp: 0, top: topic, data }).length;
    if (this.#length >= limits.queuedMessages || this.#waitingBytes + bytes > limits.queuedBytes)
      throw new SealwireError("E_QUEUE_FULL", { detail: topic });
    this.#waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#queue ??= [];
      this.#queue.push({ message, kind, options, bytes, since, subject, granted, grants, resolve, reject });
      if (this.#queue.length === 1) void this.#serve();
    });
  }

  /** One after the other. Those that need not be awaited go in one turn, so that they can share a number. */
  async #serve(): Promise<void> {
    const queue = this.#queue ?? [];
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      try {
        // Looked at after each wait: the connection, the keys or the peer's rights can be others once more.
        while (!this.#isDue(next)) await this.#awaitChange(next);
        next.resolve(this.#send(next));
      } catch (error) {
        next.reject(error);
      }
      queue.shift();
      this.#waitingBytes -= next.bytes;
    }
  }

  /** True where it can go now, or has failed. */
  #isDue(next: Waiting): boolean {
    const { subject, grants } = this.#host;
    if (isPromise(next.granted)) return false;
    if (!next.granted || next.subject !== subject || this.#left(next) <= 0) return true;
    if (!this.#ready) return false;
    if (next.grants === grants) return true;
    // The peer's rights changed meanwhile.
    next.grants = grants;
    next.granted = this.#isGranted(next.message, next.kind);
    return this.#isDue(next);
  }

  /** Waits for its authorization, or until something may have become possible. */
  async #awaitChange(next: Waiting): Promise<void> {
    const { signal } = next.options;
    signal?.throwIfAborted();
    if (isPromise(next.granted)) next.granted = await unlessAborted(this.#host.signal, next.granted);
    else await this.#wakeUp(this.#left(next), signal);
  }

  /** Milliseconds of its life, which counts from the call. */
  #left({ message, since }: Waiting): number {
    return message.ttl * 1000 - (this.#host.elapsed - since);
  }

  #send(next: Waiting): Place {
    const { message, kind, subject, granted, options } = next;
    const { topic } = message;
    const left = this.#left(next);
    if (granted && left <= 0) throw new SealwireError("E_EXPIRED", { stage: "local", detail: `${topic} was not sent` });
    if (subject !== this.#host.subject)
      throw new SealwireError("E_CLOSED", { fatal: false, detail: `${topic} was not sent: another subject` });
    return this.#push({ ...message, ttl: Math.ceil(left / 1000) }, kind, granted === true, options);
  }

  /** Until something may have become possible, `ms` have passed or `signal` says stop. Rejects when the session ends. */
  async #wakeUp(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { signal: ended, timers } = this.#host;
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#wakes = [...this.#wakes, wake];
    // What it waits for may have arrived, and not been read.
    this.#host.attachment?.connection.pump();
    const timer = timers.after(ms, wake);
    signal?.addEventListener("abort", wake, { once: true });
    try {
      await unlessAborted(ended, woken);
    } finally {
      timer.cancel();
      signal?.removeEventListener("abort", wake);
      this.#wakes = this.#wakes.filter((other) => other !== wake);
    }
  }

  /** Something may have become possible. */
  wake(): void {
    const wakes = this.#wakes;
    this.#wakes = NO_WAKES;
    for (const wake of wakes) wake();
  }

  #push(message: Outgoing, kind: Kind, granted: boolean, options: TransmitOptions): Place {
    options.signal?.throwIfAborted();
    if (!granted) throw new SealwireError("E_DENIED", { detail: `sending ${message.topic}` });
    const { attachment, over, session } = this.#host;
    const other = options.session !== undefined && options.session !== session;
    if (over || attachment === undefined || other) throw new SealwireError("E_CLOSED");
    const place = number(attachment, message);
    options.onPlace?.(place);
    if (kind === "message") this.#refusals?.remember(place, message.topic);
    // Not at once: whoever asks is still at it.
    if (kind === "request") void Promise.resolve().then(() => attachment.connection.pump());
    return place;
  }

  control(message: Control, onSeq?: (seq: number) => void): Maybe<void> {
    return this.#host.over ? undefined : this.#host.attachment?.control(message, onSeq);
  }

  /** Answers with `value` once less is unsent than may be. */
  drained<T>(value: T): Maybe<T> {
    const { attachment } = this.#host;
    return attachment === undefined ? value : attachment.drained(this.#highWaterMark, value);
  }

  end(): void {
    this.#refusals?.clear();
    this.wake();
  }
}

function number(attachment: Attachment, message: Outgoing): Place {
  try {
    return attachment.add(message);
  } catch (error) {
    if (error instanceof SealwireError && error.code === "E_KEY_LIMIT") attachment.connection.fail(error);
    throw error;
  }
}

/** Of bytes not by structuredClone: that copies the whole buffer which they are a view into. */
const copyOf = (message: Outgoing): Outgoing => {
  const { data } = message;
  return { ...message, data: data instanceof Uint8Array ? new Uint8Array(data) : structuredClone(data) };
};
