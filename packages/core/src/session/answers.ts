import type { Control } from "../envelope/control.ts";

interface Answer {
  readonly message: Control;
  readonly onSeq: ((seq: number) => void) | undefined;
  seq: number | undefined;
}

/**
 * Control messages that somebody waits for: refusals, tokens and what became of them. A number that is lost with its
 * connection is filled with `void`, so that on the next connection they are said anew.
 */
export class Answers {
  readonly #limit: number;
  #kept: Answer[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `say` numbers it, or does nothing without a connection. */
  add(message: Control, onSeq?: (seq: number) => void): (seq: number) => void {
    const answer: Answer = { message, onSeq, seq: undefined };
    this.#kept.push(answer);
    if (this.#kept.length > this.#limit) this.#kept.shift();
    return (seq) => {
      answer.seq = seq;
      onSeq?.(seq);
    };
  }

  /** The peer has committed everything up to `rcv`. */
  acknowledge(rcv: number): void {
    this.#kept = this.#kept.filter(({ seq }) => seq === undefined || seq > rcv);
  }

  /** All that has to be said anew. */
  take(): readonly { readonly message: Control; readonly onSeq: ((seq: number) => void) | undefined }[] {
    const all = this.#kept;
    this.#kept = [];
    return all;
  }
}
