import { SealwireError } from "../errors.ts";
import { isPromise, type Maybe } from "../maybe.ts";
import type { Level, Limits } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import type { Data, Json } from "../wire/json.ts";
import type { Attachment } from "./attachment.ts";
import type { ConnectionEnd } from "./close-info.ts";
import type { Connection, Receiver } from "./connection.ts";
import { type Established, expand } from "./established.ts";
import type { AnyHandler, Grant, SessionHooks } from "./hooks.ts";
import type { Life } from "./life.ts";
import type { Outgoing } from "./messages.ts";
import { SessionParts } from "./parts.ts";
import type { Time } from "./payload.ts";
import type { SessionState as Snapshot } from "./snapshot.ts";
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

/** A session, over one connection after the other, as the application and the SDK around it have it. */
export class LiveSession implements Session {
  readonly #parts: SessionParts;

  constructor(established: Established, connection: Connection, limits: Limits, hooks: SessionHooks) {
    this.#parts = new SessionParts(established, connection, limits, hooks);
  }

  get id(): string {
    return this.#parts.life.facts.id;
  }
  get level(): Level {
    return this.#parts.life.facts.keys.level;
  }
  get protocol(): string {
    return this.#parts.life.protocol;
  }
  get codec(): string {
    return this.#parts.life.facts.keys.codec;
  }
  get suite(): string {
    return this.#parts.life.facts.keys.suite;
  }
  get order(): MessageOrder {
    return this.#parts.life.facts.policy.seq;
  }
  get subject(): string {
    return this.#parts.life.facts.subject;
  }
  get scopes(): readonly string[] {
    return this.#parts.rights.scopes;
  }
  get expiresAt(): Date {
    return new Date(this.#parts.rights.expiresAt * 1000 - this.#parts.life.offset);
  }
  get state(): SessionState {
    return this.#parts.life.state;
  }
  get epochs(): EpochNumbers {
    return this.#parts.life.machine.epochNumbers;
  }
  get closed(): Promise<CloseInfo> {
    return this.#parts.closed;
  }

  /** Many send without looking at what becomes of it, to sessions that may end: only their own mistakes stay loud. */
  send(topic: string, data: Data, options: SendOptions = NO_OPTIONS): Promise<Sent> {
    let message: Outgoing;
    try {
      const { ttl, idempotent } = options;
      message = this.#parts.sender.outgoing(topic, data, ttl, idempotent ? { jti: this.#messageId() } : undefined);
    } catch (error) {
      return Promise.reject(error);
    }
    try {
      return Promise.resolve(this.#transmit(message, options.signal));
    } catch (error) {
      return unobserved(Promise.reject(error));
    }
  }

  #transmit(message: Outgoing, signal: AbortSignal | undefined): Maybe<Sent> {
    signal?.throwIfAborted();
    const { sender } = this.#parts;
    const sent = sender.transmit(message, "message", signal && { signal });
    // To wait for the network never rejects.
    return isPromise(sent) ? unobserved(sent.then((later) => sender.drained(later))) : sender.drained(sent);
  }

  #messageId(): string {
    const { backend, role } = this.#parts.life.facts.keys;
    if (role === "server") throw new TypeError("only a client's messages can be idempotent");
    if (this.order === "window") throw new TypeError("in window order there are no idempotent messages");
    return encodeBase64url(backend.random(16));
  }

  async request(topic: string, data: Data, options: RequestOptions = {}): Promise<Data> {
    const { signal } = options;
    signal?.throwIfAborted();
    const message = this.#parts.sender.outgoing(topic, data, undefined, { request: true });
    const timeout = options.timeout ?? this.#parts.limits.requestSeconds * 1000;
    // All sessions have their timers in one order of times, which one that compares with none would break.
    if (typeof timeout !== "number" || Number.isNaN(timeout))
      throw new TypeError("timeout is a number of milliseconds");
    return await this.#checked(topic, await this.#parts.requests.ask(message, timeout, signal));
  }

