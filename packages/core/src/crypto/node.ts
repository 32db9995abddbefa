import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type DecipherGCM,
  diffieHellman,
  generateKeyPairSync,
  KeyObject,
  randomFillSync,
  sign,
  verify,
} from "node:crypto";
import { SealwireError } from "../errors.ts";
import { chain, type Maybe } from "../maybe.ts";
import type { SuiteId } from "../registry.generated.ts";
import { decodeBase64url, encodeBase64url } from "../wire/base64url.ts";
import { concat, equal } from "../wire/bytes.ts";
import { frames } from "../wire/memory.ts";
import { IV_BYTES } from "./aead.ts";
import { concatKdfInput, proveAgreement, suiteOfPair } from "./agreement.ts";
import type {
  AeadKey,
  Apart,
  CryptoBackend,
  KeyAgreement,
  Nonces,
  PublicJwk,
  SharedSecret,
  Signer,
  Verifier,
} from "./backend.ts";
import { assertDecryptionJwk, assertPrivateJwk, publicJwkOf, signatureAlgOf, suiteOf } from "./jwk.ts";
import type { CryptoKeyPair } from "./keypair.ts";
import { expand, expandKey } from "./node-hkdf.ts";
import { NodeMac, sha256 } from "./node-hmac.ts";
import { algOfPair, isKeyPair, proveSigner, refusePrivateJwk } from "./signing.ts";
import { keyAgreement as webAgreement, signerOfPair as webSigner } from "./webcrypto.ts";

// All but the use of key pairs that nobody can read is synchronous: an AES-GCM call costs 4 µs, a promise around it would
// cost more.

const TAG_BYTES = 16;
const SIGNATURE_BYTES = 64;
/** Without it OpenSSL accepts tags of 4, 8 and 12 bytes. */
const GCM = { authTagLength: TAG_BYTES };
/** OpenSSL copies it before the call that it is written for returns. */
const IV = Buffer.alloc(IV_BYTES);

export const aeadKey = (raw: Uint8Array): AeadKey => new NodeAead(createSecretKey(raw));

export const macKey = (raw: Uint8Array): NodeMac => new NodeMac(raw);

class NodeAead implements AeadKey {
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    this.#key = key;
  }

  sealNow(nonces: Nonces, seq: number, aad: Uint8Array, plaintext: Uint8Array, room: number): Uint8Array {
    return this.seal(nonces.write(seq, IV), aad, plaintext, room);
  }

  openNow(nonces: Nonces, seq: number, aad: Uint8Array, data: Uint8Array): Uint8Array {
    return this.decrypt(nonces.write(seq, IV), aad, data);
  }

  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, room = 0): Uint8Array {
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv, GCM);
    cipher.setAAD(aad);
    const text = cipher.update(plaintext);
    cipher.final();
    const length = room + text.length + TAG_BYTES;
    const sealed = frames.take(length);
    sealed.set(text, room);
    sealed.set(cipher.getAuthTag(), room + text.length);
    return sealed;
  }

  open(iv: Uint8Array, aad: Uint8Array, data: Uint8Array): Uint8Array {
    return plain(this.decrypt(iv, aad, data));
  }

  private decrypt(iv: Uint8Array, aad: Uint8Array, data: Uint8Array): Buffer {
    const decipher = this.decipher(iv, aad, data);
    const text = decipher.update(data.subarray(0, data.length - TAG_BYTES));
    decipher.final(); // throws unless the tag is right
    return text;
  }

  openApart(iv: Uint8Array, aad: Uint8Array, data: Uint8Array, at: number): Apart {
    const decipher = this.decipher(iv, aad, data);
    const before = decipher.update(data.subarray(0, at));
    const rest = decipher.update(data.subarray(at, data.length - TAG_BYTES));
    decipher.final(); // throws unless the tag is right
    return [plain(before), plain(rest)];
  }

  private decipher(iv: Uint8Array, aad: Uint8Array, data: Uint8Array): DecipherGCM {
    if (data.length < TAG_BYTES) throw new Error("shorter than a tag");
    const decipher = createDecipheriv("aes-256-gcm", this.#key, iv, GCM);
    decipher.setAAD(aad);
    return decipher.setAuthTag(data.subarray(data.length - TAG_BYTES));
  }
}

