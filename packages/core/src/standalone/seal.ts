import { backend as defaultBackend } from "#backend";
import type { CryptoBackend, KeyAgreement, PrivateJwk, PublicJwk, Signer } from "../crypto/backend.ts";
import { assertRecipientJwk, suiteOf } from "../crypto/jwk.ts";
import type { CryptoKeyPair } from "../crypto/keypair.ts";
import { isIdentifier, isMessageId, isTopic } from "../envelope/claims.ts";
import { encryptedEnvelopeHeader, envelopeHeader } from "../envelope/headers.ts";
import type { Payload } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import { thumbprint } from "../keys/thumbprint.ts";
import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { ascii } from "../wire/bytes.ts";
import { assertData } from "../wire/data.ts";
import { compactJws, encodeFrame, encodeText, type JwsFrame, signingInput, type Wire } from "../wire/frame.ts";
import type { Data } from "../wire/json.ts";
import { encodeStandaloneClaims } from "./claims.ts";

const ID_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** What goes into a standalone envelope. */
export interface EnvelopeContent {
  /** 1 to 128 of `A-Z a-z 0-9 . _ : / -`. */
  readonly topic: string;
  /** JSON, or bytes as the whole of it. */
  readonly data: Data;
  /** `id` of the envelope that this one answers. */
  readonly ref?: string;
}

export interface SealOptions {
  /** The identity under which receivers know the key. */
  readonly issuer: string;
  /** The issuer's signing key: a private JWK with `alg`, or a key pair whose private half need not be extractable. */
  readonly key: PrivateJwk | CryptoKeyPair;
  /** The one receiver: its identity, or the name of a group. With `encryptTo` the identity that this key belongs to, never a group. */
  readonly audience: string;
  /** Life in whole seconds. Default 60. Receivers take up to 300 unless they are set to take more, 86,400 at the most. */
  readonly expiresIn?: number;
  /** The receiver's public key, P-256 or X25519 with `alg` "ECDH-ES": the envelope is signed, then encrypted. */
  readonly encryptTo?: PublicJwk & { readonly alg?: string };
  /** "text": compact JOSE, the default. "binary": CBOR. */
  readonly form?: Wire;
  /** The clock, in milliseconds since 1970: core has none of its own. In a program `Date.now`. */
  readonly now: () => number;
}

/** Where an encrypted envelope goes to, and its ephemeral parts, which no two envelopes share. */
export interface Encryption {
  readonly recipient: PublicJwk;
  /** Thumbprint of `recipient`. */
  readonly kid: string;
  readonly ephemeral: KeyAgreement;
  readonly iv: Uint8Array;
}

/**
 * Seals one message that needs no session: for a broker, a queue, a file. Its receiver, and everybody the receiver shows it
 * to, can tell who signed what, for whom and until when; with `encryptTo` nobody but the receiver can read it or see who
 * wrote it.
 *
 * Not given: order, receipt, and forward secrecy: who learns the recipient's private key later reads every envelope that was
 * encrypted to it. Not checked: whether `encryptTo` belongs to `audience`, and whether receivers know the issuer's key.
 *
 * @throws TypeError for options, keys or data that cannot work; SealwireError E_TOO_BIG
 * @see specs/envelope.md, section 13
 */
export function seal(content: EnvelopeContent, options: SealOptions & { readonly form?: "text" }): Promise<string>;
export function seal(content: EnvelopeContent, options: SealOptions & { readonly form: "binary" }): Promise<Uint8Array>;
export function seal(content: EnvelopeContent, options: SealOptions): Promise<string | Uint8Array>;
export function seal(content: EnvelopeContent, options: SealOptions): Promise<string | Uint8Array> {
  return sealWith(defaultBackend, content, options);
}

