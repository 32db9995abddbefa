import type { CryptoBackend, KeyAgreement, PrivateJwk, PublicJwk, Verifier } from "../crypto/backend.ts";
import { checkPublicJwk, faultOfAlg, own as ownMember } from "../crypto/jwk.ts";
import type { CryptoKeyPair } from "../crypto/keypair.ts";
import { isIdentifier } from "../envelope/claims.ts";
import { createKeySet, type Jwks, type KeySet } from "../keys/keyset.ts";
import { thumbprint } from "../keys/thumbprint.ts";
import { isBase64url } from "../wire/base64url.ts";

/** Signing keys of each issuer, by its identity. */
export interface IssuerKeys {
  readonly [identity: string]: Jwks;
}

/**
 * Finds a signing key by its thumbprint (RFC 7638, SHA-256, base64url), and whose it is; undefined or null where it is unknown
 * or no longer valid. The thumbprint is what an unauthentic header says. Who it names is believed. What it throws or rejects with is passed on: the envelope can be tried again.
 */
export type KeyResolver = (
  thumbprint: string,
) => ResolvedKey | undefined | null | Promise<ResolvedKey | undefined | null>;

export interface ResolvedKey {
  readonly identity: string;
  readonly key: PublicJwk;
}

export interface TrustedSigner {
  readonly identity: string;
  readonly verifier: Verifier;
}

/** Asked with a `kid` that an unauthentic header holds. */
export type SignerLookup = (kid: string) => Promise<TrustedSigner | undefined>;

/** Own recipient keys by their thumbprints. */
export type DecryptionKeys = ReadonlyMap<string, KeyAgreement>;

type DecryptionKey = PrivateJwk | CryptoKeyPair;

/** @throws TypeError for a key that cannot work, and one that is listed twice */
export async function importDecryptionKeys(
  backend: CryptoBackend,
  keys: DecryptionKey | readonly DecryptionKey[] | undefined,
): Promise<DecryptionKeys> {
  const imported = new Map<string, KeyAgreement>();
  const list: readonly DecryptionKey[] = keys === undefined ? [] : Array.isArray(keys) ? keys : [keys as DecryptionKey];
  for (const key of list) {
    const own = await backend.importKeyAgreement(key);
    const id = await thumbprint(backend, own.publicJwk);
    if (imported.has(id)) throw new TypeError("decryptionKey: the same key is listed twice");
    imported.set(id, own);
  }
  return imported;
}

/** @throws TypeError for keys of which it would not be clear whose they are, or what for */
export async function signerLookup(
  backend: CryptoBackend,
  keys: IssuerKeys | KeyResolver,
  own: DecryptionKeys,
): Promise<SignerLookup> {
  if (typeof keys === "function") return (kid) => resolved(backend, keys, kid);
  if (typeof keys !== "object" || keys === null) {
    throw new TypeError("keys is an object from identity to key set, or a function that finds a key");
  }
  const known = new Map<string, TrustedSigner>();
  for (const [identity, jwks] of Object.entries(keys)) {
    if (!isIdentifier(identity)) throw new TypeError(`keys: not an identity: ${JSON.stringify(identity)}`);
    const set = await importedSet(backend, jwks);
    for (const [id, verifier] of set.entries()) {
      const other = known.get(id)?.identity;
      if (other !== undefined) throw new TypeError(`keys: ${other} and ${identity} have the same key`);
      if (own.has(id)) throw new TypeError(`keys: a key of ${identity} is a decryptionKey too: one key, one use`);
      known.set(id, { identity, verifier });
    }
  }
  return async (kid) => known.get(kid);
}

const sets = new WeakMap<CryptoBackend, WeakMap<object, { readonly text: string; readonly set: KeySet }>>();

/**
 * Importing costs more than a signature, and every envelope asks for it, also one that is worth nothing. A set that was
 * changed is imported anew: a key that was taken out counts no more.
 */
async function importedSet(backend: CryptoBackend, jwks: Jwks): Promise<KeySet> {
  const text = JSON.stringify(jwks) ?? "";
  const known = sets.get(backend) ?? new WeakMap<object, { readonly text: string; readonly set: KeySet }>();
  const found = typeof jwks === "object" && jwks !== null ? known.get(jwks) : undefined;
  if (found?.text === text) return found.set;
  const set = await createKeySet(backend, jwks, { source: "configured" });
  sets.set(backend, known.set(jwks, { text, set }));
  return set;
}

/** The answer may come from a network: a key that is not the one asked for is an unknown key. */
async function resolved(backend: CryptoBackend, resolve: KeyResolver, kid: string): Promise<TrustedSigner | undefined> {
  if (!isBase64url(kid, 43)) return undefined;
  const found = await resolve(kid);
  if (found === undefined || found === null) return undefined;
  const checked = checkPublicJwk(found.key, "sign");
  const alg = ownMember(found.key, "alg");
  // One key, one use: what is listed for another algorithm, or is private, is no signing key of an issuer.
  if (checked.ok && (ownMember(found.key, "d") !== undefined || (alg !== undefined && faultOfAlg(checked.jwk, alg)))) {
    return undefined;
  }
  if (!checked.ok || (await thumbprint(backend, checked.jwk)) !== kid) return undefined;
  return { identity: found.identity, verifier: await backend.importVerifier(checked.jwk) };
}
