import { SealwireError } from "../errors.ts";
import type { SessionHooks } from "./hooks.ts";

/** Functions that the application wants called. What one throws is reported and reaches nobody else. */
export class Listeners<T> {
  readonly #name: string;
  readonly #hooks: Pick<SessionHooks, "onError">;
  #all: Set<(value: T) => void> | undefined;

  constructor(name: string, hooks: Pick<SessionHooks, "onError">) {
    this.#name = name;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#all?.size ?? 0;
  }

  add(fn: (value: T) => void): () => void {
    this.#all ??= new Set();
    this.#all.add(fn);
    return () => this.#all?.delete(fn);
  }

  tell(value: T): void {
    for (const fn of this.#all ?? []) {
      try {
        fn(value);
      } catch (cause) {
        this.#hooks.onError?.(new SealwireError("E_HANDLER", { detail: `listener of ${this.#name}`, cause }));
      }
    }
  }

  clear(): void {
    this.#all = undefined;
  }
}
