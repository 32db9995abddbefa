import type { SignedEvidence } from "../envelope/evidence.ts";
import type { SealwireError } from "../errors.ts";
import type { ErrorCode, Level } from "../registry.generated.ts";
import type { Data } from "../wire/json.ts";

/** In a topic map: a topic that is requested and replied to. */
export interface Call<Req, Res> {
  readonly request: Req;
  readonly reply: Res;
}

declare const transformed: unique symbol;

/** In a topic map: data that its sender gives as `In` and its receiver gets as `Out`, by a schema that transforms. */
export interface Transformed<In, Out> {
  readonly [transformed]: { readonly given: In; readonly taken: Out };
}

/** Topic names to data, or to a `Call`. Mapped over T itself: an index signature would refuse an `interface`. */
export type TopicMap<T> = { [K in keyof T]: unknown };

/** Any topic, any data: what a session without a topic map has. */
export type AnyTopics = Record<string, Data>;

type Untyped<T> = string extends keyof T ? true : false;
export type Topic<T> = keyof T & string;
/** Topics of one-way messages; every topic where the map is untyped. */
export type SendTopic<T> =
  Untyped<T> extends true ? Topic<T> : { [K in Topic<T>]: T[K] extends Call<unknown, unknown> ? never : K }[Topic<T>];
/** Topics of requests; every topic where the map is untyped. */
export type CallTopic<T> =
  Untyped<T> extends true ? Topic<T> : { [K in Topic<T>]: T[K] extends Call<unknown, unknown> ? K : never }[Topic<T>];
type Given<V> = [V] extends [Transformed<infer In, unknown>] ? In : V;
type Taken<V> = [V] extends [Transformed<unknown, infer Out>] ? Out : V;
type RequestOf<T, K extends keyof T> = T[K] extends Call<infer Q, unknown> ? Q : T[K];
/** What is sent on a topic, as message or request. */
export type Req<T, K extends keyof T> = Given<RequestOf<T, K>>;
/** What a handler or an iterator gets of it. */
export type Received<T, K extends keyof T> = Taken<RequestOf<T, K>>;
/** What a request resolves with. */
export type Res<T, K extends keyof T> = Taken<T[K] extends Call<unknown, infer S> ? S : T[K]>;
/** What a handler answers: the reply of a call; of no interest for a one-way message. */
export type Reply<T, K extends keyof T> = T[K] extends Call<unknown, infer S> ? Given<S> : unknown;

export type Awaitable<V> = V | Promise<V>;

/**
 * "strict": every message in its place; a deleted, repeated or moved one ends the session. "window": each message once,
 * in any order, for relays that keep none; a deleted one shows in `CloseInfo.window` only.
 */
export type MessageOrder = "strict" | "window";

/** One authentic message. */
export interface Message<D = Data> {
  readonly topic: string;
  readonly data: D;
  readonly seq: number;
  /** Place in a batch: its items share their `seq`, and the objects below but for `data`. */
  readonly index?: number;
  readonly issuedAt?: Date;
  readonly expiresAt: Date;
  /** Levels sig and nest. */
  readonly signed?: SignedEvidence;
}

/** What a session in window order did not deliver. */
export interface WindowReport {
  /** Messages that were repeated, too late or forged, dropped up to limit replayDrops. */
  readonly dropped: number;
  /** Numbers below the highest one received under which nothing was received: deleted on the way, or late. */
  readonly missing: number;
}

/**
 * An own message of which it is not known whether the peer received it: the session ended, or the message expired,
 * before the peer said so.
 */
export interface Undetermined {
  /** Id of the session and number of the message, as `send` gave them. */
  readonly session: string;
  readonly seq: number;
  readonly index?: number;
  readonly topic: string;
  /**
   * Of a message that was sent as idempotent. Where its session could be resumed, the next one sends it again by itself, if
   * that is of the same subject, by `sub` alone.
   */
  readonly messageId?: string;
}

/** "reconnecting": without a connection at the moment; another one is being made, or awaited. */
export type SessionState = "open" | "reconnecting" | "closed";

/** Which keys a session seals and opens with; both count from 0 on each connection. */
export interface EpochNumbers {
  readonly send: number;
  readonly receive: number;
}

/** How a session ended. */
export interface CloseInfo {
  readonly code: number;
  /** What went wrong, with `remote` true where the peer says so; undefined after a normal close. */
  readonly error?: SealwireError;
  /** True if both sides said bye in order. */
  readonly clean: boolean;
  /** True if the connection ended without the peer's sealed bye: its last messages may be missing. */
  readonly truncated: boolean;
  /** Sessions in window order. */
  readonly window?: WindowReport;
  /** Own messages that were not acknowledged, oldest first; without resume the newest ones only (limit retainedMessages). */
  readonly undetermined: readonly Undetermined[];
}

