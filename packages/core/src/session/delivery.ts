import { type Item, isTopic, type Ref } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import { attempt, chain, isPromise, type Maybe } from "../maybe.ts";
import type { ErrorCode, Limits } from "../registry.generated.ts";
import type { Data } from "../wire/json.ts";
import { type Handlers, handlerOf, withHandler, withoutHandler } from "./handlers.ts";
import { type AnyHandler, isGranted, type SessionHooks } from "./hooks.ts";
import { Inbox, type InboxHost, isAt, type Level, MessageStream } from "./inbox.ts";
import type { Queued } from "./queue.ts";
import type { PendingRequests } from "./requests.ts";
import type { Sender } from "./sender.ts";
import { Stall, type StallHost } from "./stall.ts";
import type { Timers } from "./timers.ts";
import type { HandlerContext, Message } from "./types.ts";
import type { Undelivered } from "./undelivered.ts";

export interface DeliveryHost {
  readonly limits: Limits;
  readonly hooks: SessionHooks;
  readonly sender: Sender;
  readonly requests: PendingRequests;
  /** True while a reply is awaited. */
  readonly awaitsReply: boolean;
  /** It has ended. */
  readonly over: boolean;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
  /** True once this side found an error: nothing more is delivered. */
  readonly failed: boolean;
  /** How often the principal has changed: what was granted before is asked for again. */
  readonly grants: number;
  /** Id of the session: what was asked in one is not answered in another. */
  readonly session: string;
  readonly timers: Timers;
  readonly elapsed: number;
  /** The application has room again. */
  pump(): void;
  /** Tells the peer that one message was not taken. */
  refuse(ref: Ref, code: ErrorCode): Maybe<void>;
}

/** The session that an item came in. */
interface Origin {
  readonly facts: { readonly id: string };
  readonly ledger: { readonly undelivered: Undelivered };
}

/** True for a message that was not delivered before. */
export type Once = () => Maybe<boolean>;

/** An item on its way to the application, and by which of its peer's rights it was granted. */
interface Arrival extends Queued<Arrival> {
  readonly item: Item;
  readonly message: Message;
  readonly size: number;
  readonly once: Once | undefined;
  grants: number;
  readonly session: string;
  readonly undelivered: Undelivered;
  /** Undefined until that is known, and where a stream takes it. */
  handler: AnyHandler | undefined;
}

/** A step of the receiving half. */
type Step<T> = (this: Delivery, arrival: Arrival) => Maybe<T>;

/** The signal is made for a handler that asks for it. */
class Context implements HandlerContext {
  readonly message: Message;
  readonly #session: Pick<DeliveryHost, "signal">;

  constructor(message: Message, session: Pick<DeliveryHost, "signal">) {
    this.message = message;
    this.#session = session;
  }

  get signal(): AbortSignal {
    return this.#session.signal;
  }
}

/** What the peer calls it. */
const refOf = ({ seq, index }: Message): Ref => (index === undefined ? seq : [seq, index]);

/** The receiving half of a session: steps authorize and deliver, for one item after the other. */
export class Delivery implements InboxHost<Arrival>, StallHost {
  readonly #o: DeliveryHost;
  // Made when something needs them: most of them by the first message.
  #inbox: Inbox<Arrival> | undefined;
  #stall: Stall | undefined;
  #handlers: Handlers;
  #streams: Map<string | undefined, Set<MessageStream>> | undefined;
  #discards = false;

  constructor(host: DeliveryHost) {
    this.#o = host;
  }

  // --- what waits for the application --------------------------------------------------------------------------

  get limits(): Limits {
    return this.#o.limits;
  }
  get timers(): Timers {
    return this.#o.timers;
  }
  get elapsed(): number {
    return this.#o.elapsed;
  }
  get waiting(): boolean {
    return (this.#inbox?.waiting ?? 0) > 0 || this.#someStreamIsAt("full");
  }

  onRoom(): void {
    this.#o.pump();
  }

  onTaken(): void {
    this.#stall?.taken();
  }

  #watchStall(): void {
    this.#stall ??= new Stall(this);
    this.#stall.watch();
  }

