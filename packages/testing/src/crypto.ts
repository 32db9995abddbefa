import { createHash, createPrivateKey } from "node:crypto";
import type { CryptoBackend, PrivateJwk, PublicJwk } from "@sealwire/core/internal";
import { backend, keyAgreement } from "@sealwire/core/internal/node";
import type { Random } from "./random.ts";

/** node:crypto with keys and randomness that `random` decides: the same bytes on the wire in every run of a seed. */
export const seededBackend = (random: Random): CryptoBackend => ({
  ...backend,
  name: "node, seeded",
  random: (length) => random.fill(new Uint8Array(length)),
  generateKeyAgreement: (suite) => keyAgreement(suite, random.fill(new Uint8Array(32))),
});

/** PrivateKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410 section 7). */
const ED25519_PKCS8: Uint8Array = Buffer.from("302e020100300506032b657004220420", "hex");

export interface FixedKey {
  readonly privateJwk: PrivateJwk & { readonly alg: "Ed25519" };
  readonly publicJwk: PublicJwk & { readonly alg: "Ed25519" };
}

/** The key that belongs to a label. Ed25519, since its signatures are deterministic. Anybody can compute it. */
export function fixedKey(label: string): FixedKey {
  const d = createHash("sha256").update(`sealwire testing ${label}`).digest();
  const key = createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, d]), format: "der", type: "pkcs8" });
  const jwk = key.export({ format: "jwk" }) as unknown as PrivateJwk;
  const publicJwk = { kty: "OKP", crv: "Ed25519", x: jwk.x, alg: "Ed25519" } as const;
  return { publicJwk, privateJwk: { ...publicJwk, d: jwk.d } };
}
