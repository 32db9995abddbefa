import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** Keys published at most, the signing one among them. A Sealwire server reads 64. */
export const MOST_KEYS = 16;

/** The signing key, and those that still have to be published because tokens they signed are in use. */
export class KeyRing {
  readonly #make: () => Promise<SigningKey>;
  readonly #overlapSeconds: number;
  readonly #now: () => number;
  #current: SigningKey;
  #retired: { readonly key: SigningKey; readonly until: number }[] = [];

  private constructor(make: () => Promise<SigningKey>, first: SigningKey, overlapSeconds: number, now: () => number) {
    this.#make = make;
    this.#current = first;
    this.#overlapSeconds = overlapSeconds;
    this.#now = now;
  }

  static async create(algorithm: string, overlapSeconds: number, now: () => number): Promise<KeyRing> {
    const make = () => makeKey(algorithm);
    return new KeyRing(make, await make(), overlapSeconds, now);
  }

  get current(): SigningKey {
    return this.#current;
  }

  /** The signing key first. */
  get published(): readonly SigningKey[] {
    const now = this.#now();
    this.#retired = this.#retired.filter(({ until }) => until > now);
    return [this.#current, ...this.#retired.map(({ key }) => key)];
  }

  /** @throws Error when too many keys are still published */
  async rotate(): Promise<void> {
    const next = await this.#make();
    if (this.published.length >= MOST_KEYS) throw new Error(`${MOST_KEYS} keys are published: none can retire yet`);
    this.#retired.unshift({ key: this.#current, until: this.#now() + this.#overlapSeconds * 1000 });
    this.#current = next;
  }
}

async function makeKey(alg: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, privateKey, publicJwk: { ...jwk, kid, alg, use: "sig" } };
}
