import type { Ref } from "../envelope/claims.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import { chain, type Maybe } from "../maybe.ts";
import type { ErrorCode, Limits } from "../registry.generated.ts";
import type { WireFrame } from "../wire/frame.ts";
import type { Data } from "../wire/json.ts";
import { TokenBucket } from "./bucket.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import type { Established } from "./established.ts";
import { type AnyHandler, type SessionHooks, traceTo } from "./hooks.ts";
import type { Received } from "./machine.ts";
import { PendingRequests } from "./requests.ts";
import { Sender } from "./sender.ts";
import type {
  CloseInfo,
  Denied,
  Message,
  MessageOrder,
  RequestOptions,
  SendOptions,
  Session,
  WindowReport,
} from "./types.ts";

/** setTimeout fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A session over one connection. Everything it holds is released in `ended`. */
export class LiveSession implements Session, Receiver {
  readonly #e: Established;
  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #hooks: SessionHooks;
  readonly #abort = new AbortController();
  readonly #sender: Sender;
  readonly #delivery: Delivery;
  readonly #requests: PendingRequests;
  readonly #items: TokenBucket;
  /** Elapsed time at which the session is over. */
  readonly #end: number;
  readonly #closed: Promise<CloseInfo>;
  #resolveClosed!: (info: CloseInfo) => void;
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
    const ended = this.#abort.signal;
    this.#sender = new Sender(established, connection, limits, hooks, ended);
    this.#requests = new PendingRequests((fn, ms) => connection.timer(fn, ms));
    const [sender, requests] = [this.#sender, this.#requests];
    this.#delivery = new Delivery({ connection, limits, hooks, sender, requests, ended });
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
  get order(): MessageOrder {
    return this.#e.order;
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
    await this.#sender.transmit(this.#sender.outgoing(topic, data, options.ttl), "message", { signal });
    await this.#sender.drained();
  }

  async request(topic: string, data: Data, options: RequestOptions = {}): Promise<Data> {
    const { signal } = options;
    signal?.throwIfAborted();
    const message = { ...this.#sender.outgoing(topic, data, undefined), request: true as const };
    const timeout = options.timeout ?? this.#limits.requestSeconds * 1000;
    let reply: Promise<Data> | undefined;
    const onSeq = (seq: number) => {
      reply = this.#requests.expect(seq, topic, timeout, signal);
    };
    await this.#sender.transmit(message, "request", { onSeq, signal });
    return await this.#checked(topic, await (reply as unknown as Promise<Data>));
  }

  async #checked(topic: string, reply: Data): Promise<Data> {
    const result = await this.#hooks.topics?.incoming("reply", topic, reply);
    if (result instanceof SealwireError) throw result;
    return result === undefined ? reply : (result.value as Data);
  }

  handle(topic: string, fn: AnyHandler): () => void {
    return this.#delivery.handle(topic, fn);
  }

  messages(topic: string): AsyncIterableIterator<Message<never>> {
    return this.#delivery.stream(topic) as AsyncIterableIterator<Message<never>>;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message> {
    return this.#delivery.stream(undefined);
  }

  onDenied(fn: (denied: Denied) => void): () => void {
    return this.#sender.onDenied(fn);
  }

  close(): Promise<CloseInfo> {
    return this.#depart({ top: "bye" }, () => this.#connection.close());
  }

  /** Says bye because this side goes away (1001): the peer may connect again. */
  leave(): Promise<CloseInfo> {
    return this.#depart({ top: "bye", code: "away" }, () => this.#connection.close(1001, "away"));
  }

  async #depart(bye: Control, close: () => void): Promise<CloseInfo> {
    if (!this.#abort.signal.aborted && !this.byeSent) {
      this.#onPeerBye = close;
      await this.#sender.control(bye);
      this.#connection.timer(close, this.#limits.byeSeconds * 1000);
    }
    return await this.#closed;
  }

  expand(frame: Uint8Array, direction: "in" | "out" = "in"): string {
    return this.#e.expand(frame, direction);
  }

  // --- what the connection calls -------------------------------------------------------------------------------

  get full(): boolean {
    return this.#delivery.full;
  }

  get byeSent(): boolean {
    return this.#e.machine.byeSent;
  }

  get byeReceived(): boolean {
    return this.#e.machine.byeReceived;
  }

  get window(): WindowReport | undefined {
    return this.#e.machine.window;
  }

  receive(frame: WireFrame): Maybe<void> {
    return chain(this.#e.machine.receive(frame, this.#connection.time), (received) => this.#dispatch(received));
  }

  farewell(code: string): Maybe<void> {
    return this.#sender.control(code === "normal" ? { top: "bye" } : { top: "bye", code });
  }

  ended(info: CloseInfo): void {
    const error = info.error ?? new SealwireError("E_CLOSED");
    this.#abort.abort(error);
    this.#requests.fail(error);
    this.#delivery.end(info.truncated || this.#connection.failed);
    this.#sender.end();
    this.#resolveClosed(info);
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  #dispatch(received: Received): Maybe<void> {
    // It was being opened when this side ended the session: nothing more is delivered.
    if (this.#connection.failed) return;
    if (received.kind === "dropped") {
      if (received.error !== undefined) this.#hooks.onError?.(received.error);
      return;
    }
    if (this.#connection.time.elapsed >= this.#end) throw new SealwireError("E_SESSION_EXPIRED");
    if (received.kind === "control") return this.#onControl(received.message, received.seq);
    const { seq, claims, late, raw } = received;
    traceTo(this.#hooks, { direction: "in", kind: "application", seq, claims: raw });
    // Messages that are refused for their time cost as much as others, so they are charged too.
    if (this.#hooks.rateLimited) {
      this.#connection.throttle(this.#items.spend(claims.items.length, this.#connection.time.elapsed));
    }
    if (late !== undefined) return this.#sender.refuse(seq, late);
    const base = this.#message(received);
    return claims.items.reduce<Maybe<void>>((done, item, index) => {
      const ref: Ref = claims.batch ? [seq, index] : seq;
      const message = { ...base, ...(claims.batch ? { index } : {}), topic: item.topic, data: item.data };
      return chain(done, () => this.#delivery.item(item, ref, message, raw.length));
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

  #onControl(message: Control, seq: number): Maybe<void> {
    switch (message.top) {
      case "ping":
        return this.#sender.control({ top: "pong", ref: seq });
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
    if (topic === undefined) this.#sender.denied(seq, code);
  }

  /** The one who said bye first closes the socket; the other answers and waits for that. */
  #onBye(code: string | undefined): Maybe<void> {
    if (code !== undefined && code !== "normal") this.#connection.endedByPeer(code);
    if (this.byeSent) {
      this.#onPeerBye();
      return;
    }
    return chain(this.#sender.control({ top: "bye" }), () => {
      this.#connection.timer(() => this.#connection.close(), this.#limits.byeSeconds * 1000);
    });
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
      void this.#sender.control({ top: "ping" });
      this.#connection.timer(beat, heartbeatSeconds * 1000);
    };
    if (this.#hooks.heartbeat) this.#connection.timer(beat, heartbeatSeconds * 1000);
  }
}