/**
 * Overwrites `z`: from here on only OpenSSL holds it, and what HKDF (RFC 5869) extracts of it, of which all keys come: no
 * `NodeMac`, which nobody overwrites at its end. Not by `hkdfSync`, which extracts anew for each key.
 */
export function sharedSecret(z: Uint8Array): SharedSecret {
  const key = overwritten(z, createSecretKey);
  let extracted: { readonly salt: Uint8Array; readonly prk: KeyObject } | undefined;
  /** Of the last salt: a key schedule has one. */
  const prkOf = (salt: Uint8Array): KeyObject => {
    if (extracted === undefined || !equal(salt, extracted.salt)) {
      const raw = overwritten(key.export(), (secret) => createHmac("sha256", salt).update(secret).digest());
      extracted = { salt: salt.slice(), prk: overwritten(raw, createSecretKey) };
    }
    return extracted.prk;
  };
  return {
    bytes: (salt, info, length) => expand(prkOf(salt), info, length),
    aead: (salt, info) => overwritten(expandKey(prkOf(salt), info), aeadKey),
    mac: (salt, info) => overwritten(expandKey(prkOf(salt), info), macKey),
  };
}

/** What `make` makes of a secret, which is nowhere else then. */
function overwritten<T>(secret: Uint8Array, make: (secret: Uint8Array) => T): T {
  const made = make(secret);
  secret.fill(0);
  return made;
}

/** A new key pair, or that of a given private key, which test vectors need. */
export function keyAgreement(suite: SuiteId, d?: Uint8Array): KeyAgreement {
  return agreementOf(suite, suite === "x25519" ? x25519(d) : p256(d));
}

function agreementOf(suite: SuiteId, { publicJwk, derive }: DiffieHellman): KeyAgreement {
  const secret = (peer: PublicJwk): Uint8Array => {
    let z: Uint8Array;
    try {
      z = derive(peer);
    } catch (cause) {
      // OpenSSL refuses an all-zero X25519 output itself, and P-256 points off the curve.
      throw new SealwireError("E_KEY", { stage: "claims", detail: "no key agreement with this key", cause });
    }
    if (suite === "x25519" && z.every((byte) => byte === 0)) {
      throw new SealwireError("E_KEY", { stage: "claims", detail: "all-zero shared secret" });
    }
    return z;
  };
  return {
    suite,
    publicJwk,
    agree: (peer) => sharedSecret(secret(peer)),
    contentKey(peer) {
      const z = secret(peer);
      const input = concatKdfInput(z);
      const raw = sha256(input);
      const key = aeadKey(raw);
      for (const bytes of [z, input, raw]) bytes.fill(0);
      return key;
    },
  };
}

/** Other pairs are left to WebCrypto, which answers later: Node deprecates to take a key out of them (DEP0204). */
const isReadable = ({ privateKey, publicKey }: CryptoKeyPair): boolean =>
  privateKey.extractable && publicKey.extractable;

const keyBehind = (key: CryptoKey): KeyObject => KeyObject.from(key as never);

const publicJwkBehind = (key: CryptoKey): PublicJwk =>
  publicJwkOf(keyBehind(key).export({ format: "jwk" }) as unknown as PublicJwk);

function agreementOfPair(pair: CryptoKeyPair): Maybe<KeyAgreement> {
  const suite = suiteOfPair(pair);
  if (!isReadable(pair)) return webAgreement(suite, pair);
  const privateKey = keyBehind(pair.privateKey);
  return agreementOf(suite, {
    publicJwk: publicJwkBehind(pair.publicKey),
    derive: (peer) => diffieHellman({ privateKey, publicKey: importPublic(peer) }),
  });
}

interface DiffieHellman {
  readonly publicJwk: PublicJwk;
  derive(peer: PublicJwk): Uint8Array;
}

// No key of generateKeyPairSync is exported here. The job behind it locks the key when it is collected, and in Node 20
// the process hangs for ever where that happens inside export({ format: "jwk" }), which holds the same lock.

function x25519(d?: Uint8Array): DiffieHellman {
  const { privateKey, publicKey } = d ? x25519Of(d) : x25519Pair();
  return {
    publicJwk: publicJwkOf(publicKey),
    derive: (peer) => diffieHellman({ privateKey, publicKey: importPublic(peer) }),
  };
}

interface X25519Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: PublicJwk;
}

