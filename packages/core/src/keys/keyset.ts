import type { CryptoBackend, Verifier } from "../crypto/backend.ts";
import { checkPublicJwk, faultOfAlg, own } from "../crypto/jwk.ts";
import { SealwireError } from "../errors.ts";
import { all, attempt, chain, type Maybe } from "../maybe.ts";
import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { thumbprint } from "./thumbprint.ts";

/** A JWK Set (RFC 7517 section 5) of Sealwire's public signing keys. Each needs its `alg`; a `kid` is ignored. */
export interface Jwks {
  readonly keys: readonly object[];
}

export interface KeySetOptions {
  /** A bad key in a configured set is a mistake of the caller, in a fetched one it is dropped. */
  readonly source: "configured" | "fetched";
  /** Called for each key that is dropped. The text holds no key material. */
  readonly onDropped?: (reason: string) => void;
}

/** Public signing keys by their thumbprints. Names would be the sender's choice; a thumbprint is the key. */
export class KeySet {
  readonly #verifiers: ReadonlyMap<string, Verifier>;

  constructor(verifiers: ReadonlyMap<string, Verifier>) {
    this.#verifiers = verifiers;
  }

  get size(): number {
    return this.#verifiers.size;
  }

  find(thumbprint: string): Verifier | undefined {
    return this.#verifiers.get(thumbprint);
  }

  entries(): Iterable<readonly [thumbprint: string, verifier: Verifier]> {
    return this.#verifiers.entries();
  }
}

type Entry = { readonly thumbprint: string; readonly verifier: Verifier } | { readonly fault: string };

/** @throws TypeError for a mistake in a configured set; SealwireError `E_KEY` if what was fetched is no JWK Set */
export function createKeySet(backend: CryptoBackend, jwks: Jwks, options: KeySetOptions): Maybe<KeySet> {
  const configured = options.source === "configured";
  const refuse = (reason: string): void => {
    if (configured) throw new TypeError(`Key set: ${reason}.`);
    options.onDropped?.(reason);
  };
  const keys = own(jwks, "keys");
  if (!Array.isArray(keys)) {
    if (configured) throw new TypeError('A key set is an object {"keys": [...]} (RFC 7517 section 5).');
    throw new SealwireError("E_KEY", { detail: "what was fetched is not a JWK Set" });
  }
  if (configured && keys.length === 0) refuse("it holds no key");

  // Before any work: a fetched document decides how many keys it holds.
  const limit = configured ? keys.length : DEFAULT_LIMITS.jwksKeys;
  if (keys.length > limit) refuse(`${keys.length - limit} keys beyond the limit jwksKeys of ${limit}`);

  const entries: Maybe<readonly Entry[]> = all(keys.slice(0, limit).map((key) => readKey(backend, key)));
  return chain(entries, (read) => {
    const verifiers = new Map<string, Verifier>();
    for (const [i, entry] of read.entries()) {
      if ("fault" in entry) refuse(`keys[${i}]: ${entry.fault}`);
      else if (verifiers.has(entry.thumbprint)) refuse(`keys[${i}]: the same key stands before`);
      else verifiers.set(entry.thumbprint, entry.verifier);
    }
    return new KeySet(verifiers);
  });
}

function readKey(backend: CryptoBackend, value: unknown): Maybe<Entry> {
  if (own(value, "d") !== undefined) {
    return { fault: "it is a private key (member d): replace it, and put only its public members here" };
  }
  const checked = checkPublicJwk(value, "sign");
  if (!checked.ok) return { fault: checked.detail };
  const fault = faultOfAlg(checked.jwk, own(value, "alg"));
  if (fault !== undefined) return { fault };
  return chain(thumbprint(backend, checked.jwk), (id) =>
    attempt(
      () => chain(backend.importVerifier(checked.jwk), (verifier): Entry => ({ thumbprint: id, verifier })),
      (): Entry => ({ fault: `this runtime cannot import a key on ${checked.jwk.crv}` }),
    ),
  );
}
