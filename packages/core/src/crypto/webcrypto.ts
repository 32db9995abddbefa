import { SealwireError } from "../errors.ts";
import type { SignatureAlg, SuiteId } from "../registry.generated.ts";
import { followedBy } from "../wire/bytes.ts";
import { frames } from "../wire/memory.ts";
import { IV_BYTES } from "./aead.ts";
import { concatKdfInput, proveAgreement, suiteOfPair } from "./agreement.ts";
import type {
  AeadKey,
  Awaiting,
  CryptoBackend,
  KeyAgreement,
  MacKey,
  Nonces,
  PrivateJwk,
  PublicJwk,
  SharedSecret,
  Signer,
  Verifier,
} from "./backend.ts";
import { assertDecryptionJwk, assertPrivateJwk, publicJwkOf, signatureAlgOf, suiteOf } from "./jwk.ts";
import type { CryptoKey, CryptoKeyPair } from "./keypair.ts";
import { algOfPair, isKeyPair, proveSigner, refusePrivateJwk } from "./signing.ts";
import { exportPublicJwk, generateKeyPair, source, subtle } from "./subtle.ts";

const MAC_BYTES = 32;
const SIGNATURE_BYTES = 64;

const AGREEMENT = {
  x25519: { name: "X25519" },
  p256: { name: "ECDH", namedCurve: "P-256" },
} as const satisfies Record<SuiteId, object>;

const SIGNATURE_KEY = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  Ed25519: { name: "Ed25519" },
} as const satisfies Record<SignatureAlg, object>;

/** WebCrypto's ECDSA signatures are r || s of 64 bytes, those of JOSE (RFC 7518 section 3.4). */
const SIGNATURE = {
  ES256: { name: "ECDSA", hash: "SHA-256" },
  Ed25519: { name: "Ed25519" },
} as const satisfies Record<SignatureAlg, object>;

const AEAD = { name: "AES-GCM", length: 256 };
/** Without the length all engines derive 512 bits, the block size of SHA-256. */
const MAC = { name: "HMAC", hash: "SHA-256", length: 256 };

/** A call of the cipher reads them when it is made. */
interface Params extends AesGcmParams {
  readonly iv: Uint8Array<ArrayBuffer>;
  additionalData: Uint8Array<ArrayBuffer>;
}

const newParams = (iv: Uint8Array, aad: Uint8Array): Params => ({
  name: AEAD.name,
  iv: source(iv),
  additionalData: source(aad),
  tagLength: 128,
});

/** As many as one session has under way. */
const SPARE = 64;
/**
 * Those of calls that have ended: an engine keeps an object of its own beside each view that it was given. None is used
 * again before its call has ended: an engine that read its IV late would otherwise use one twice, which breaks AES-GCM.
 */
const spare: Params[] = [];

function takeParams(nonces: Nonces, seq: number, aad: Uint8Array): Params {
  const params = spare.pop() ?? newParams(new Uint8Array(new ArrayBuffer(IV_BYTES)), aad);
  nonces.write(seq, params.iv);
  params.additionalData = source(aad);
  return params;
}

function giveBack(params: Params): void {
  if (spare.length < SPARE) spare.push(params);
}

export const aeadKey = (key: CryptoKey): AeadKey => new WebAead(key);

/** By then(): an async function makes two more promises for each message. */
class WebAead implements AeadKey {
  readonly #key: CryptoKey;
  /** Looked up once: the getters of a page cost as much as a promise. */
  readonly #subtle = subtle();

  constructor(key: CryptoKey) {
    this.#key = key;
  }

  seal(iv: Uint8Array, aad: Uint8Array, text: Uint8Array, room = 0): Promise<Uint8Array> {
    return this.#subtle.encrypt(newParams(iv, aad), this.#key, source(text)).then((sealed) => behind(room, sealed));
  }

  open(iv: Uint8Array, aad: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
    return this.#subtle.decrypt(newParams(iv, aad), this.#key, source(data)).then(bytesOf);
  }

  sealLater<T>(
    nonces: Nonces,
    seq: number,
    aad: Uint8Array,
    text: Uint8Array,
    room: number,
    to: Awaiting<T>,
  ): Promise<T> {
    const params = takeParams(nonces, seq, aad);
    return this.#subtle.encrypt(params, this.#key, source(text)).then(
      (sealed) => {
        giveBack(params);
        return to.ended(behind(room, sealed));
      },
      (cause) => to.failed(cause),
    );
  }

  openLater<T>(nonces: Nonces, seq: number, aad: Uint8Array, data: Uint8Array, to: Awaiting<T>): Promise<T> {
    const params = takeParams(nonces, seq, aad);
    return this.#subtle.decrypt(params, this.#key, source(data)).then(
      (text) => {
        giveBack(params);
        return to.ended(bytesOf(text));
      },
      (cause) => to.failed(cause),
    );
  }
}

function behind(room: number, sealed: ArrayBuffer): Uint8Array {
  const bytes = bytesOf(sealed);
  if (room === 0) return bytes;
  const framed = frames.take(room + bytes.length);
  framed.set(bytes, room);
  return framed;
}

const bytesOf = (buffer: ArrayBuffer): Uint8Array => new Uint8Array(buffer);

export function macKey(key: CryptoKey): MacKey {
  const input = (data: Uint8Array, text: string) => source(text === "" ? data : followedBy(data, text));
  return {
    sign: async (data, text = "") => new Uint8Array(await subtle().sign("HMAC", key, input(data, text))),
    verify: (data, tag, text = "") =>
      tag.length === MAC_BYTES && subtle().verify("HMAC", key, source(tag), input(data, text)),
  };
}

