import type { Verifier } from "@sealwire/core/internal";

/** An imported key has about 2 KiB. */
const MOST = 500;

/**
 * Keys of clients that have proven a token here lately, imported: a client that comes again, or has several tabs, has the
 * same, and the import of a P-256 key costs as much as a verification. By thumbprint, which is the key; never of anybody whose
 * token or proof was not accepted.
 */
export class ProofKeys {
  /** The one that was used last is the last. */
  readonly #keys = new Map<string, Verifier>();

  get size(): number {
    return this.#keys.size;
  }

  find(thumbprint: string): Verifier | undefined {
    return this.#keys.get(thumbprint);
  }

  keep(thumbprint: string, key: Verifier): void {
    this.#keys.delete(thumbprint);
    this.#keys.set(thumbprint, key);
    if (this.#keys.size <= MOST) return;
    const [oldest] = this.#keys.keys();
    this.#keys.delete(oldest as string);
  }
}
