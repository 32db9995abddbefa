import type { PrivateJwk, PublicJwk } from "../crypto/backend.ts";
import { assertSignatureAlg, publicJwkOf } from "../crypto/jwk.ts";
import { generateKeyPair, subtle } from "../crypto/subtle.ts";
import type { SignatureAlg } from "../registry.generated.ts";

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

/** A new proof key whose private half no script can read: the default for a client, ES256 since it can be stored in IndexedDB everywhere. */
export function generateProofKey(alg: SignatureAlg = "ES256"): Promise<CryptoKeyPair> {
  return generatePair(alg, false);
}

async function generatePair(alg: SignatureAlg, extractable: boolean): Promise<CryptoKeyPair> {
  const algorithm =
    assertSignatureAlg(alg) === "ES256" ? { name: "ECDSA", namedCurve: "P-256" } : ({ name: "Ed25519" } as const);
  return generateKeyPair(algorithm, extractable, ["sign", "verify"]);
}