  /** Otherwise a handler that never returns, or a stream that nobody reads, would bring all to a stop without a word. */
  tellStall(): void {
    const { hooks, limits } = this.#o;
    const { waiting = 0, oldest } = this.#inbox ?? {};
    const why =
      waiting > 0
        ? `${oldest?.item.topic}: ${waiting} messages wait for handlers, and none has begun for ${limits.requestSeconds} s`
        : `a queue of messages is full, and no stream was read for ${limits.requestSeconds} s`;
    hooks.onError?.(new SealwireError("E_HANDLER", { stage: "local", fatal: false, detail: why }));
  }

  /**
   * True while nothing more is read. Where what the application is at waits for the peer, what sets it free is yet to be
   * read: the receipts and replies that stand behind more messages.
   */
  get full(): boolean {
    const { sender, awaitsReply } = this.#o;
    return this.#isAt(sender.isWaiting || awaitsReply ? "end" : "full");
  }

  /**
   * True while the peer is not to send more, with `more` messages that come now: an honest one then has few enough on the
   * way to be read to the end.
   */
  isOverfull(more: number): boolean {
    return this.#isAt("over", more);
  }

  #isAt(level: Level, more = 1): boolean {
    const handlers = this.#inbox?.isAt(level, more) ?? isAt(level, this.#o.limits, more, 0);
    return handlers || this.#someStreamIsAt(level, more);
  }

  #someStreamIsAt(level: Level, more = 1): boolean {
    if (this.#streams === undefined) return false;
    for (const set of this.#streams.values()) for (const stream of set) if (stream.isAt(level, more)) return true;
    return false;
  }

  /** Resolves when no handler runs and no message waits for one. */
  async idle(): Promise<void> {
    await this.#inbox?.idle();
  }

  handle(topic: string, fn: AnyHandler): () => void {
    if (!isTopic(topic)) throw new TypeError(`not a topic: ${JSON.stringify(topic)}`);
    this.#o.hooks.topics?.assertDefined(topic);
    if (handlerOf(this.#handlers, topic) !== undefined)
      throw new TypeError(`topic ${topic} has a handler already: remove it first`);
    this.#handlers = withHandler(this.#handlers, topic, fn);
    return () => {
      if (handlerOf(this.#handlers, topic) === fn) this.#handlers = withoutHandler(this.#handlers, topic);
    };
  }

  /** Messages of one topic, or of all, that no handler takes. */
  stream(topic: string | undefined): MessageStream {
    const { limits, hooks, over } = this.#o;
    if (topic !== undefined) hooks.topics?.assertDefined(topic);
    const streams = this.#streams?.get(topic) ?? new Set();
    const stream = new MessageStream(
      limits,
      () => {
        this.#stall?.taken();
        this.#o.pump();
      },
      (done) => streams.delete(done),
    );
    if (over) stream.end(false);
    else {
      this.#streams ??= new Map();
      this.#streams.set(topic, streams.add(stream));
    }
    return stream;
  }

  /**
   * `size` is what it holds in memory, `from` the session it came in: a client can have another one by now. `once` is
   * true for what was not delivered before.
   */
  item(item: Item, message: Message, size: number, from: Origin, once?: Once): Maybe<void> {
    const session = from.facts.id;
    if (this.#o.failed || this.#discards) return;
    if (item.ref !== null) {
      if (session === this.#o.session) this.#o.requests.resolve(item.ref, item.topic, item.data);
      return;
    }
    const { undelivered } = from.ledger;
    undelivered.add(message.seq, message.index);
    const arrival: Arrival = {
      item,
      message,
      size,
      once,
      grants: 0,
      session,
      undelivered,
      handler: undefined,
      next: undefined,
    };
    return this.#decide(arrival, this.#check);
  }

  /** Step authorize, by the rights of this moment. Undefined for what they do not grant: it is refused. */
  #decide<T>(arrival: Arrival, next: Step<T>): Maybe<T | undefined> {
    const { grants } = this.#o;
    const { topic, data, request } = arrival.item;
    const kind = request ? "request" : "message";
    const ok = isGranted(this.#o.hooks, "in", kind, topic, data);
    // Without a closure where the answer is there.
    if (isPromise(ok)) return ok.then((later) => this.#decided(arrival, grants, later, next));
    return this.#decided(arrival, grants, ok, next);
  }

  #decided<T>(arrival: Arrival, grants: number, ok: boolean, next: Step<T>): Maybe<T | undefined> {
    if (!ok) return chain(this.#refuse(arrival, "E_DENIED"), () => undefined);
    arrival.grants = grants;
    return next.call(this, arrival);
  }

  #refuse(arrival: Arrival, code: ErrorCode): Maybe<void> {
    const { message, undelivered } = arrival;
    if (undelivered.isCeded(message.seq, message.index)) return;
    undelivered.done(message.seq, message.index);
    return this.#answer(arrival, code);
  }

  #answer({ message, session }: Arrival, code: ErrorCode): Maybe<void> {
    return session === this.#o.session ? this.#o.refuse(refOf(message), code) : undefined;
  }

  #check(arrival: Arrival): Maybe<void> {
    const { hooks } = this.#o;
    const { item, message } = arrival;
    const { topic, data, request } = item;
    if (hooks.topics === undefined) return this.#deliver(arrival);
    const checked = hooks.topics.incoming(request ? "request" : "message", topic, data, message.seq);
    return chain(checked, (result) => {
      if (result === undefined) return this.#deliver(arrival);
      if ("value" in result) {
        // It may be anything that a schema makes; whoever handles it has its type.
        const data = result.value as Data;
        return this.#deliver({ ...arrival, item: { ...item, data }, message: { ...message, data } });
      }
      hooks.onError?.(result);
      return request ? this.#refuse(arrival, result.code) : arrival.undelivered.done(message.seq, message.index);
    });
  }

  #deliver(arrival: Arrival): Maybe<void> {
    const { hooks, over, grants } = this.#o;
    const { item, message, size, undelivered } = arrival;
    if (this.#isOver(arrival)) return;
    // The client's rights changed while it was decided.
    if (grants !== arrival.grants) return this.#decide(arrival, this.#deliver);
    const handler = handlerOf(this.#handlers, item.topic) ?? hooks.handler?.(item.topic);
    if (handler !== undefined) {
      arrival.handler = handler;
      this.#inbox ??= new Inbox(this);
      this.#inbox.push(arrival);
      this.#watchStall();
      return;
    }
    if (item.request) return this.#refuse(arrival, "E_NO_HANDLER");
    const streams = [item.topic, undefined].flatMap((key) => [...(this.#streams?.get(key) ?? [])]);
    // Where nobody reads any more it stays undelivered.
    if (streams.length === 0) return over ? undefined : undelivered.done(message.seq, message.index);
    // Whoever reads it first asks for all of them.
    let admitted: Maybe<boolean> | undefined;
    const admit = () => {
      admitted ??= this.admit(arrival);
      return admitted;
    };
    for (const stream of streams) stream.push({ message, size, admit });
    this.#watchStall();
  }

  /** The last question before the application has it. What may come in several sessions counts as seen from here on. */
  admit(arrival: Arrival): Maybe<boolean> {
    if (this.#isOver(arrival)) return false;
    // The usual one: nothing has changed, and it comes in no other session.
    if (arrival.grants === this.#o.grants && arrival.once === undefined) return this.#begin(arrival);
    return chain(this.#stillGranted(arrival), (still): Maybe<boolean> => {
      if (still === undefined || this.#isOver(arrival)) return false;
      return chain(this.#isFirst(still), (first): Maybe<boolean> => {
        return first && chain(this.#stillGranted(still), (granted) => granted !== undefined && this.#begin(granted));
      });
    });
  }

  /** This side found a reason to end the session while it waited for its turn, or another node delivers it. */
  #isOver({ message, undelivered }: Arrival): boolean {
    return this.#o.failed || this.#discards || undelivered.isCeded(message.seq, message.index);
  }

  /** False where another node delivers it. */
  #begin({ message, undelivered }: Arrival): boolean {
    if (undelivered.isCeded(message.seq, message.index)) return false;
    undelivered.begin(message.seq);
    undelivered.done(message.seq, message.index);
    return true;
  }

  /** Decided again if the rights changed meanwhile. */
  #stillGranted(arrival: Arrival): Maybe<Arrival | undefined> {
    if (arrival.grants === this.#o.grants) return arrival;
    return this.#decide(arrival, this.#stillGranted);
  }

  /** False for a message that another session has delivered already, or that the store cannot take, which is refused. */
  #isFirst(arrival: Arrival): Maybe<boolean> {
    const { once, message, undelivered } = arrival;
    if (once === undefined) return true;
    // Another node would find that it was delivered.
    undelivered.begin(message.seq);
    const refused = (cause: unknown): "refused" => {
      this.#o.hooks.onError?.(new SealwireError("E_REPLAY_STORE", { cause }));
      return "refused";
    };
    return chain(attempt(once, refused), (first): Maybe<boolean> => {
      if (first === false) undelivered.done(message.seq, message.index);
      if (first !== "refused") return first;
      return chain(this.#refuse(arrival, "E_REPLAY_STORE"), () => false);
    });
  }

  run(arrival: Arrival): Maybe<void> {
    const { item, message, handler } = arrival;
    try {
      const handled = (handler as AnyHandler)(item.data, new Context(message, this.#o));
      if (isPromise(handled)) return this.#handled(arrival, handled);
      return item.request ? this.#answered(arrival, handled) : undefined;
    } catch (cause) {
      this.#handlingFailed(arrival, cause);
    }
  }

  async #handled(arrival: Arrival, reply: Promise<unknown>): Promise<void> {
    try {
      const data = await reply;
      if (arrival.item.request) await this.#answered(arrival, data);
    } catch (cause) {
      this.#handlingFailed(arrival, cause);
    }
  }

  /**
   * Not awaited while little waits: it may have to wait for receipts of the peer, and keeps no other message from its
   * handler meanwhile. Where much waits its handler is still at work, as if it sent, or a peer that asks for much and
   * acknowledges nothing would fill the memory.
   */
  #answered(arrival: Arrival, reply: unknown): Maybe<void> {
    if (this.#o.over) return;
    const replied = this.#reply(arrival, (reply ?? null) as Data);
    return this.#o.sender.isBacked ? replied : undefined;
  }

  async #reply(arrival: Arrival, data: Data): Promise<void> {
    const { sender } = this.#o;
    const { item, message, session } = arrival;
    try {
      const reply = sender.outgoing(item.topic, data, undefined, { ref: refOf(message) });
      await sender.transmit(reply, "message", { session });
    } catch (cause) {
      this.#handlingFailed(arrival, cause);
    }
  }

  #handlingFailed(arrival: Arrival, cause: unknown): void {
    const { hooks } = this.#o;
    const { item } = arrival;
    const known = cause instanceof SealwireError;
    // The session ended while the handler was at work: there is nobody to reply to.
    if (known && cause.code === "E_CLOSED") return;
    hooks.onError?.(known ? cause : new SealwireError("E_HANDLER", { detail: item.topic, cause }));
    if (item.request) void this.#answer(arrival, known && cause.code === "E_INVALID" ? "E_INVALID" : "E_HANDLER");
  }

  /** `discard`: what is being decided or waits for a handler is not delivered any more. */
  end(discard: boolean): void {
    this.#discards = discard;
    if (discard) this.#inbox?.clear();
    for (const set of this.#streams?.values() ?? []) for (const stream of set) stream.end(discard);
    this.#streams = undefined;
    if (discard) this.#handlers = undefined;
  }
}
