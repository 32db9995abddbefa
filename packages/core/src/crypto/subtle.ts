import type { PublicJwk } from "./backend.ts";
import { publicJwkOf } from "./jwk.ts";
import type { CryptoKey, CryptoKeyPair } from "./keypair.ts";

/** Looked up at each use: importing this module must not fail where the page never uses Sealwire. */
export function subtle(): SubtleCrypto {
  const found = globalThis.crypto?.subtle;
  if (!found)
    throw new TypeError("WebCrypto is missing: it exists only in a secure context. A page needs https or localhost.");
  return found;
}

const GENERATE_ATTEMPTS = 4;

/** WebKit's generateKey fails with an OperationError in 0.4 % (X25519) to 0.8 % (Ed25519) of calls: another try succeeds. */
export async function generateKeyPair(
  algorithm: EcKeyGenParams | { name: "X25519" | "Ed25519" },
  extractable: boolean,
  usages: KeyUsage[],
): Promise<CryptoKeyPair> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await subtle().generateKey(algorithm, extractable, usages)) as CryptoKeyPair;
    } catch (error) {
      if (attempt === GENERATE_ATTEMPTS || (error as Error).name !== "OperationError") throw error;
    }
  }
}

/** Engines add `ext` and `key_ops`, and order as they like: rebuilt field by field. */
export async function exportPublicJwk(key: CryptoKey): Promise<PublicJwk> {
  if (!key.extractable) throw new TypeError("The public key of the pair was made without extractable.");
  return publicJwkOf((await subtle().exportKey("jwk", key)) as PublicJwk);
}

/** The types of WebCrypto exclude shared memory, which no caller here has. */
export function source(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