export interface SendOptions {
  readonly signal?: AbortSignal;
  /** Seconds until the message expires. Default: limit messageTtl, in a resumable session more by its resume window. */
  readonly ttl?: number;
  /**
   * The message may be sent again in another session, if this one ends before it is acknowledged; the server delivers it
   * once all the same. Sent by a client only.
   */
  readonly idempotent?: boolean;
}

/** The name of a sent message: what `Undetermined` refers to. */
export interface Sent {
  readonly session: string;
  readonly seq: number;
  /** Where messages that were sent in the same turn share the number: which of them it is, from 0. */
  readonly index?: number;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /**
   * Milliseconds from the call to the reply, also where the request waits for a connection: it is not sent after that. If it
   * was sent before, the peer may have handled it. Default: limit requestSeconds.
   */
  readonly timeout?: number;
}

export interface HandlerContext<D = Data> {
  readonly message: Message<D>;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
}

/**
 * Called in order of arrival, up to 64 at once (limit concurrentHandlers); awaited. A throw becomes E_HANDLER for a request.
 * It may take as long as it likes, and nothing ends it: a request fails at its sender (E_TIMEOUT), and where as many as run
 * at once do not return, messages wait behind them, until nothing more is read. When messages have waited and none has begun
 * for limit requestSeconds, `onError` is told once, with E_HANDLER and the topic of the oldest. Who waits for something that
 * may never come bounds the wait, and stops at `signal`.
 */
export type Handler<T, K extends keyof T> = (
  data: Received<T, K>,
  context: HandlerContext<Received<T, K>>,
) => Awaitable<Reply<T, K>>;

export interface Denied {
  readonly topic: string;
  readonly seq: number;
  /** As of `Sent`. */
  readonly index?: number;
  /** E_DENIED, or another reason of the peer: it came too late, or too fast. */
  readonly code: ErrorCode;
}

/** A connection on which every message carries its own proof. */
export interface Session<T extends TopicMap<T> = AnyTopics> extends AsyncIterable<Message<Received<T, Topic<T>>>> {
  /** The same on both ends, derived by the handshake; never sent. */
  readonly id: string;
  readonly level: Level;
  /** The selected subprotocol, codec and suite. */
  readonly protocol: string;
  readonly codec: string;
  readonly suite: string;
  readonly order: MessageOrder;
  /** Subject of the access token. */
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date;
  readonly state: SessionState;
  /** Changes with each rekey. */
  readonly epochs: EpochNumbers;
  /**
   * Seals and sends one message. Resolves with its name when less than the high-water mark is unsent; that the peer
   * received it is what `request` tells. Without a connection it waits, in order, for the next one and at most for the life
   * of the message. Not checked: whether the peer's authorization admits it (see `onDenied`).
   * @throws TypeError for a topic or data outside the data model or the option `topics`; SealwireError E_CLOSED,
   * E_TOO_BIG, E_DENIED, E_EXPIRED (it waited too long), E_QUEUE_FULL (limits queuedMessages, queuedBytes).
   */
  send<K extends SendTopic<T>>(topic: K, data: Req<T, K>, options?: SendOptions): Promise<Sent>;
  /**
   * Sends a request and resolves with its reply.
   * @throws as `send`; SealwireError E_TIMEOUT, and E_DENIED, E_NO_HANDLER, E_HANDLER, E_INVALID from the peer, or
   * E_INVALID with `remote` false where the reply does not fit the option `topics`.
   */
  request<K extends CallTopic<T>>(topic: K, data: Req<T, K>, options?: RequestOptions): Promise<Res<T, K>>;
  /** Handles messages and requests on one topic; the returned value is the reply. One handler per topic. */
  handle<K extends Topic<T>>(topic: K, fn: Handler<T, K>): () => void;
  /**
   * Messages of one topic that no handler takes, from now on. Who stops reading without leaving the loop stops the session:
   * nothing more is read once limit receiveQueueMessages or receiveQueueBytes wait, of which `onError` is told as of handlers.
   */
  messages<K extends Topic<T>>(topic: K): AsyncIterableIterator<Message<Received<T, K>>>;
  /** Resolves when the connection has ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /** Called when the peer refused a one-way message of this side. */
  onDenied(fn: (denied: Denied) => void): () => void;
  /** Called when the connection is lost, taken up again, and at the end. */
  onStateChange(fn: (state: SessionState) => void): () => void;
  /** Called with messages whose receipt will not be known any more, while the session goes on. See `CloseInfo` for its end. */
  onUndetermined(fn: (messages: readonly Undetermined[]) => void): () => void;
  /** Asks the peer for new keys now, in both directions; they are renewed by themselves too (limit rekeySeconds). */
  rekey(): void;
  /**
   * Says bye, waits for the peer's, and ends the session. Each takes at most limit byeSeconds: a session that cannot say bye
   * by then, since what is to be sent before it is still decided, ends without one.
   */
  close(): Promise<CloseInfo>;
  /** The compact JOSE object of a binary frame that this session received ("in") or sent ("out"). */
  expand(frame: Uint8Array, direction?: "in" | "out"): string;
}
