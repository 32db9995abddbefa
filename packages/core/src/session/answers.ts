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
  /** Undefined where none is kept. */
  #kept: Said[] | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Answers with what is told its number. */
  add({ ref, code }: Refusal): (seq: number) => void {
    const said: Said = { ref, code, seq: undefined };
    this.#kept ??= [];
    this.#kept.push(said);
    if (this.#kept.length > this.#limit) this.#kept.shift();
    return (seq) => {
      said.seq = seq;
    };
  }

  /** The peer has committed everything up to `rcv`. */
  acknowledge(rcv: number): void {
    const left = this.#kept?.filter(({ seq }) => seq === undefined || seq > rcv);
    this.#kept = left?.length === 0 ? undefined : left;
  }

  all(): readonly Readonly<Said>[] {
    return this.#kept ?? [];
  }

  /** Those of a session that was kept elsewhere. */
  restore(said: readonly Readonly<Said>[]): void {
    this.#kept = said.length === 0 ? undefined : said.map((one) => ({ ...one }));
  }

  /** All that has to be said anew. */
  take(): readonly Refusal[] {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    return kept;
  }
}
