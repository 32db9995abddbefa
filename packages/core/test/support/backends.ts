import type { AeadKey, CryptoBackend, KeyAgreement, PrivateJwk, SharedSecret } from "../../src/crypto/backend.ts";
import { publicJwkOf } from "../../src/crypto/jwk.ts";
import { chain, type Maybe } from "../../src/maybe.ts";

type Seal = AeadKey["seal"];

/** A backend in which `around` stands between everybody and the cipher. */
export function aroundSeal(inner: CryptoBackend, around: (seal: Seal) => Seal): CryptoBackend {
  const key = (aead: AeadKey): AeadKey => ({
    seal: around((...sealed) => aead.seal(...sealed)),
    open: (iv, aad, data) => aead.open(iv, aad, data),
  });
  const secret = (z: SharedSecret): SharedSecret => ({
    bytes: (salt, info, length) => z.bytes(salt, info, length),
    aead: (salt, info) => chain(z.aead(salt, info), key),
    mac: (salt, info) => z.mac(salt, info),
  });
  return {
    ...inner,
    generateKeyAgreement: (suite): Maybe<KeyAgreement> =>
      chain(inner.generateKeyAgreement(suite), (own) => ({
        suite: own.suite,
        publicJwk: own.publicJwk,
        agree: (peer) => chain(own.agree(peer), secret),
        contentKey: (peer) => chain(own.contentKey(peer), key),
      })),
  };
}

/** Signatures fail as soon as `broken` says so. */
export function breakingSignatures(inner: CryptoBackend, broken: () => boolean): CryptoBackend {
  return {
    ...inner,
    importSigner: (jwk) =>
      chain(inner.importSigner(jwk), (signer) => ({
        alg: signer.alg,
        publicJwk: signer.publicJwk,
        sign: (data) => {
          if (broken()) throw new Error("the signer is gone");
          return signer.sign(data);
        },
      })),
  };
}

/** Every signing key becomes a pair of WebCrypto that no script can read. */
export function unreadableKeys(inner: CryptoBackend): CryptoBackend {
  const pairOf = async (jwk: PrivateJwk): Promise<CryptoKeyPair> => {
    const algorithm = jwk.crv === "P-256" ? { name: "ECDSA", namedCurve: "P-256" } : { name: jwk.crv };
    const half = (members: object, extractable: boolean, usage: KeyUsage) =>
      crypto.subtle.importKey("jwk", members, algorithm, extractable, [usage]);
    return {
      privateKey: await half({ ...publicJwkOf(jwk), d: jwk.d }, false, "sign"),
      publicKey: await half(publicJwkOf(jwk), true, "verify"),
    };
  };
  return { ...inner, importSigner: async (jwk) => inner.importSigner(await pairOf(jwk as PrivateJwk)) };
}
