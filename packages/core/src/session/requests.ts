import type { Ref } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import { attempt } from "../maybe.ts";
import type { Data } from "../wire/json.ts";
import type { Outgoing } from "./messages.ts";
import type { Sender } from "./sender.ts";
import type { Timers } from "./timers.ts";

interface Pending {
  readonly topic: string;
  readonly resolve: (data: Data) => void;
  readonly reject: (error: unknown) => void;
}

export interface RequestsOptions {
  readonly sender: Sender;
  readonly timers: Timers;
}

/** Requests that wait for their reply, by the seq of the request. */
export class PendingRequests {
  readonly #o: RequestsOptions;
  readonly #pending = new Map<number, Pending>();

  constructor(options: RequestsOptions) {
    this.#o = options;
  }

  /** True while a reply is awaited. */
  get isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  /**
   * Sends, and resolves with the reply. `timeout` milliseconds from now it is over, and so it is when `signal` says so: what
   * has no number by then is not sent.
   */
  async ask(message: Outgoing, timeout: number, signal: AbortSignal | undefined): Promise<Data> {
    const { sender, timers } = this.#o;
    const { topic } = message;
    const over = new AbortController();
    let seq: number | undefined;
    const late = () => {
      const ref = seq === undefined ? {} : { ref: seq };
      over.abort(new SealwireError("E_TIMEOUT", { ...ref, detail: topic }));
    };
    const abort = () => over.abort(signal?.reason);
    const stop = timers.after(timeout, late);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise<Data>((resolve, reject) => {
        over.signal.addEventListener("abort", () => reject(over.signal.reason), { once: true });
        const onSeq = (number: number) => {
          seq = number;
          this.#pending.set(number, { topic, resolve, reject });
        };
        void attempt<unknown, unknown>(
          () => sender.transmit(message, "request", { onSeq, signal: over.signal }),
          reject,
        );
      });
    } finally {
      stop();
      signal?.removeEventListener("abort", abort);
      if (seq !== undefined) this.#pending.delete(seq);
    }
  }

  /** A reply to nothing, or with another topic than its request, is dropped. */
  resolve(ref: Ref, topic: string, data: Data): void {
    if (typeof ref !== "number" || this.#pending.get(ref)?.topic !== topic) return;
    this.#settle(ref)?.resolve(data);
  }

  /** Answers with the topic of the request; undefined if none waits under this number. */
  reject(ref: Ref, error: SealwireError): string | undefined {
    const pending = typeof ref === "number" ? this.#settle(ref) : undefined;
    pending?.reject(error);
    return pending?.topic;
  }

  /** Nobody answers any more what was sent. */
  fail(error: SealwireError): void {
    for (const seq of [...this.#pending.keys()]) this.#settle(seq)?.reject(error);
  }

  #settle(seq: number): Pending | undefined {
    const pending = this.#pending.get(seq);
    this.#pending.delete(seq);
    return pending;
  }
}
