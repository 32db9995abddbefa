import { isTopic, type Ref } from "../envelope/claims.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import { chain, type Maybe } from "../maybe.ts";
import type { ErrorCode, Limits } from "../registry.generated.ts";
import { assertData } from "../wire/data.ts";
import type { Data } from "../wire/json.ts";
import type { Connection } from "./connection.ts";
import type { Established } from "./established.ts";
import { isGranted, type SessionHooks, traceTo } from "./hooks.ts";
import type { Outgoing, Prepared } from "./machine.ts";
import { Outbox } from "./outbox.ts";
import type { Denied } from "./types.ts";

export interface TransmitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told the number before the message can be answered. */
  readonly onSeq?: (seq: number) => void;
}

/** Topics of one-way messages that `onDenied` can still name. */
const REMEMBERED = 1024;

/** The sending half of a session: checks, authorizes, numbers and seals, in the order of the calls. */
export class Sender {
  readonly #e: Established;
  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #hooks: SessionHooks;
  readonly #ended: AbortSignal;
  readonly #outbox: Outbox;
  readonly #deniedListeners = new Set<(denied: Denied) => void>();
  readonly #recent = new Map<number, string>();
  #sends: Promise<void> | undefined;

  /** `ended` is aborted when the session ends. */
  constructor(e: Established, connection: Connection, limits: Limits, hooks: SessionHooks, ended: AbortSignal) {
    this.#e = e;
    this.#connection = connection;
    this.#limits = limits;
    this.#hooks = hooks;
    this.#ended = ended;
    this.#outbox = new Outbox(connection, limits.sendBufferBytes, ({ control, seq, claims }) =>
      traceTo(hooks, { direction: "out", kind: control ? "control" : "application", seq, claims }),
    );
  }

  /** @throws TypeError for what can never be sent */
  outgoing(topic: string, data: Data, ttl: number | undefined): Outgoing {
    if (!isTopic(topic)) {
      throw new TypeError(`not a topic (letters, digits and ._:/- up to 128): ${JSON.stringify(topic)}`);
    }
    assertData(data, this.#e.codec);
    const seconds = ttl ?? this.#limits.messageTtl;
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > this.#limits.messageTtlMax) {
      throw new TypeError(`ttl is a number of seconds from 1 to ${this.#limits.messageTtlMax}`);
    }
    return { topic, data, ttl: seconds };
  }

  /** Authorizes, numbers, seals. Messages keep the order of the calls also where authorization takes its time. */
  transmit(message: Outgoing, kind: "message" | "request", options: TransmitOptions = {}): Maybe<number> {
    const { topic, data } = message;
    const reply = message.ref !== undefined;
    const checked = this.#hooks.topics?.outgoing(reply ? "reply" : kind, topic, data);
    // The caller goes on meanwhile: what was checked is what is sent.
    const due = checked instanceof Promise ? copyOf(message) : message;
    // A reply is authorized by its request.
    const grant = () => reply || isGranted(this.#hooks, { topic, direction: "out", kind, data: due.data });
    const granted = chain(checked, grant);
    if (this.#sends === undefined && !(granted instanceof Promise)) return this.#push(message, kind, granted, options);
    // A rejection is looked at when its turn comes.
    if (granted instanceof Promise) granted.catch(() => {});
    const kept = due === message ? copyOf(message) : due;
    const result = (this.#sends ?? Promise.resolve())
      .then(() => unlessAborted(this.#ended, granted))
      .then((ok) => this.#push(kept, kind, ok, options));
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

  #push(message: Outgoing, kind: "message" | "request", granted: boolean, options: TransmitOptions): number {
    options.signal?.throwIfAborted();
    if (!granted) throw new SealwireError("E_DENIED", { detail: `sending ${message.topic}` });
    if (this.#ended.aborted) throw new SealwireError("E_CLOSED");
    const prepared = this.#prepare(message);
    options.onSeq?.(prepared.seq);
    if (kind === "message" && this.#deniedListeners.size > 0) this.#remember(prepared.seq, message.topic);
    void this.#outbox.push(prepared);
    return prepared.seq;
  }

  #prepare(message: Outgoing): Prepared {
    try {
      return this.#e.machine.prepare(message, this.#connection.time);
    } catch (error) {
      if (error instanceof SealwireError && error.code === "E_KEY_LIMIT") this.#connection.fail(error);
      throw error;
    }
  }

  control(message: Control): Maybe<void> {
    if (this.#ended.aborted || this.#e.machine.byeSent) return;
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

  /** Tells the peer that one message was not taken. Nothing is ever refused in answer to control. */
  refuse(ref: Ref, code: ErrorCode): Maybe<void> {
    return this.control({ top: "err", code, ref });
  }

  drained(): Promise<void> {
    return this.#outbox.drained(this.#hooks.highWaterMark ?? this.#limits.highWaterMark);
  }

  onDenied(fn: (denied: Denied) => void): () => void {
    this.#deniedListeners.add(fn);
    return () => this.#deniedListeners.delete(fn);
  }

  #remember(seq: number, topic: string): void {
    this.#recent.set(seq, topic);
    if (this.#recent.size > REMEMBERED) this.#recent.delete(this.#recent.keys().next().value as number);
  }

  /** The peer refused the one-way message `seq`. */
  denied(seq: number, code: ErrorCode): void {
    for (const fn of this.#deniedListeners) {
      try {
        fn({ topic: this.#recent.get(seq) ?? "", seq, code });
      } catch (cause) {
        this.#hooks.onError?.(new SealwireError("E_HANDLER", { detail: "listener of onDenied", cause }));
      }
    }
  }

  end(): void {
    this.#deniedListeners.clear();
    this.#recent.clear();
  }
}

const copyOf = (message: Outgoing): Outgoing => ({ ...message, data: structuredClone(message.data) });

/** `value`, or a rejection with the signal's reason if that comes first: a policy that never answers holds nothing up. */
function unlessAborted<T>(signal: AbortSignal, value: Maybe<T>): Maybe<T> {
  if (!(value instanceof Promise)) return value;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    value.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
