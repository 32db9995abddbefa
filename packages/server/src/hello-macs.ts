import { type CryptoBackend, type HelloCheck, helloKeys, type MacKey } from "@sealwire/core/internal";
import type { Resumable } from "./resumable.ts";

/** Of so many chains the key is known, the newest. */
const KNOWN = 1000;

/**
 * What the hellos of sessions in the store are signed with, of those that were read once: a forged hello is refused before
 * a whole session is read and parsed for it again. K is made from the chain, so that what was learnt stays right.
 */
export class HelloMacs {
  readonly #backend: CryptoBackend;
  readonly #known = new Map<string, MacKey>();
  readonly #reading = new Map<string, Promise<void>>();

  constructor(backend: CryptoBackend) {
    this.#backend = backend;
  }

  async find(
    kid: string,
    check: HelloCheck,
    read: () => Promise<Resumable | undefined>,
  ): Promise<Resumable | undefined> {
    // Whoever comes meanwhile learns from the first that asks.
    await this.#reading.get(kid);
    const known = this.#known.get(kid);
    if (known === undefined) return await this.#learn(kid, read);
    await check(known);
    return await read();
  }

  async #learn(kid: string, read: () => Promise<Resumable | undefined>): Promise<Resumable | undefined> {
    let done = () => {};
    const reading = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#reading.set(kid, reading);
    try {
      const found = await read();
      if (found !== undefined) this.#keep(kid, (await helloKeys(this.#backend, found.chain)).c);
      return found;
    } finally {
      if (this.#reading.get(kid) === reading) this.#reading.delete(kid);
      done();
    }
  }

  #keep(kid: string, key: MacKey): void {
    this.#known.set(kid, key);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN) this.#known.delete(oldest as string);
  }

  /** The session has gone on, here, with other chains. */
  forget(kid: string): void {
    this.#known.delete(kid);
  }
}
