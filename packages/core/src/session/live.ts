import type { Ref } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import { chain, type Maybe } from "../maybe.ts";
import type { ErrorCode, Level, Limits } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import type { Data, Json } from "../wire/json.ts";
import type { Attachment } from "./attachment.ts";
import { TokenBucket } from "./bucket.ts";
import type { ConnectionEnd } from "./close-info.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import { describe } from "./describe.ts";
import type { Established } from "./established.ts";
import { type AnyHandler, type Grant, type SessionHooks, traceTo } from "./hooks.ts";
import { Life } from "./life.ts";
import type { Outgoing, Received, ReceivedControl } from "./messages.ts";
import { PendingRequests } from "./requests.ts";
import { Rights } from "./rights.ts";
import { Sender } from "./sender.ts";
import { encodeSession } from "./snapshot.ts";
import { Timers } from "./timers.ts";
import type {
  CloseInfo,
  Denied,
  EpochNumbers,
  Message,
  MessageOrder,
  RequestOptions,
  SendOptions,
  Sent,
  Session,
  SessionState,
  Undetermined,
  WindowReport,
} from "./types.ts";

/** A session, over one connection after the other. Everything it holds is released in `#ended`. */
export class LiveSession implements Session {
  readonly #limits: Limits;
  readonly #hooks: SessionHooks;
  readonly #timers: Timers;
  readonly #abort = new AbortController();
  readonly #life: Life;
  readonly #sender: Sender;
  readonly #delivery: Delivery;
  readonly #requests: PendingRequests;
  readonly #rights: Rights;
  readonly #items: TokenBucket;
  readonly #closed: Promise<CloseInfo>;
  #resolveClosed!: (info: CloseInfo) => void;
  /** What was committed last and is still being decided. */
  #dispatching: Promise<void> | undefined;
  /** Closes the socket, where this side said bye first. */
  #onPeerBye: (connection: Connection) => void = (connection) => connection.close();