/** The job itself encodes the public key, while it cannot be collected. @types/node does not know this combination. */
function x25519Pair(): X25519Pair {
  return generateKeyPairSync("x25519", { publicKeyEncoding: { format: "jwk" } } as object) as unknown as X25519Pair;
}

/** PrivateKeyInfo of an X25519 key up to its 32 bytes (RFC 8410 section 7). */
const X25519_PKCS8: Uint8Array = Buffer.from("302e020100300506032b656e04220420", "hex");

function x25519Of(d: Uint8Array): X25519Pair {
  const privateKey = createPrivateKey({ key: Buffer.concat([X25519_PKCS8, d]), format: "der", type: "pkcs8" });
  return { privateKey, publicKey: createPublicKey(privateKey).export({ format: "jwk" }) as unknown as PublicJwk };
}

function p256(d?: Uint8Array): DiffieHellman {
  const ecdh = createECDH("prime256v1");
  if (d) ecdh.setPrivateKey(d);
  else ecdh.generateKeys();
  const point = ecdh.getPublicKey(); // 0x04 || x || y (SEC 1 section 2.3.3)
  return {
    publicJwk: {
      kty: "EC",
      crv: "P-256",
      x: encodeBase64url(point.subarray(1, 33)),
      y: encodeBase64url(point.subarray(33)),
    },
    derive: (peer) =>
      ecdh.computeSecret(concat(Uint8Array.of(4), decodeBase64url(peer.x), decodeBase64url(peer.y as string))),
  };
}

function importPublic(jwk: PublicJwk): KeyObject {
  return createPublicKey({ key: { ...publicJwkOf(jwk) }, format: "jwk" });
}

function signer(privateKey: KeyObject, publicJwk: PublicJwk): Signer {
  const alg = signatureAlgOf(publicJwk);
  const key = { key: privateKey, dsaEncoding: "ieee-p1363" } as const;
  const hash = alg === "ES256" ? "sha256" : null;
  return { alg, publicJwk, sign: (data) => plain(sign(hash, data, key)) };
}

function signerOfPair(pair: CryptoKeyPair): Maybe<Signer> {
  algOfPair(pair);
  return isReadable(pair) ? signer(keyBehind(pair.privateKey), publicJwkBehind(pair.publicKey)) : webSigner(pair);
}

function importVerifier(jwk: PublicJwk): Verifier {
  const publicJwk = publicJwkOf(jwk);
  const alg = signatureAlgOf(publicJwk);
  const key = { key: importPublic(publicJwk), dsaEncoding: "ieee-p1363" } as const;
  const hash = alg === "ES256" ? "sha256" : null;
  return {
    alg,
    publicJwk,
    verify: (data, signature) => signature.length === SIGNATURE_BYTES && verify(hash, data, key, signature),
  };
}

/** Without the methods of Buffer, whose slice() is a view and whose toString() is text. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function random(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}

/** node:crypto, synchronous throughout but for key pairs that are not extractable. */
export const backend: CryptoBackend = {
  name: "node",
  random,
  sha256,
  importMac: macKey,
  generateKeyAgreement: (suite) => keyAgreement(suite),
  importKeyAgreement(key) {
    if (isKeyPair(key)) {
      return chain(agreementOfPair(key), (own) => proveAgreement(own, keyAgreement(own.suite)));
    }
    const jwk = assertDecryptionJwk(key);
    let own: KeyAgreement;
    try {
      own = keyAgreement(suiteOf(jwk), decodeBase64url(jwk.d));
    } catch (cause) {
      refusePrivateJwk(cause);
    }
    // The public key was computed from the private one.
    const { x, y } = own.publicJwk;
    if (x !== jwk.x || y !== jwk.y) refusePrivateJwk();
    return own;
  },
  importSigner(key) {
    if (isKeyPair(key)) {
      return chain(signerOfPair(key), (own) => proveSigner(own, importVerifier(own.publicJwk)));
    }
    const jwk = assertPrivateJwk(key);
    let privateKey: KeyObject;
    try {
      privateKey = createPrivateKey({ key: { ...jwk }, format: "jwk" });
    } catch (cause) {
      refusePrivateJwk(cause);
    }
    return proveSigner(signer(privateKey, publicJwkOf(jwk)), importVerifier(jwk));
  },
  importVerifier,
};