/** `seal` on a given backend. */
export async function sealWith(
  backend: CryptoBackend,
  content: EnvelopeContent,
  options: SealOptions,
): Promise<Payload> {
  const { issuer, key, audience, form = "text", encryptTo, now } = options;
  const { topic, data, ref } = content;
  if (!isIdentifier(issuer) || !isIdentifier(audience)) {
    throw new TypeError("issuer and audience are 1 to 256 visible ASCII characters without space");
  }
  if (!isTopic(topic)) throw new TypeError(`not a topic: ${JSON.stringify(topic)}`);
  if (ref !== undefined && !isMessageId(ref)) throw new TypeError("ref is not the id of an envelope");
  if (form !== "text" && form !== "binary") throw new TypeError('form is "text" or "binary"');
  assertData(data, "json");
  const life = checkedLife(options.expiresIn ?? DEFAULT_LIMITS.messageTtl, "expiresIn");
  const recipient = encryptTo === undefined ? undefined : assertRecipientJwk(encryptTo);
  const iat = secondsOf(now);
  // Written before anything is waited for: what was checked is what is signed, whatever the caller does with it meanwhile.
  const claims = encodeStandaloneClaims({
    iss: issuer,
    aud: audience,
    jti: encodeBase64url(backend.random(ID_BYTES)),
    iat,
    exp: iat + life,
    top: topic,
    ...(ref === undefined ? {} : { ref }),
    data,
  });
  const signer = await backend.importSigner(key);
  const kid = await thumbprint(backend, signer.publicJwk);
  const encryption = recipient === undefined ? undefined : await encryptionTo(backend, recipient);
  if (encryption?.kid === kid) throw new TypeError("encryptTo is the key that signs: one key, one use");
  const sealed = await sealEnvelope(claims, form, { signer, kid }, encryption);
  if (sealed.length > DEFAULT_LIMITS.messageBytes) {
    throw new SealwireError("E_TOO_BIG", { stage: "local", fatal: false, detail: "limit messageBytes" });
  }
  return sealed;
}

async function encryptionTo(backend: CryptoBackend, recipient: PublicJwk): Promise<Encryption> {
  return {
    recipient,
    kid: await thumbprint(backend, recipient),
    ephemeral: await backend.generateKeyAgreement(suiteOf(recipient)),
    iv: backend.random(IV_BYTES),
  };
}

/** Signs encoded claims, then encrypts if asked to. The caller answers for fresh `jti`, ephemeral key and IV. */
export async function sealEnvelope(
  payload: Uint8Array,
  wire: Wire,
  { signer, kid }: { readonly signer: Signer; readonly kid: string },
  encryption?: Encryption,
): Promise<Payload> {
  const header = envelopeHeader({ alg: signer.alg, thumbprint: kid }, encryption !== undefined).json;
  const signature = await signer.sign(signingInput(header, payload));
  const jws: JwsFrame = { form: 1, protected: header, payload, signature };
  const frame = encryption === undefined ? jws : await encrypted(ascii(compactJws(jws)), encryption);
  return wire === "binary" ? encodeFrame(frame) : encodeText(frame);
}

async function encrypted(plaintext: Uint8Array, { recipient, kid, ephemeral, iv }: Encryption) {
  const header = encryptedEnvelopeHeader(kid, ephemeral.publicJwk);
  const key = await ephemeral.contentKey(recipient);
  const sealed = await key.seal(iv, header.aad, plaintext);
  const [ciphertext, tag] = [sealed.subarray(0, -TAG_BYTES), sealed.subarray(-TAG_BYTES)];
  return { form: 2, protected: header.json, iv, ciphertext, tag } as const;
}

/** A longest or an actual life, in seconds. @throws TypeError */
export function checkedLife(seconds: number, name: string): number {
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > DEFAULT_LIMITS.standaloneTtlMax) {
    throw new TypeError(`${name} is a whole number of seconds from 1 to ${DEFAULT_LIMITS.standaloneTtlMax}`);
  }
  return seconds;
}

/** Whole seconds, rounded down. A clock without a number would make every comparison of times false. @throws TypeError */
export function secondsOf(now: () => number): number {
  if (typeof now !== "function") throw new TypeError("now is a function that answers with milliseconds: Date.now");
  const seconds = Math.floor(now() / 1000);
  if (!Number.isSafeInteger(seconds) || seconds < 0) throw new TypeError("now() is no time in milliseconds since 1970");
  return seconds;
}
