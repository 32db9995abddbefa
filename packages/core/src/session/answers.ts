import type { Ref } from "../envelope/claims.ts";
import type { ErrorCode } from "../registry.generated.ts";

/** What `err` says. */
export interface Refusal {
  readonly ref: Ref;
  readonly code: ErrorCode;
}

export interface Said extends Refusal {
  /** Undefined until it has a number. */
  seq: number | undefined;
}

/**
 * Refusals that the peer has not committed. A number that is lost with its connection is filled with `void`, so that they
 * are said anew on the next one (specs/lifecycle.md, section 7): somebody waits for them.
 */
export class Refusals {
  readonly #limit: number;
  #kept: Said[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Answers with what is told its number. */
  add({ ref, code }: Refusal): (seq: number) => void {
    const said: Said = { ref, code, seq: undefined };
    this.#kept.push(said);
    if (this.#kept.length > this.#limit) this.#kept.shift();
    return (seq) => {
      said.seq = seq;
    };
  }

  /** The peer has committed everything up to `rcv`. */
  acknowledge(rcv: number): void {
    if (this.#kept.length > 0) this.#kept = this.#kept.filter(({ seq }) => seq === undefined || seq > rcv);
  }

  all(): readonly Readonly<Said>[] {
    return this.#kept;
  }

  /** Those of a session that was kept elsewhere. */
  restore(said: readonly Readonly<Said>[]): void {
    this.#kept = said.map((one) => ({ ...one }));
  }

  /** All that has to be said anew. */
  take(): readonly Refusal[] {
    return this.#kept.splice(0);
  }
}