/** Overwrites `z`: from here on only the engine holds it, and gives it to nobody. */
export async function sharedSecret(z: Uint8Array): Promise<SharedSecret> {
  const key = await subtle().importKey("raw", source(z), "HKDF", false, ["deriveBits", "deriveKey"]);
  z.fill(0);
  const hkdf = (salt: Uint8Array, info: Uint8Array): HkdfParams => ({
    name: "HKDF",
    hash: "SHA-256",
    salt: source(salt),
    info: source(info),
  });
  return {
    bytes: async (salt, info, length) => new Uint8Array(await subtle().deriveBits(hkdf(salt, info), key, length * 8)),
    aead: async (salt, info) =>
      aeadKey(await subtle().deriveKey(hkdf(salt, info), key, AEAD, false, ["encrypt", "decrypt"])),
    mac: async (salt, info) => macKey(await subtle().deriveKey(hkdf(salt, info), key, MAC, false, ["sign", "verify"])),
  };
}

/** @throws TypeError for a pair whose public key cannot be exported */
export async function keyAgreement(suite: SuiteId, pair: CryptoKeyPair): Promise<KeyAgreement> {
  return agreementOf(suite, pair.privateKey, await exportPublicJwk(pair.publicKey));
}

function agreementOf(suite: SuiteId, privateKey: CryptoKey, publicJwk: PublicJwk): KeyAgreement {
  const algorithm = AGREEMENT[suite];
  const secret = async (peer: PublicJwk): Promise<Uint8Array> => {
    let z: Uint8Array;
    try {
      const key = await subtle().importKey("jwk", { ...publicJwkOf(peer) }, algorithm, false, []);
      // Not deriveKey: on that path WebKit lets small-order X25519 points through, and nobody could see the zeros.
      z = new Uint8Array(await subtle().deriveBits({ name: algorithm.name, public: key }, privateKey, 256));
    } catch (cause) {
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
    agree: async (peer) => sharedSecret(await secret(peer)),
    async contentKey(peer) {
      const z = await secret(peer);
      const input = concatKdfInput(z);
      const raw = new Uint8Array(await subtle().digest("SHA-256", source(input)));
      const key = await subtle().importKey("raw", source(raw), AEAD.name, false, ["encrypt", "decrypt"]);
      for (const bytes of [z, input, raw]) bytes.fill(0);
      return aeadKey(key);
    },
  };
}

async function importKeyAgreement(key: PrivateJwk | CryptoKeyPair): Promise<KeyAgreement> {
  let own: KeyAgreement;
  if (isKeyPair(key)) {
    own = await keyAgreement(suiteOfPair(key), key);
  } else {
    const jwk = assertDecryptionJwk(key);
    const members = { ...publicJwkOf(jwk), d: jwk.d };
    const algorithm = AGREEMENT[suiteOf(jwk)];
    const privateKey = await subtle()
      .importKey("jwk", members, algorithm, false, ["deriveBits"])
      .catch(refusePrivateJwk);
    own = agreementOf(suiteOf(jwk), privateKey, publicJwkOf(jwk));
  }
  return proveAgreement(own, await generateKeyAgreement(own.suite));
}

async function generateKeyAgreement(suite: SuiteId): Promise<KeyAgreement> {
  return keyAgreement(suite, await generateKeyPair(AGREEMENT[suite], false, ["deriveBits"]));
}

function signer(privateKey: CryptoKey, publicJwk: PublicJwk): Signer {
  const alg = signatureAlgOf(publicJwk);
  return {
    alg,
    publicJwk,
    sign: async (data) => new Uint8Array(await subtle().sign(SIGNATURE[alg], privateKey, source(data))),
  };
}

/** @throws TypeError for a pair whose public key cannot be exported */
export async function signerOfPair({ privateKey, publicKey }: CryptoKeyPair): Promise<Signer> {
  return signer(privateKey, await exportPublicJwk(publicKey));
}

async function importVerifier(jwk: PublicJwk): Promise<Verifier> {
  const publicJwk = publicJwkOf(jwk);
  const alg = signatureAlgOf(publicJwk);
  const key = await subtle().importKey("jwk", { ...publicJwk }, SIGNATURE_KEY[alg], false, ["verify"]);
  return {
    alg,
    publicJwk,
    verify: (data, signature) =>
      signature.length === SIGNATURE_BYTES && subtle().verify(SIGNATURE[alg], key, source(signature), source(data)),
  };
}

/** WebCrypto: every runtime; private and symmetric keys are not extractable. */
export const backend: CryptoBackend = {
  name: "webcrypto",
  random: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
  sha256: async (data) => new Uint8Array(await subtle().digest("SHA-256", source(data))),
  importMac: async (raw) => macKey(await subtle().importKey("raw", source(raw), MAC, false, ["sign", "verify"])),
  generateKeyAgreement,
  importKeyAgreement,
  async importSigner(key) {
    if (isKeyPair(key)) {
      algOfPair(key);
      const own = await signerOfPair(key);
      return proveSigner(own, await importVerifier(own.publicJwk));
    }
    const jwk = assertPrivateJwk(key);
    const algorithm = SIGNATURE_KEY[signatureAlgOf(jwk)];
    const members = { ...publicJwkOf(jwk), d: jwk.d };
    const privateKey = await subtle().importKey("jwk", members, algorithm, false, ["sign"]).catch(refusePrivateJwk);
    return proveSigner(signer(privateKey, publicJwkOf(jwk)), await importVerifier(jwk));
  },
  importVerifier,
};
