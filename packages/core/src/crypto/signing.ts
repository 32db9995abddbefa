import { chain, type Maybe } from "../maybe.ts";
import type { SignatureAlg } from "../registry.generated.ts";
import type { PrivateJwk, Signer, Verifier } from "./backend.ts";
import type { CryptoKey, CryptoKeyPair } from "./keypair.ts";

/** What both backends check of a signing key that the application hands in. */

const PROBE: Uint8Array = new TextEncoder().encode("sealwire1 does this pair belong together");

export function isKeyPair(key: PrivateJwk | CryptoKeyPair): key is CryptoKeyPair {
  return typeof key === "object" && key !== null && "privateKey" in key && "publicKey" in key;
}

/** @throws TypeError unless it is a pair for ES256 or Ed25519 whose private key may sign */
export function algOfPair(pair: CryptoKeyPair): SignatureAlg {
  const [alg, publicAlg] = [algOfKey(pair.privateKey), algOfKey(pair.publicKey)];
  if (alg === undefined || alg !== publicAlg) {
    throw new TypeError("A signing key pair is ECDSA with P-256, or Ed25519; generateProofKey() makes one.");
  }
  if (pair.privateKey.type !== "private" || pair.publicKey.type !== "public") {
    throw new TypeError("A key pair holds a private key as privateKey and a public key as publicKey.");
  }
  if (!pair.privateKey.usages.includes("sign")) {
    throw new TypeError('The private key was made without the usage "sign".');
  }
  return alg;
}

function algOfKey(key: CryptoKey): SignatureAlg | undefined {
  const algorithm = key?.algorithm as EcKeyAlgorithm | undefined;
  if (algorithm?.name === "Ed25519") return "Ed25519";
  return algorithm?.name === "ECDSA" && algorithm.namedCurve === "P-256" ? "ES256" : undefined;
}

/** Signs once: libraries differ in whether they notice halves of two pairs, and the peer would see only bad signatures. */
export function proveSigner(signer: Signer, verifier: Verifier): Maybe<Signer> {
  return chain(signer.sign(PROBE), (signature) =>
    chain(verifier.verify(PROBE, signature), (belongs) => {
      if (belongs !== true) throw new TypeError("The private key does not belong to the public key beside it.");
      return signer;
    }),
  );
}

/** For a JWK whose members look right and which the library refuses all the same. */
export function refusePrivateJwk(cause?: unknown): never {
  throw new TypeError("This private key cannot be imported: its members do not make a key.", { cause });
}
