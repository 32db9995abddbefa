import type { Ref } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import { attempt } from "../maybe.ts";
import type { Data } from "../wire/json.ts";
import type { Place } from "./gathering.ts";
import type { Outgoing } from "./messages.ts";
import type { Sender } from "./sender.ts";
import type { Timers } from "./timers.ts";

interface Pending {
  readonly topic: string;
  /** Where it stands, for good once it can be answered. */
  readonly place: Place;
  readonly resolve: (data: Data) => void;
  readonly reject: (error: unknown) => void;
}

export interface RequestsHost {
  readonly sender: Sender;
  readonly timers: Timers;
}

/** Requests that wait for their reply. */
export class PendingRequests {
  readonly #o: RequestsHost;
  /** By number; in a batch several. */
  #pending: Map<number, Pending[]> | undefined;

  constructor(host: RequestsHost) {
    this.#o = host;
  }

  /** True while a reply is awaited. */
  get isWaiting(): boolean {
    return (this.#pending?.size ?? 0) > 0;
  }

  /**
   * Sends, and resolves with the reply. `timeout` milliseconds from now it is over, and so it is when `signal` says so: what
   * has no number by then is not sent.
   */
  async ask(message: Outgoing, timeout: number, signal: AbortSignal | undefined): Promise<Data> {
    const { sender, timers } = this.#o;
    const { topic } = message;
    const over = new AbortController();
    let sent: Pending | undefined;
    const late = () => {
      const ref = sent === undefined ? {} : { ref: sent.place.seq };
      over.abort(new SealwireError("E_TIMEOUT", { ...ref, detail: topic }));
    };
    const abort = () => over.abort(signal?.reason);
    const timer = timers.after(timeout, late);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise<Data>((resolve, reject) => {
        over.signal.addEventListener("abort", () => reject(over.signal.reason), { once: true });
        const onPlace = (place: Place) => {
          sent = { topic, place, resolve, reject };
          this.#add(sent);
        };
        void attempt<unknown, unknown>(
          () => sender.transmit(message, "request", { onPlace, signal: over.signal }),
          reject,
        );
      });
    } finally {
      timer.cancel();
      signal?.removeEventListener("abort", abort);
      if (sent !== undefined) this.#remove(sent);
    }
  }

  #add(pending: Pending): void {
    const { seq } = pending.place;
    this.#pending ??= new Map();
    const others = this.#pending.get(seq);
    if (others === undefined) this.#pending.set(seq, [pending]);
    else others.push(pending);
  }

  #remove({ place }: Pending): void {
    const rest = this.#pending?.get(place.seq)?.filter((other) => other.place !== place) ?? [];
    if (rest.length === 0) this.#pending?.delete(place.seq);
    else this.#pending?.set(place.seq, rest);
  }

  /** A reply to nothing, or with another topic than its request, is dropped. */
  resolve(ref: Ref, topic: string, data: Data): void {
    const pending = this.#find(ref);
    if (pending?.topic !== topic) return;
    this.#remove(pending);
    pending.resolve(data);
  }

  /** True if one waited under this name. A batch that was refused as a whole is named by its number: all that wait in it fail. */
  reject(ref: Ref, error: SealwireError): boolean {
    const one = this.#find(ref);
    const all = one === undefined && typeof ref === "number" ? this.#pending?.get(ref) : undefined;
    const refused = one === undefined ? [...(all ?? [])] : [one];
    for (const pending of refused) {
      this.#remove(pending);
      pending.reject(error);
    }
    return refused.length > 0;
  }

  #find(ref: Ref): Pending | undefined {
    const [seq, at] = typeof ref === "number" ? [ref, undefined] : ref;
    return this.#pending?.get(seq)?.find(({ place }) => place.index === at);
  }

  /** Nobody answers any more what was sent. */
  fail(error: SealwireError): void {
    const all = [...(this.#pending?.values() ?? [])].flat();
    this.#pending?.clear();
    for (const { reject } of all) reject(error);
  }
}
