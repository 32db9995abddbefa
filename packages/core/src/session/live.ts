import { SealwireError } from "../errors.ts";
import { attempt, chain, type Maybe } from "../maybe.ts";
import type { Level, Limits } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import type { Data, Json } from "../wire/json.ts";
import type { Attachment } from "./attachment.ts";
import type { ConnectionEnd } from "./close-info.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import type { Established } from "./established.ts";
import { Farewell } from "./farewell.ts";
import type { AnyHandler, Grant, SessionHooks } from "./hooks.ts";
import { Intake } from "./intake.ts";
import { Life } from "./life.ts";
import type { Outgoing } from "./messages.ts";
import type { Time } from "./payload.ts";
import { PendingRequests } from "./requests.ts";
import { Rights } from "./rights.ts";
import { Sender } from "./sender.ts";
import type { SessionState as Snapshot } from "./snapshot.ts";
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
  readonly #farewell: Farewell;
  readonly #intake: Intake;
  readonly #closed: Promise<CloseInfo>;
  #resolveClosed!: (info: CloseInfo) => void;

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
      get subject() {
        return session.subject;
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
    this.#requests = new PendingRequests({ sender: this.#sender, timers: this.#timers });
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
      get elapsed() {
        return clock.elapsed();
      },
      limits,
      hooks,
      timers: this.#timers,
      sender: this.#sender,
      requests: this.#requests,
      ended,
      pump: () => this.#life.attachment?.pump(),
      refuse: (ref, code) => this.#life.refuse({ ref, code }),
    });
    this.#farewell = new Farewell(limits);
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
        onEnd: (error) => this.#expire(error),
      },
      established,
    );
    this.#life = new Life(established, connection, limits, hooks, this.#timers, {
      full: () => this.#delivery.full,
      overfull: (more) => this.#delivery.isOverfull(more),
      check: (message) => this.#rights.check(message),
      dispatch: (received, from) => this.#intake.dispatch(received, from),
      wake: () => this.#sender.wake(),
      rights: () => ({ exp: this.#rights.expiresAt, scp: this.#rights.scopes }),
      grants: () => this.#rights.changes,
      lost: () => this.#rights.fail(new SealwireError("E_TRUNCATED", { detail: "the answer was lost" })),
      abandoned: (error) => this.#abandoned(error),
      ended: (info) => this.#ended(info),
    });
    this.#intake = new Intake({
      limits,
      hooks,
      life: this.#life,
      rights: this.#rights,
      delivery: this.#delivery,
      requests: this.#requests,
      farewell: this.#farewell,
      refusals: this.#sender.refusals,
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
      if (options.idempotent) message = { ...message, jti: this.#messageId(), alone: true };
    } catch (error) {
      return Promise.reject(error);
    }
    const sent = attempt<Sent, Promise<never>>(
      () => this.#transmit(message, options.signal),
      (error) => Promise.reject(error),
    );
    if (!(sent instanceof Promise)) return Promise.resolve(sent);
    const told = sent as Promise<Sent>;
    told.catch(() => {});
    return told;
  }

  #transmit(message: Outgoing, signal: AbortSignal | undefined): Maybe<Sent> {
    signal?.throwIfAborted();
    return chain(this.#sender.transmit(message, "message", { signal }), (sent) =>
      chain(this.#sender.drained(), () => sent),
    );
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
    return await this.#checked(topic, await this.#requests.ask(message, timeout, signal));
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
      await this.#intake.settled;
      await this.#delivery.idle();
    } while (this.#intake.settled !== undefined);
  }

  /** Nothing more is processed on the connection that it has, which stays open. */
  freeze(): void {
    this.#life.attachment?.retire();
  }

  /** Server: all that another node needs to go on with it, and when that was, for `encodeSession`. Clients do not load it. */
  snapshot(extra: Json): readonly [Snapshot, Time] {
    const { facts, ledger, refusals, time } = this.#life;
    const { scopes, expiresAt } = this.#rights;
    return [{ facts, ledger, refusals: refusals.all(), scopes, expiresAt, extra }, time];
  }

  /** Another node has the session, or seems to: this end lets go of it, and of its connection (1001). */
  supersede(certain = true): void {
    this.#life.supersede(certain);
  }

  /** Ends it where it has no connection, unless another node has it: then this end lets go of it. */
  lapse(info: ConnectionEnd): void {
    this.#life.lapse(info);
  }

  async #depart(code: string | undefined, close: (connection: Connection) => void): Promise<CloseInfo> {
    const { attachment } = this.#life;
    this.#life.leaving = true;
    if (attachment === undefined) this.#life.end({ code: 1000, clean: false, truncated: true });
    else void this.#farewell.say(attachment, code, close);
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

  /** This side is ending it, and may not have said so yet: no connection is made or taken for it any more. */
  get leaving(): boolean {
    return this.#life.leaving;
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
