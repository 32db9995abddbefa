import { type Item, isTopic, type Ref } from "../envelope/claims.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import { attempt, chain, type Maybe } from "../maybe.ts";
import type { ErrorCode, Limits } from "../registry.generated.ts";
import { assertData } from "../wire/data.ts";
import type { WireFrame } from "../wire/frame.ts";
import type { Data } from "../wire/json.ts";
import { TokenBucket } from "./bucket.ts";
import type { Connection, Receiver } from "./connection.ts";
import type { Established } from "./established.ts";
import { Inbox, MessageStream } from "./inbox.ts";
import type { Outgoing, Prepared, Received } from "./machine.ts";
import { Outbox } from "./outbox.ts";
import { PendingRequests } from "./requests.ts";
import type {
  Awaitable,
  CloseInfo,
  Denied,
  HandlerContext,
  Message,
  RequestOptions,
  SendOptions,
  Session,
} from "./types.ts";

/** setTimeout fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

type AnyHandler = (data: Data, context: HandlerContext) => Awaitable<unknown>;

export interface AuthorizeRequest {
  readonly topic: string;
  readonly direction: "in" | "out";
  readonly kind: "message" | "request";
  readonly data: Data;
}

/** One sealed message with its claims in clear: for inspectors and demonstrations, off by default. */
export interface TraceRecord {
  readonly direction: "in" | "out";
  readonly kind: "application" | "control";
  readonly seq: number;
  /** The claims as sealed: UTF-8 JSON, or CBOR for application messages of codec cbor. */
  readonly claims: Uint8Array;
}

/** What the SDK around the session decides. */
export interface SessionHooks {
  /** Deny by default lies with the server SDK: it always passes this. A client has no one to ask. */
  readonly authorize?: (request: AuthorizeRequest) => Awaitable<boolean>;
  /** Handlers that serve every session of a server; a handler of the session itself goes first. */
  readonly handler?: (topic: string) => AnyHandler | undefined;
  /** Told of errors that have nowhere else to go: a handler's, a dropped message's. Must not throw. */
  readonly onError?: (error: SealwireError) => void;
  /** The peer's access token, for the evidence of its signed messages. */
  readonly peerToken?: string;
  readonly trace?: (record: TraceRecord) => void;
  /** Pings the peer; one side does, and timers of hidden browser tabs are throttled. */
  readonly heartbeat: boolean;
  readonly rateLimited: boolean;
  readonly highWaterMark?: number;
}

interface TransmitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told the number before the message can be answered. */
  readonly onSeq?: (seq: number) => void;
}

/** A session over one connection: sends, requests, handlers. Everything it holds is released in `ended`. */
export class LiveSession implements Session, Receiver {
  readonly #e: Established;
  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #hooks: SessionHooks;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #requests: PendingRequests;
  readonly #items: TokenBucket;
  readonly #handlers = new Map<string, AnyHandler>();
  readonly #streams = new Map<string | undefined, Set<MessageStream>>();
  readonly #deniedListeners = new Set<(denied: Denied) => void>();
  readonly #recent = new Map<number, string>();
  readonly #abort = new AbortController();
  /** Elapsed time at which the session is over. */
  readonly #end: number;
  readonly #closed: Promise<CloseInfo>;
  #resolveClosed!: (info: CloseInfo) => void;
  #sends: Promise<void> | undefined;
  #ended: CloseInfo | undefined;
  /** Closes the socket, where this side said bye first. */
  #onPeerBye: () => void = () => this.#connection.close();

