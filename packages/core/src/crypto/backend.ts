import type { Maybe } from "../maybe.ts";
import type { SignatureAlg, SuiteId } from "../registry.generated.ts";
import type { CryptoKeyPair } from "./keypair.ts";

/** A public key on the wire: exactly these members, in this order. */
export interface PublicJwk {
  readonly kty: "EC" | "OKP";
  readonly crv: "P-256" | "X25519" | "Ed25519";
  readonly x: string;
  readonly y?: string;
}

/** A private key as JWK: the public members, `d`, `alg`, and optionally `kid` (which is ignored). */
export interface PrivateJwk extends PublicJwk {
  readonly d: string;
  readonly alg?: string;
  readonly kid?: string;
}

/** A256GCM under one key. `data` is ciphertext followed by the 16-byte tag. None of the arguments is kept. */
export interface AeadKey {
  /** Ciphertext and tag behind `room` bytes (default 0) for the caller to write: a frame is made without another copy. */
  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, room?: number): Maybe<Uint8Array>;
  /** Throws (or rejects with) an error of any kind where authentication fails, and where `data` is shorter than a tag. */
  open(iv: Uint8Array, aad: Uint8Array, data: Uint8Array): Maybe<Uint8Array>;
  /**
   * As `open`, the plaintext in two: what stands before byte `at` of it, and the rest, each in memory of its own, so that
   * nobody has to copy it. Only where the cipher answers at once.
   */
  openApart?(iv: Uint8Array, aad: Uint8Array, data: Uint8Array, at: number): Apart;
  /** Where the cipher answers at once: as `seal` and `open` under the nonce of `seq`. What it answers with may be a Buffer. */
  sealNow?(nonces: Nonces, seq: number, aad: Uint8Array, plaintext: Uint8Array, room: number): Uint8Array;
  openNow?(nonces: Nonces, seq: number, aad: Uint8Array, data: Uint8Array): Uint8Array;
  /**
   * Where the cipher answers later: as `seal` under the nonce of `seq`, and what `to` makes of it by the same promise.
   */
  sealLater?<T>(
    nonces: Nonces,
    seq: number,
    aad: Uint8Array,
    plaintext: Uint8Array,
    room: number,
    to: Awaiting<T>,
  ): Promise<T>;
  /** The same of `open`. */
  openLater?<T>(nonces: Nonces, seq: number, aad: Uint8Array, data: Uint8Array, to: Awaiting<T>): Promise<T>;
}

/** Whoever awaits the cipher: one of these is called, once. One object for each message, where two functions would be more. */
export interface Awaiting<T> {
  ended(bytes: Uint8Array): Maybe<T>;
  failed(cause: unknown): Maybe<T>;
}

/** The IV of each sequence number, written to 12 bytes. */
export interface Nonces {
  write(seq: number, iv: Uint8Array): Uint8Array;
}

export type Apart = readonly [before: Uint8Array, rest: Uint8Array];

/** HMAC-SHA-256 under one key, over `data` and the ASCII characters of `text` behind it (default none). */
export interface MacKey {
  sign(data: Uint8Array, text?: string): Maybe<Uint8Array>;
  /** Constant time; false for a tag of another length than 32 bytes. */
  verify(data: Uint8Array, tag: Uint8Array, text?: string): Maybe<boolean>;
}

/** The shared secret Z of a key agreement, as input keying material of HKDF-SHA-256. */
export interface SharedSecret {
  bytes(salt: Uint8Array, info: Uint8Array, length: number): Maybe<Uint8Array>;
  aead(salt: Uint8Array, info: Uint8Array): Maybe<AeadKey>;
  mac(salt: Uint8Array, info: Uint8Array): Maybe<MacKey>;
}

/** A key pair of one suite: an ephemeral one, or the recipient key of envelopes. The private key never leaves the backend. */
export interface KeyAgreement {
  readonly suite: SuiteId;
  readonly publicJwk: PublicJwk;
  /** `peer` has passed `checkPublicJwk`. Throws SealwireError E_KEY for an all-zero X25519 output. */
  agree(peer: PublicJwk): Maybe<SharedSecret>;
  /** As `agree`, to the content key of ECDH-ES with A256GCM (RFC 7518 section 4.6, direct, no party information). */
  contentKey(peer: PublicJwk): Maybe<AeadKey>;
}

export interface Signer {
  readonly alg: SignatureAlg;
  readonly publicJwk: PublicJwk;
  sign(data: Uint8Array): Maybe<Uint8Array>;
}

export interface Verifier {
  readonly alg: SignatureAlg;
  readonly publicJwk: PublicJwk;
  /** False for anything but a valid signature (ES256: 64 bytes r||s). Never throws on hostile input. */
  verify(data: Uint8Array, signature: Uint8Array): Maybe<boolean>;
}

/**
 * The cryptography that the protocol needs, and its only source of randomness.
 * Two implementations: WebCrypto (every runtime, asynchronous, non-extractable keys) and node:crypto (synchronous, but for
 * key pairs that are not extractable, which it leaves to WebCrypto). Promises may be of any class whose `then` answers with
 * one of its own. Nothing but `true` is a yes.
 */
export interface CryptoBackend {
  readonly name: string;
  random(length: number): Uint8Array;
  sha256(data: Uint8Array): Maybe<Uint8Array>;
  /** An HMAC-SHA-256 key of 32 bytes, which are the caller's to overwrite. */
  importMac(raw: Uint8Array): Maybe<MacKey>;
  generateKeyAgreement(suite: SuiteId): Maybe<KeyAgreement>;
  /** The recipient key of encrypted envelopes; a JWK has `alg` "ECDH-ES". Caller mistakes are TypeErrors. */
  importKeyAgreement(key: PrivateJwk | CryptoKeyPair): Maybe<KeyAgreement>;
  /** The key's `alg` follows from its type: P-256 is ES256, Ed25519 is Ed25519. Caller mistakes are TypeErrors. */
  importSigner(key: PrivateJwk | CryptoKeyPair): Maybe<Signer>;
  /** `jwk` has passed `checkPublicJwk`. */
  importVerifier(jwk: PublicJwk): Maybe<Verifier>;
}