  constructor(established: Established, connection: Connection, limits: Limits, hooks: SessionHooks) {
    const { clock } = connection;
    this.#limits = limits;
    this.#hooks = hooks;
    this.#timers = new Timers(clock);
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const ended = this.#abort.signal;
    const session = this;
    this.#sender = new Sender({
      get attachment() {
        return session.#life.attachment;
      },
      get ledger() {
        return session.#life.ledger;
      },
      get codec() {
        return session.#life.facts.keys.codec;
      },
      get session() {
        return session.id;
      },
      get grants() {
        return session.#rights.changes;
      },
      get elapsed() {
        return clock.elapsed();
      },
      get ttl() {
        return Math.min(limits.messageTtl + session.#life.facts.policy.res, limits.messageTtlMax);
      },
      limits,
      hooks,
      timers: this.#timers,
      ended,
    });
    this.#requests = new PendingRequests((fn, ms) => this.#timers.after(ms, fn));
    this.#delivery = new Delivery({
      get failed() {
        return (session.#life.attachment?.connection.failed ?? false) && !session.#life.isLosing;
      },
      get grants() {
        return session.#rights.changes;
      },
      get session() {
        return session.id;
      },
      limits,
      hooks,
      sender: this.#sender,
      requests: this.#requests,
      ended,
      pump: () => this.#life.attachment?.pump(),
      refuse: (ref, code) => this.#refuse(ref, code),
    });
    this.#items = new TokenBucket(limits.itemsPerSecond, limits.itemsBurst);
    this.#rights = new Rights(
      {
        source: {
          get life() {
            return session.#life;
          },
        },
        limits,
        hooks,
        timers: this.#timers,
        elapsed: () => clock.elapsed(),
        ended,
        onEnd: (error) => this.#expire(error),
      },
      established,
    );
    this.#life = new Life(established, connection, limits, hooks, this.#timers, {
      full: () => this.#delivery.full,
      overfull: () => this.#delivery.overfull,
      check: (message) => this.#rights.check(message),
      dispatch: (received, from) => this.#dispatch(received, from),
      wake: () => this.#sender.wake(),
      rights: () => ({ exp: this.#rights.expiresAt, scp: this.#rights.scopes }),
      lost: () => this.#rights.fail(new SealwireError("E_TRUNCATED", { detail: "the answer was lost" })),
      abandoned: (error) => this.#abandoned(error),
      ended: (info) => this.#ended(info),
    });
    this.#rights.watch();
    this.#life.watch();
    if (established.resume !== undefined) this.#life.takeUp(established, established.resume);
  }

  get id(): string {
    return this.#life.facts.id;
  }
  get level(): Level {
    return this.#life.facts.keys.level;
  }
  get protocol(): string {
    return this.#life.protocol;
  }
  get codec(): string {
    return this.#life.facts.keys.codec;
  }
  get suite(): string {
    return this.#life.facts.keys.suite;
  }
  get order(): MessageOrder {
    return this.#life.facts.policy.seq;
  }
  get subject(): string {
    return this.#life.facts.subject;
  }
  get scopes(): readonly string[] {
    return this.#rights.scopes;
  }
  get expiresAt(): Date {
    return new Date(this.#rights.expiresAt * 1000 - this.#life.offset);
  }
  get state(): SessionState {
    return this.#life.state;
  }
  get epochs(): EpochNumbers {
    return this.#life.machine.epochs;
  }
  get closed(): Promise<CloseInfo> {
    return this.#closed;
  }

  /** Many send without looking at what becomes of it, to sessions that may end: only their own mistakes stay loud. */
  send(topic: string, data: Data, options: SendOptions = {}): Promise<Sent> {
    let message: Outgoing;
    try {
      message = this.#sender.outgoing(topic, data, options.ttl);
      if (options.idempotent) message = { ...message, jti: this.#messageId() };
    } catch (error) {
      return Promise.reject(error);
    }
    const sent = this.#transmit(message, options.signal);
    sent.catch(() => {});
    return sent;
  }

  async #transmit(message: Outgoing, signal: AbortSignal | undefined): Promise<Sent> {
    signal?.throwIfAborted();
    const seq = await this.#sender.transmit(message, "message", { signal });
    const sent = { session: this.id, seq };
    await this.#sender.drained();
    return sent;
  }

  #messageId(): string {
    const { backend, role } = this.#life.facts.keys;
    if (role === "server") throw new TypeError("only a client's messages can be idempotent");
    if (this.order === "window") throw new TypeError("in window order there are no idempotent messages");
    return encodeBase64url(backend.random(16));
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
    return this.#sender.refusals.listeners.add(fn);
  }

  onStateChange(fn: (state: SessionState) => void): () => void {
    return this.#life.states.add(fn);
  }

  onUndetermined(fn: (messages: readonly Undetermined[]) => void): () => void {
    return this.#life.unacknowledged.listeners.add(fn);
  }

  rekey(): void {
    void this.#life.attachment?.rekey();
  }

  close(): Promise<CloseInfo> {
    return this.#depart(undefined, (connection) => connection.close());
  }

  expand(frame: Uint8Array, direction: "in" | "out" = "in"): string {
    return this.#life.expand(frame, direction);
  }

  // --- what the SDK around it does -----------------------------------------------------------------------------

  /** What its connection calls. */
  get receiver(): Receiver {
    return this.#life.attachment as Attachment;
  }

  /** Goes on over another connection, which both ends have confirmed. */
  resume(established: Established, connection: Connection): Receiver {
    const { peer } = established.resume as NonNullable<Established["resume"]>;
    const attachment = this.#life.resume(established, connection, peer);
    if (established.facts.keys.role === "client") this.#rights.grant(established);
    return attachment;
  }

  /** A client's new session in place of one that could not be resumed. Handlers and streams stay. */
  replace(established: Established, connection: Connection): Receiver {
    const attachment = this.#life.replace(established, connection);
    this.#rights.grant(established);
    return attachment;
  }

  /** What a client needs to resume: chains, the newest first. */
  get life(): Pick<Life, "facts" | "ledger"> {
    return this.#life;
  }

  /** Says bye because this side goes away (1001): the peer may connect again. */
  leave(): Promise<CloseInfo> {
    return this.#depart("away", (connection) => connection.close(1001, "away"));
  }

  /** Asks the peer for a sign of life; without one within `ms` the connection counts as lost. */
  probe(ms: number): void {
    const { attachment } = this.#life;
    if (attachment === undefined) return;
    const { connection } = attachment;
    void attachment.control({ top: "ping" });
    connection.timer(() => {
      if (connection.silence >= ms) connection.terminate();
    }, ms);
  }

  /** Lets go of the connection, of which nothing more is processed, and keeps the session: it can be resumed. */
  detach(code = 1001, reason = "away"): void {
    const { attachment } = this.#life;
    attachment?.machine.retire();
    attachment?.connection.close(code, reason);
  }

  /** Takes nothing more from the connection for `ms`, and resolves when all that came is decided and handled. */
  async settle(ms: number): Promise<void> {
    this.#life.attachment?.connection.throttle(ms);
    do {
      await this.#dispatching;
      await this.#delivery.idle();
    } while (this.#dispatching !== undefined);
  }

  /** Nothing more is processed on the connection that it has, which stays open. */
  freeze(): void {
    this.#life.attachment?.machine.retire();
  }

  /** Server: all that another node needs to go on with it. */
  snapshot(extra: Json): Uint8Array {
    const { facts, ledger, refusals } = this.#life;
    const { scopes, expiresAt } = this.#rights;
    return encodeSession({ facts, ledger, refusals: refusals.all(), scopes, expiresAt, extra }, this.#life.time);
  }

  /** Another node has the session: this end lets go of it, and of its connection (1001). */
  supersede(): void {
    this.#life.supersede();
  }

  async #depart(code: string | undefined, close: (connection: Connection) => void): Promise<CloseInfo> {
    const { attachment } = this.#life;
    if (attachment === undefined) this.#life.end({ code: 1000, clean: false, truncated: true });
    else if (!attachment.byeSent) {
      this.#onPeerBye = close;
      const { connection } = attachment;
      await attachment.control(code === undefined ? { top: "bye" } : { top: "bye", code });
      connection.timer(() => close(connection), this.#limits.byeSeconds * 1000);
    }
    return await this.#closed;
  }

  /** Ends the session for a reason of this side. */
  fail(error: SealwireError): void {
    this.#life.fail(error);
  }

  /** Client: sends a new access token. Resolves with what the server grants. @throws SealwireError E_TOKEN if it refuses */
  async refresh(token: string): Promise<Grant> {
    if (this.#abort.signal.aborted) throw new SealwireError("E_CLOSED");
    return await this.#rights.refresh(token);
  }

  /** NumericDate in the server's time. */
  get ends(): number {
    return this.#rights.expiresAt;
  }

  get byeSent(): boolean {
    return this.#life.machine.byeSent;
  }

  get byeReceived(): boolean {
    return this.#life.machine.byeReceived;
  }

  /** Undefined in strict order. */
  get window(): WindowReport | undefined {
    return this.#life.machine.window;
  }

  /** Milliseconds until the session ends. */
  get timeLeft(): number {
    return this.#rights.left;
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  /** In the order in which messages were committed, also where a connection took over while one was being decided. */
  #dispatch(received: Received, from: Attachment): Maybe<void> {
    const before = this.#dispatching;
    const done = before === undefined ? this.#take(received, from) : before.then(() => this.#take(received, from));
    if (!(done instanceof Promise)) return;
    const settled = () => {
      if (this.#dispatching === tail) this.#dispatching = undefined;
    };
    const tail: Promise<void> = done.then(settled, settled);
    this.#dispatching = tail;
    return done;
  }

  #take(received: Received, from: Attachment): Maybe<void> {
    if (received.kind === "dropped") {
      if (received.error !== undefined) this.#hooks.onError?.(received.error);
      return;
    }
    if (this.#rights.over) throw new SealwireError("E_SESSION_EXPIRED");
    if (received.kind === "control") return this.#onControl(received, from);
    const { seq, claims, late, raw } = received;
    const { connection, machine } = from;
    traceTo(this.#hooks, { direction: "in", kind: "application", seq, claims: raw });
    // Messages that are refused for their time cost as much as others, so they are charged too.
    if (this.#hooks.rateLimited) {
      connection.throttle(this.#items.spend(claims.items.length, connection.time.elapsed));
    }
    if (late !== undefined) return this.#refuse(seq, late);
    const { facts, offset } = this.#life;
    const base = describe(received, facts.keys, offset, this.#hooks.peerToken?.());
    const { jti, iat = 0, exp } = claims;
    const { once } = this.#hooks;
    const first =
      jti === undefined || once === undefined
        ? undefined
        : () => once({ jti, iat, exp, now: machine.now(connection.time) });
    return claims.items.reduce<Maybe<void>>((done, item, index) => {
      const ref: Ref = claims.batch ? [seq, index] : seq;
      const message = { ...base, ...(claims.batch ? { index } : {}), topic: item.topic, data: item.data };
      return chain(done, () => this.#delivery.item(item, ref, message, raw.length, first));
    }, undefined);
  }

  #refuse(ref: Ref, code: ErrorCode): Maybe<void> {
    return this.#life.refuse({ ref, code });
  }

  #onControl({ message, seq }: ReceivedControl, from: Attachment): Maybe<void> {
    switch (message.top) {
      case "ping":
        return from.control({ top: "pong", ref: seq });
      case "err":
        return this.#onErr(message.ref, message.code);
      case "bye":
        return this.#onBye(message.code, from);
      default:
        return this.#rights.onControl(message, seq, from);
    }
  }

  #onErr(ref: Ref, code: ErrorCode): void {
    const seq = typeof ref === "number" ? ref : ref[0];
    const error = new SealwireError(code, { ref: seq, remote: true, fatal: false });
    const topic = this.#requests.reject(ref, error);
    if (topic === undefined) this.#sender.refusals.tell(seq, code);
  }

  /** The one who said bye first closes the socket; the other answers and waits for that. */
  #onBye(code: string | undefined, from: Attachment): Maybe<void> {
    const { connection, byeSent } = from;
    if (code !== undefined && code !== "normal") connection.endedByPeer(code);
    if (byeSent) {
      this.#onPeerBye(connection);
      return;
    }
    return chain(from.control({ top: "bye" }), () => {
      connection.timer(() => connection.close(), this.#limits.byeSeconds * 1000);
    });
  }

  #expire(error: SealwireError): void {
    const end = { code: error.closeCode as number, error, clean: false, truncated: true };
    if (this.#life.attachment === undefined) this.#life.lapse(end);
    else this.fail(error);
  }

  // --- the end -------------------------------------------------------------------------------------------------

  #abandoned(error: SealwireError): void {
    this.#requests.fail(error);
    this.#rights.fail(error);
  }

  /** Nobody makes or awaits a connection any more. */
  end(info: ConnectionEnd): void {
    this.#life.end(info);
  }

  #ended(info: CloseInfo): void {
    const error = info.error ?? new SealwireError("E_CLOSED");
    this.#abort.abort(error);
    this.#abandoned(error);
    // What is committed and not handled yet no other node has.
    const lost = error.code !== "E_SUPERSEDED";
    this.#delivery.end(lost && (info.truncated || (error.fatal && !error.remote && info.error !== undefined)));
    this.#sender.end();
    this.#timers.clear();
    this.#resolveClosed(info);
  }
}
