import type { Ref } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import type { Data } from "../wire/json.ts";

interface Pending {
  readonly topic: string;
  readonly resolve: (data: Data) => void;
  readonly reject: (error: unknown) => void;
  readonly cancel: () => void;
}

/** Requests that wait for their reply, by the seq of the request. */
export class PendingRequests {
  readonly #pending = new Map<number, Pending>();
  readonly #timer: (fn: () => void, ms: number) => () => void;

  constructor(timer: (fn: () => void, ms: number) => () => void) {
    this.#timer = timer;
  }

  /** True while a reply is awaited. */
  get isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  /** Resolves with the reply to `seq`. */
  expect(seq: number, topic: string, timeout: number, signal: AbortSignal | undefined): Promise<Data> {
    let resolve!: (data: Data) => void;
    let reject!: (error: unknown) => void;
    const reply = new Promise<Data>((res, rej) => {
      [resolve, reject] = [res, rej];
    });
    // The rejection is seen by whoever awaits `reply`; until then it must not count as unhandled.
    reply.catch(() => {});
    const abort = () => this.#settle(seq)?.reject(signal?.reason);
    const stop = this.#timer(() => {
      this.#settle(seq)?.reject(new SealwireError("E_TIMEOUT", { ref: seq, detail: topic }));
    }, timeout);
    signal?.addEventListener("abort", abort, { once: true });
    const cancel = () => {
      stop();
      signal?.removeEventListener("abort", abort);
    };
    this.#pending.set(seq, { topic, resolve, reject, cancel });
    return reply;
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

  fail(error: SealwireError): void {
    for (const seq of [...this.#pending.keys()]) this.#settle(seq)?.reject(error);
  }

  #settle(seq: number): Pending | undefined {
    const pending = this.#pending.get(seq);
    if (pending === undefined) return undefined;
    this.#pending.delete(seq);
    pending.cancel();
    return pending;
  }
}