  constructor(established: Established, connection: Connection, limits: Limits, hooks: SessionHooks) {
    this.#e = established;
    this.#connection = connection;
    this.#limits = limits;
    this.#hooks = hooks;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#outbox = new Outbox(connection, limits.sendBufferBytes, (prepared) =>
      this.#trace("out", prepared.control, prepared.seq, prepared.claims),
    );
    this.#inbox = new Inbox(limits, () => connection.pump());
    this.#requests = new PendingRequests((fn, ms) => connection.timer(fn, ms));
    this.#items = new TokenBucket(limits.itemsPerSecond, limits.itemsBurst);
    const { elapsed, unix } = connection.time;
    this.#end = elapsed + (established.expiresAt * 1000 - (unix + established.offset));
    this.#watch();
  }

  get id(): string {
    return this.#e.id;
  }
  get level(): Established["level"] {
    return this.#e.level;
  }
  get protocol(): string {
    return this.#e.protocol;
  }
  get codec(): string {
    return this.#e.codec;
  }
  get suite(): string {
    return this.#e.suite;
  }
  get subject(): string {
    return this.#e.subject;
  }
  get scopes(): readonly string[] {
    return this.#e.scopes;
  }
  get expiresAt(): Date {
    return new Date(this.#e.expiresAt * 1000 - this.#e.offset);
  }
  get closed(): Promise<CloseInfo> {
    return this.#closed;
  }

  async send(topic: string, data: Data, options: SendOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    await this.#transmit(this.#outgoing(topic, data, options.ttl), "message", { signal });
    await this.#outbox.drained(this.#hooks.highWaterMark ?? this.#limits.highWaterMark);
  }

  async request(topic: string, data: Data, options: RequestOptions = {}): Promise<Data> {
    options.signal?.throwIfAborted();
    const message = { ...this.#outgoing(topic, data, undefined), request: true as const };
    const timeout = options.timeout ?? this.#limits.requestSeconds * 1000;
    let reply: Promise<Data> | undefined;
    const onSeq = (seq: number) => {
      reply = this.#requests.expect(seq, topic, timeout, options.signal);
    };
    await this.#transmit(message, "request", { onSeq, signal: options.signal });
    return await (reply as unknown as Promise<Data>);
  }

  handle(topic: string, fn: AnyHandler): () => void {
    if (!isTopic(topic)) throw new TypeError(`not a topic: ${JSON.stringify(topic)}`);
    if (this.#handlers.has(topic)) throw new TypeError(`topic ${topic} has a handler already: remove it first`);
    this.#handlers.set(topic, fn);
    return () => {
      if (this.#handlers.get(topic) === fn) this.#handlers.delete(topic);
    };
  }

  messages(topic: string): AsyncIterableIterator<Message<never>> {
    return this.#stream(topic) as AsyncIterableIterator<Message<never>>;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message> {
    return this.#stream(undefined);
  }

  onDenied(fn: (denied: Denied) => void): () => void {
    this.#deniedListeners.add(fn);
    return () => this.#deniedListeners.delete(fn);
  }

  close(): Promise<CloseInfo> {
    return this.#depart({ top: "bye" }, () => this.#connection.close());
  }

  /** Says bye because this side goes away (1001): the peer may connect again. */
  leave(): Promise<CloseInfo> {
    return this.#depart({ top: "bye", code: "away" }, () => this.#connection.close(1001, "away"));
  }

  async #depart(bye: Control, close: () => void): Promise<CloseInfo> {
    if (this.#ended === undefined && !this.byeSent) {
      this.#onPeerBye = close;
      await this.#control(bye);
      this.#connection.timer(close, this.#limits.byeSeconds * 1000);
    }
    return await this.#closed;
  }

  expand(frame: Uint8Array, direction: "in" | "out" = "in"): string {
    return this.#e.expand(frame, direction);
  }

  // --- what the connection calls -------------------------------------------------------------------------------

  get full(): boolean {
    if (this.#inbox.full) return true;
    for (const set of this.#streams.values()) for (const stream of set) if (stream.full) return true;
    return false;
  }

  get byeSent(): boolean {
    return this.#e.machine.byeSent;
  }

  get byeReceived(): boolean {
    return this.#e.machine.byeReceived;
  }

  receive(frame: WireFrame): Maybe<void> {
    return chain(this.#e.machine.receive(frame, this.#connection.time), (received) => this.#dispatch(received));
  }

  farewell(code: string): Maybe<void> {
    return this.#control(code === "normal" ? { top: "bye" } : { top: "bye", code });
  }

  ended(info: CloseInfo): void {
    this.#ended = info;
    const error = info.error ?? new SealwireError("E_CLOSED");
    if (info.truncated || this.#connection.failed) this.#inbox.clear();
    this.#requests.fail(error);
    this.#abort.abort(error);
    for (const set of this.#streams.values()) for (const stream of set) stream.end();
    this.#streams.clear();
    this.#handlers.clear();
    this.#deniedListeners.clear();
    this.#resolveClosed(info);
  }

  // --- sending -------------------------------------------------------------------------------------------------

  #outgoing(topic: string, data: Data, ttl: number | undefined): Outgoing {
    if (!isTopic(topic))
      throw new TypeError(`not a topic (letters, digits and ._:/- up to 128): ${JSON.stringify(topic)}`);
    assertData(data, this.#e.codec);
    const seconds = ttl ?? this.#limits.messageTtl;
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > this.#limits.messageTtlMax) {
      throw new TypeError(`ttl is a number of seconds from 1 to ${this.#limits.messageTtlMax}`);
    }
    return { topic, data, ttl: seconds };
  }

  /** Authorizes, numbers, seals. Messages keep the order of the calls also where authorization takes its time. */
  #transmit(message: Outgoing, kind: "message" | "request", options: TransmitOptions = {}): Maybe<number> {
    const { topic, data } = message;
    // A reply is authorized by its request.
    const granted = message.ref !== undefined || this.#authorize({ topic, direction: "out", kind, data });
    const go = (ok: boolean): number => {
      options.signal?.throwIfAborted();
      if (!ok) throw new SealwireError("E_DENIED", { detail: `sending ${topic}` });
      if (this.#ended !== undefined) throw new SealwireError("E_CLOSED");
      const prepared = this.#prepare(message);
      options.onSeq?.(prepared.seq);
      if (kind === "message" && this.#deniedListeners.size > 0) this.#remember(prepared.seq, topic);
      void this.#outbox.push(prepared);
      return prepared.seq;
    };
    if (this.#sends === undefined && !(granted instanceof Promise)) return go(granted);
    const result = (this.#sends ?? Promise.resolve()).then(() => granted).then(go);
    const tail = result.then(
      () => {},
      () => {},
    );
    this.#sends = tail;
    void tail.then(() => {
      if (this.#sends === tail) this.#sends = undefined;
    });
    return result;
  }

  #prepare(message: Outgoing): Prepared {
    try {
      return this.#e.machine.prepare(message, this.#connection.time);
    } catch (error) {
      if (error instanceof SealwireError && error.code === "E_KEY_LIMIT") this.#connection.fail(error);
      throw error;
    }
  }

  /** Topics of the latest one-way messages, for `onDenied`. */
  #remember(seq: number, topic: string): void {
    this.#recent.set(seq, topic);
    if (this.#recent.size > 1024) this.#recent.delete(this.#recent.keys().next().value as number);
  }

  /** Fails closed: an error of the policy is a denial. */
  #authorize(request: AuthorizeRequest): Maybe<boolean> {
    const { authorize } = this.#hooks;
    if (authorize === undefined) return true;
    const failed = (cause: unknown): boolean => {
      this.#report(new SealwireError("E_DENIED", { detail: `authorize() failed for ${request.topic}`, cause }));
      return false;
    };
    return chain(
      attempt(() => authorize(request), failed),
      (granted) => granted === true,
    );
  }

  #report(error: SealwireError): void {
    this.#hooks.onError?.(error);
  }

  #control(message: Control): Maybe<void> {
    if (this.#ended !== undefined || this.byeSent) return;
    let prepared: Prepared;
    try {
      prepared = this.#e.machine.prepareControl(message);
    } catch (error) {
      // E_KEY_LIMIT; a timer or a handler that answers has no one to tell.
      this.#connection.fail(error as SealwireError);
      return;
    }
    return this.#outbox.push(prepared);
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  #dispatch(received: Received): Maybe<void> {
    // It was being opened when this side ended the session: nothing more is delivered.
    if (this.#connection.failed) return;
    if (received.kind === "control") return this.#onControl(received.message, received.seq);
    const { seq, claims, late } = received;
    if (this.#connection.time.elapsed >= this.#end) throw new SealwireError("E_SESSION_EXPIRED");
    this.#trace("in", false, seq, received.raw);
    if (late !== undefined) return this.#refuse(seq, late);
    if (this.#hooks.rateLimited) {
      this.#connection.throttle(this.#items.spend(claims.items.length, this.#connection.time.elapsed));
    }
    const base = this.#message(received);
    return claims.items.reduce<Maybe<void>>((done, item, index) => {
      const ref: Ref = claims.batch ? [seq, index] : seq;
      return chain(done, () =>
        this.#item(item, ref, { ...base, topic: item.topic, data: item.data }, received.raw.length),
      );
    }, undefined);
  }

  #message({ seq, claims, jws }: Received & { kind: "message" }): Omit<Message, "topic" | "data"> {
    const local = (seconds: number) => new Date(seconds * 1000 - this.#e.offset);
    const jwk = this.#e.peerJwk;
    const token = this.#hooks.peerToken;
    return {
      seq,
      expiresAt: local(claims.exp),
      ...(claims.iat === undefined ? {} : { issuedAt: local(claims.iat) }),
      ...(jws === undefined || jwk === undefined
        ? {}
        : { signed: { jws, jwk, ...(token === undefined ? {} : { token }) } }),
    };
  }

  #item(item: Item, ref: Ref, message: Message, size: number): Maybe<void> {
    if (this.#connection.failed) return;
    if (item.ref !== null) {
      this.#requests.resolve(item.ref, item.topic, item.data);
      return;
    }
    const { topic, data } = item;
    const kind = item.request ? "request" : "message";
    return chain(this.#authorize({ topic, direction: "in", kind, data }), (ok) =>
      ok ? this.#deliver(item, ref, message, size) : this.#refuse(ref, "E_DENIED"),
    );
  }

  #deliver(item: Item, ref: Ref, message: Message, size: number): Maybe<void> {
    if (this.#connection.failed || this.#ended !== undefined) return;
    const handler = this.#handlers.get(item.topic) ?? this.#hooks.handler?.(item.topic);
    if (handler !== undefined) {
      this.#inbox.push(size, () => this.#handle(handler, item, ref, message));
      return;
    }
    if (item.request) return this.#refuse(ref, "E_NO_HANDLER");
    for (const key of [item.topic, undefined])
      for (const stream of this.#streams.get(key) ?? []) stream.push(message, size);
  }

  async #handle(handler: AnyHandler, item: Item, ref: Ref, message: Message): Promise<void> {
    try {
      const reply = await handler(item.data, { message, signal: this.#abort.signal });
      if (!item.request || this.#ended !== undefined || this.byeSent) return;
      await this.#transmit({ ...this.#outgoing(item.topic, (reply ?? null) as Data, undefined), ref }, "message");
    } catch (error) {
      this.#report(
        error instanceof SealwireError ? error : new SealwireError("E_HANDLER", { detail: item.topic, cause: error }),
      );
      if (item.request)
        void this.#refuse(
          ref,
          error instanceof SealwireError && error.code === "E_INVALID" ? "E_INVALID" : "E_HANDLER",
        );
    }
  }

  #onControl(message: Control, seq: number): Maybe<void> {
    switch (message.top) {
      case "ping":
        return this.#control({ top: "pong", ref: seq });
      case "pong":
        return;
      case "err":
        return this.#onErr(message.ref, message.code);
      case "bye":
        return this.#onBye(message.code);
    }
  }

  #onErr(ref: Ref, code: ErrorCode): void {
    const seq = typeof ref === "number" ? ref : ref[0];
    const error = new SealwireError(code, { ref: seq, remote: true, fatal: false });
    const topic = this.#requests.reject(ref, error);
    if (code !== "E_DENIED" || topic !== undefined) return;
    for (const fn of this.#deniedListeners) fn({ topic: this.#recent.get(seq) ?? "", seq });
  }

  /** The one who said bye first closes the socket; the other answers and waits for that. */
  #onBye(code: string | undefined): Maybe<void> {
    if (code !== undefined && code !== "normal") this.#connection.endedByPeer(code);
    if (this.byeSent) {
      this.#onPeerBye();
      return;
    }
    return chain(this.#control({ top: "bye" }), () => {
      this.#connection.timer(() => this.#connection.close(), this.#limits.byeSeconds * 1000);
    });
  }

  /** Tells the peer that one message was not taken. Nothing is ever refused in answer to control. */
  #refuse(ref: Ref, code: ErrorCode): Maybe<void> {
    return this.#control({ top: "err", code, ref });
  }

  #stream(topic: string | undefined): MessageStream {
    const streams = this.#streams.get(topic) ?? new Set();
    const stream = new MessageStream(
      this.#limits,
      () => this.#connection.pump(),
      (ended) => streams.delete(ended),
    );
    if (this.#ended !== undefined) stream.end();
    else this.#streams.set(topic, streams.add(stream));
    return stream;
  }

  #trace(direction: "in" | "out", control: boolean, seq: number, claims: Uint8Array): void {
    this.#hooks.trace?.({ direction, kind: control ? "control" : "application", seq, claims });
  }

  // --- time ----------------------------------------------------------------------------------------------------

  /** Expiry of the session and liveness of the peer. */
  #watch(): void {
    const { heartbeatSeconds, idleSeconds } = this.#limits;
    const expire = () => {
      const left = this.#end - this.#connection.time.elapsed;
      if (left <= 0) this.#connection.fail(new SealwireError("E_SESSION_EXPIRED"));
      else this.#connection.timer(expire, Math.min(left, LONGEST_TIMER));
    };
    // Not at once: until the constructor is done the connection does not know this session.
    this.#connection.timer(expire, 0);
    const listen = () => {
      const left = idleSeconds * 1000 - this.#connection.silence;
      if (left <= 0) this.#connection.fail(new SealwireError("E_IDLE", { stage: "local" }));
      else this.#connection.timer(listen, left);
    };
    listen();
    const beat = () => {
      void this.#control({ top: "ping" });
      this.#connection.timer(beat, heartbeatSeconds * 1000);
    };
    if (this.#hooks.heartbeat) this.#connection.timer(beat, heartbeatSeconds * 1000);
  }
}
