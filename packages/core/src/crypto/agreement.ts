import { chain, isPromise, type Maybe } from "../maybe.ts";
import type { SuiteId } from "../registry.generated.ts";
import { concat, lengthPrefixed, uint32, utf8 } from "../wire/bytes.ts";
import type { KeyAgreement } from "./backend.ts";
import type { CryptoKey, CryptoKeyPair } from "./keypair.ts";

/** What both backends share for the recipient keys of encrypted envelopes. */

const ENC = utf8.encode("A256GCM");
/** AlgorithmID, PartyUInfo and PartyVInfo (both empty), SuppPubInfo: the bits of the key (RFC 7518 section 4.6.2). */
const OTHER_INFO = concat(lengthPrefixed(ENC), uint32(0), uint32(0), uint32(256));

/** What is hashed once for a key of 256 bits (Concat KDF of SP 800-56A with SHA-256). Holds the secret: to be overwritten. */
export const concatKdfInput = (z: Uint8Array): Uint8Array => concat(uint32(1), z, OTHER_INFO);

/** @throws TypeError unless it is a pair for ECDH with P-256, or X25519, whose private key may derive bits */
export function suiteOfPair(pair: CryptoKeyPair): SuiteId {
  const [suite, publicSuite] = [suiteOfKey(pair.privateKey), suiteOfKey(pair.publicKey)];
  if (suite === undefined || suite !== publicSuite) {
    throw new TypeError("A decryption key pair is ECDH with P-256, or X25519.");
  }
  if (pair.privateKey.type !== "private" || pair.publicKey.type !== "public") {
    throw new TypeError("A key pair holds a private key as privateKey and a public key as publicKey.");
  }
  if (!pair.privateKey.usages.includes("deriveBits")) {
    throw new TypeError('The private key was made without the usage "deriveBits".');
  }
  return suite;
}

function suiteOfKey(key: CryptoKey): SuiteId | undefined {
  const algorithm = key?.algorithm as EcKeyAlgorithm | undefined;
  if (algorithm?.name === "X25519") return "x25519";
  return algorithm?.name === "ECDH" && algorithm.namedCurve === "P-256" ? "p256" : undefined;
}

const PROBE = utf8.encode("sealwire1 does this pair belong together");
const IV = new Uint8Array(12);

/** Agrees once with another pair: a private key beside the public key of somebody else would open nothing, without a reason. */
export function proveAgreement(key: KeyAgreement, other: KeyAgreement): Maybe<KeyAgreement> {
  const refuse = (cause?: unknown): never => {
    throw new TypeError("The private key does not belong to the public key beside it.", { cause });
  };
  return chain(other.contentKey(key.publicJwk), (theirs) =>
    chain(theirs.seal(IV, PROBE, PROBE), (sealed) =>
      chain(key.contentKey(other.publicJwk), (ours) => {
        try {
          const opened = ours.open(IV, PROBE, sealed);
          return isPromise(opened) ? opened.then(() => key, refuse) : key;
        } catch (cause) {
          return refuse(cause);
        }
      }),
    ),
  );
}
