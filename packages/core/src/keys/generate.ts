import { backend } from "#backend";
import type { PrivateJwk, PublicJwk } from "../crypto/backend.ts";
import { assertSignatureAlg, publicJwkOf, RECIPIENT_ALG } from "../crypto/jwk.ts";
import type { CryptoKeyPair } from "../crypto/keypair.ts";
import { generateKeyPair, subtle } from "../crypto/subtle.ts";
import type { SignatureAlg } from "../registry.generated.ts";
import { thumbprint } from "./thumbprint.ts";

export interface GeneratedKey {
  /** A secret: for a secret store or a file that only its owner reads. */
  readonly privateJwk: PrivateJwk & { readonly alg: SignatureAlg };
  /** For the key set that peers pin. */
  readonly publicJwk: PublicJwk & { readonly alg: SignatureAlg };
}

/** A new signing key as JWK pair, both with `alg`. */
export async function generateKey(alg: SignatureAlg = "ES256"): Promise<GeneratedKey> {
  const pair = await generatePair(alg, true);
  // A private key exports its public members too.
  const exported = (await subtle().exportKey("jwk", pair.privateKey)) as PrivateJwk;
  const members = publicJwkOf(exported);
  return { privateJwk: { ...members, d: exported.d, alg }, publicJwk: { ...members, alg } };
}

/**
 * A new proof key whose private half no script can read: the default for a client, ES256 since it can be stored in IndexedDB
 * everywhere. On Node WebCrypto uses such a key, on another thread: a signature costs more than by a JWK.
 */
export function generateProofKey(alg: SignatureAlg = "ES256"): Promise<CryptoKeyPair> {
  return generatePair(alg, false);
}

/**
 * The name of a proof key in a token's `cnf.jkt` and in a ticket: the RFC 7638 thumbprint of its public half, 43 characters.
 *
 * @throws TypeError for what is no signing key, and for a pair whose public half cannot be exported
 */
export async function proofKeyThumbprint(key: CryptoKeyPair | PrivateJwk): Promise<string> {
  const { publicJwk } = await backend.importSigner(key);
  return await thumbprint(backend, publicJwk);
}

export interface GeneratedRecipientKey {
  /** A secret: it opens every envelope that was ever sealed to the public half. */
  readonly privateJwk: PrivateJwk & { readonly alg: "ECDH-ES" };
  /** For those who seal envelopes to this recipient. */
  readonly publicJwk: PublicJwk & { readonly alg: "ECDH-ES" };
}

/** A new recipient key for encrypted envelopes as JWK pair, both with `alg` "ECDH-ES". Default: X25519. */
export async function generateRecipientKey(crv: "P-256" | "X25519" = "X25519"): Promise<GeneratedRecipientKey> {
  if (crv !== "P-256" && crv !== "X25519") throw new TypeError("The curve of a recipient key is P-256 or X25519.");
  const algorithm = crv === "P-256" ? { name: "ECDH", namedCurve: crv } : ({ name: crv } as const);
  const pair = await generateKeyPair(algorithm, true, ["deriveBits"]);
  const exported = (await subtle().exportKey("jwk", pair.privateKey)) as PrivateJwk;
  const members = publicJwkOf(exported);
  return {
    privateJwk: { ...members, d: exported.d, alg: RECIPIENT_ALG },
    publicJwk: { ...members, alg: RECIPIENT_ALG },
  };
}

async function generatePair(alg: SignatureAlg, extractable: boolean): Promise<CryptoKeyPair> {
  const algorithm =
    assertSignatureAlg(alg) === "ES256" ? { name: "ECDSA", namedCurve: "P-256" } : ({ name: "Ed25519" } as const);
  return generateKeyPair(algorithm, extractable, ["sign", "verify"]);
}
