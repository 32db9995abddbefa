import { SealwireError } from "../errors.ts";

/** Functions that the application wants called. What one throws is reported and reaches nobody else. */
export class Listeners<T> {
  readonly #name: string;
  readonly #report: ((error: SealwireError) => void) | undefined;
  readonly #all = new Set<(value: T) => void>();

  constructor(name: string, report: ((error: SealwireError) => void) | undefined) {
    this.#name = name;
    this.#report = report;
  }

  get size(): number {
    return this.#all.size;
  }

  add(fn: (value: T) => void): () => void {
    this.#all.add(fn);
    return () => this.#all.delete(fn);
  }

  tell(value: T): void {
    for (const fn of this.#all) {
      try {
        fn(value);
      } catch (cause) {
        this.#report?.(new SealwireError("E_HANDLER", { detail: `listener of ${this.#name}`, cause }));
      }
    }
  }

  clear(): void {
    this.#all.clear();
  }
}