  async #checked(topic: string, reply: Data): Promise<Data> {
    const result = await this.#parts.hooks.topics?.incoming("reply", topic, reply);
    if (result instanceof SealwireError) throw result;
    return result === undefined ? reply : (result.value as Data);
  }

  handle(topic: string, fn: AnyHandler): () => void {
    return this.#parts.delivery.handle(topic, fn);
  }

  messages(topic: string): AsyncIterableIterator<Message<never>> {
    return this.#parts.delivery.stream(topic) as AsyncIterableIterator<Message<never>>;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message> {
    return this.#parts.delivery.stream(undefined);
  }

  onDenied(fn: (denied: Denied) => void): () => void {
    return this.#parts.sender.refusals.onDenied(fn);
  }

  onStateChange(fn: (state: SessionState) => void): () => void {
    return this.#parts.life.onStateChange(fn);
  }

  onUndetermined(fn: (messages: readonly Undetermined[]) => void): () => void {
    return this.#parts.life.unacknowledged.onUndetermined(fn);
  }

  rekey(): void {
    void this.#parts.life.attachment?.rekey();
  }

  close(): Promise<CloseInfo> {
    return this.#depart(undefined, (connection) => connection.close());
  }

  expand(frame: Uint8Array, direction: "in" | "out" = "in"): string {
    return expand(this.#parts.life.machine, frame, direction);
  }

  // --- what the SDK around it does -----------------------------------------------------------------------------

  /** What its connection calls. */
  get receiver(): Receiver {
    return this.#parts.life.attachment as Attachment;
  }

  /** Goes on over another connection, which both ends have confirmed. */
  resume(established: Established, connection: Connection): Receiver {
    const { peer } = established.resume as NonNullable<Established["resume"]>;
    const attachment = this.#parts.life.resume(established, connection, peer);
    if (established.facts.keys.role === "client") this.#parts.rights.grant(established);
    return attachment;
  }

  /** A client's new session in place of one that could not be resumed. Handlers and streams stay. */
  replace(established: Established, connection: Connection): Receiver {
    const attachment = this.#parts.life.replace(established, connection);
    this.#parts.rights.grant(established);
    return attachment;
  }

  /** What a client needs to resume: chains, the newest first. */
  get life(): Pick<Life, "facts" | "ledger"> {
    return this.#parts.life;
  }

  /** Says bye because this side goes away (1001): the peer may connect again. */
  leave(): Promise<CloseInfo> {
    return this.#depart("away", (connection) => connection.close(1001, "away"));
  }

  /** Asks the peer for a sign of life; without one within `ms`, and a little more, the connection counts as lost. */
  probe(ms: number): void {
    const { attachment } = this.#parts.life;
    if (attachment === undefined) return;
    const { connection, ledger } = attachment;
    const { committed } = ledger;
    const isSilent = () => ledger.committed === committed && connection.silence >= ms;
    void attachment.control({ top: "ping" });
    connection.timer(() => {
      // Where this end itself was busy, or asleep, the answer may be there and not read yet.
      if (isSilent()) connection.timer(() => isSilent() && connection.terminate(), TURN_MS);
    }, ms);
  }

  /** Lets go of the connection, of which nothing more is processed, and keeps the session: it can be resumed. */
  detach(code = 1001, reason = "away"): void {
    const { attachment } = this.#parts.life;
    attachment?.machine.retire();
    attachment?.connection.close(code, reason);
  }

  /** Takes nothing more from the connection for `ms`, and resolves when all that came is decided and handled. */
  async settle(ms: number): Promise<void> {
    this.#parts.life.attachment?.connection.throttle(ms);
    do {
      await this.#parts.intake.settled;
      await this.#parts.delivery.idle();
    } while (this.#parts.intake.settled !== undefined);
  }

  /** Nothing more is processed on the connection that it has, which stays open. */
  freeze(): void {
    this.#parts.life.attachment?.retire();
  }

  /** Server: all that another node needs to go on with it, and when that was, for `encodeSession`. Clients do not load it. */
  snapshot(extra: Json): readonly [Snapshot, Time] {
    const { facts, ledger, refusals, time } = this.#parts.life;
    const { scopes, expiresAt } = this.#parts.rights;
    return [{ facts, ledger, refusals: refusals.all(), scopes, expiresAt, extra }, time];
  }

  /** Another node has the session, or seems to: this end lets go of it, and of its connection (1001). */
  supersede(certain = true): void {
    this.#parts.life.supersede(certain);
  }

  /** Ends it where it has no connection, unless another node has it: then this end lets go of it. */
  lapse(info: ConnectionEnd): void {
    this.#parts.life.lapse(info);
  }

  async #depart(code: string | undefined, close: (connection: Connection) => void): Promise<CloseInfo> {
    const { attachment } = this.#parts.life;
    this.#parts.life.leaving = true;
    if (attachment === undefined) this.#parts.life.end({ code: 1000, clean: false, truncated: true });
    else void this.#parts.farewell.say(attachment, code, close);
    return await this.closed;
  }

  /** Ends the session for a reason of this side. */
  fail(error: SealwireError): void {
    this.#parts.life.fail(error);
  }

  /** Client: sends a new access token. Resolves with what the server grants. @throws SealwireError E_TOKEN if it refuses */
  async refresh(token: string): Promise<Grant> {
    if (this.#parts.over) throw new SealwireError("E_CLOSED");
    return await this.#parts.rights.refresh(token);
  }

  /** NumericDate in the server's time. */
  get ends(): number {
    return this.#parts.rights.expiresAt;
  }

  /** This side is ending it, and may not have said so yet: no connection is made or taken for it any more. */
  get leaving(): boolean {
    return this.#parts.life.leaving;
  }

  get byeSent(): boolean {
    return this.#parts.life.machine.byeSent;
  }

  get byeReceived(): boolean {
    return this.#parts.life.machine.byeReceived;
  }

  /** Undefined in strict order. */
  get window(): WindowReport | undefined {
    return this.#parts.life.machine.window;
  }

  /** Milliseconds until the session ends. */
  get timeLeft(): number {
    return this.#parts.rights.left;
  }

  /** Nobody makes or awaits a connection any more. */
  end(info: ConnectionEnd): void {
    this.#parts.life.end(info);
  }
}

const NO_OPTIONS: SendOptions = {};
/** In which a socket is read once more. */
const TURN_MS = 50;

/** Nobody has to look at what becomes of it. */
function unobserved<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
