import type { SealwireError } from "../errors.ts";
import type { ErrorCode } from "../registry.generated.ts";
import { Listeners } from "./listeners.ts";
import type { Denied } from "./types.ts";

/** Topics of one-way messages that a refusal can still name. */
const REMEMBERED = 1024;

/** Refusals of one-way messages, and what they are about. */
export class Refusals {
  readonly listeners: Listeners<Denied>;
  readonly #recent = new Map<number, string>();

  constructor(report: ((error: SealwireError) => void) | undefined) {
    this.listeners = new Listeners("onDenied", report);
  }

  remember(seq: number, topic: string): void {
    if (this.listeners.size === 0) return;
    this.#recent.set(seq, topic);
    if (this.#recent.size > REMEMBERED) this.#recent.delete(this.#recent.keys().next().value as number);
  }

  /** The peer refused the one-way message `seq`. */
  tell(seq: number, code: ErrorCode): void {
    this.listeners.tell({ topic: this.#recent.get(seq) ?? "", seq, code });
  }

  clear(): void {
    this.listeners.clear();
    this.#recent.clear();
  }
}
