import type { Ref } from "../envelope/claims.ts";
import type { ErrorCode } from "../registry.generated.ts";
import type { Place } from "./gathering.ts";
import type { SessionHooks } from "./hooks.ts";
import { Listeners } from "./listeners.ts";
import type { Denied } from "./types.ts";

/** Topics of one-way messages that a refusal can still name. */
const REMEMBERED = 1024;

/** Refusals of one-way messages, and what they are about. */
export class Refusals {
  readonly #hooks: Pick<SessionHooks, "onError">;
  #listeners: Listeners<Denied> | undefined;
  /** By number; in a batch several. */
  #recent: Map<number, { readonly place: Place; readonly topic: string }[]> | undefined;
  /** How many messages those are. */
  #count = 0;

  constructor(hooks: Pick<SessionHooks, "onError">) {
    this.#hooks = hooks;
  }

  onDenied(fn: (denied: Denied) => void): () => void {
    this.#listeners ??= new Listeners("onDenied", this.#hooks);
    return this.#listeners.add(fn);
  }

  remember(place: Place, topic: string): void {
    if (this.#listeners === undefined || this.#listeners.size === 0) return;
    this.#recent ??= new Map();
    const others = this.#recent.get(place.seq);
    if (others !== undefined) others.push({ place, topic });
    else this.#recent.set(place.seq, [{ place, topic }]);
    this.#count++;
    for (const [seq, messages] of this.#recent) {
      if (this.#count <= REMEMBERED) break;
      this.#recent.delete(seq);
      this.#count -= messages.length;
    }
  }

  /** True if a one-way message was sent under this number. */
  knows(ref: Ref): boolean {
    return typeof ref === "number" && this.#recent?.has(ref) === true;
  }

  /** The peer refused a one-way message; by its number alone all those of a batch. */
  tell(ref: Ref, code: ErrorCode): void {
    const [seq, index] = typeof ref === "number" ? [ref] : ref;
    const all = this.#recent?.get(seq) ?? [];
    const refused = index === undefined ? all : all.filter(({ place }) => place.index === index);
    const at = index === undefined ? {} : { index };
    if (refused.length === 0) this.#listeners?.tell({ topic: "", seq, ...at, code });
    for (const { place, topic } of refused)
      this.#listeners?.tell({ topic, seq, ...(place.index === undefined ? {} : { index: place.index }), code });
  }

  /** Another session counts from 1 again. */
  forget(): void {
    this.#recent = undefined;
    this.#count = 0;
  }

  clear(): void {
    this.#listeners?.clear();
    this.forget();
  }
}
