import { checkPublicJwk } from "../crypto/jwk.ts";
import { type ParsedHeader, parseHeader } from "../envelope/parsed-header.ts";
import type { Payload } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import { DEFAULT_LIMITS, type ErrorCode, type Stage } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { ascii, compactText, concat, utf8 } from "../wire/bytes.ts";
import {
  compactJws,
  decodeFrame,
  decodeText,
  type JweFrame,
  type JwsFrame,
  signingInput,
  type WireFrame,
} from "../wire/frame.ts";
import { decodeStandaloneClaims, type StandaloneClaims } from "./claims.ts";
import type { DecryptionKeys, SignerLookup, TrustedSigner } from "./trust.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Who opens, and whom it knows. */
export interface Receiver {
  readonly identity: string;
  readonly groups: readonly string[];
  readonly signers: SignerLookup;
  readonly decryption: DecryptionKeys;
}

/** An authentic envelope for this receiver. Its time, and whether it came before, are not checked yet. */
export interface VerifiedEnvelope {
  readonly claims: StandaloneClaims;
  /** Of the key that signed. */
  readonly thumbprint: string;
  readonly encrypted: boolean;
  /** The compact JWS, the inner one of an encrypted envelope. */
  readonly jws: string;
}

const refuse = (code: ErrorCode, stage: Stage, detail: string, cause?: unknown): never => {
  throw new SealwireError(code, { stage, fatal: false, detail, cause });
};

/** Steps frame and encoding, and the form, which is the first of step header. */
export function decodeEnvelope(envelope: Payload): JwsFrame | JweFrame {
  const limit = DEFAULT_LIMITS.messageBytes;
  const isTooBig = envelope.length > limit || (typeof envelope === "string" && utf8.encode(envelope).length > limit);
  if (isTooBig) return refuse("E_TOO_BIG", "frame", "limit messageBytes");
  const frame: WireFrame = typeof envelope === "string" ? decodeText(envelope) : decodeFrame(envelope);
  if (frame.form !== 1 && frame.form !== 2) return refuse("E_HEADER", "header", "neither a JWS nor a JWE in full form");
  return frame;
}

/** Steps header to claims of a decoded envelope, in their normative order (specs/envelope.md, section 13.5). */
export async function verifyEnvelope(frame: JwsFrame | JweFrame, receiver: Receiver): Promise<VerifiedEnvelope> {
  const encrypted = frame.form === 2;
  const jws = encrypted ? innerFrame(await decrypt(frame, receiver.decryption)) : frame;
  const { signer, kid } = await verifySigned(jws, encrypted, receiver);
  const claims = decodeStandaloneClaims(jws.payload, encrypted);
  if (claims.iss !== signer.identity) refuse("E_KEY", "claims", "iss is not whose key signed");
  // A key of one identity opened it: a group has none, and another member of it was not meant.
  const audience = encrypted ? [receiver.identity] : [receiver.identity, ...receiver.groups];
  if (!audience.includes(claims.aud)) refuse("E_BINDING", "claims", "aud is somebody else");
  return { claims, thumbprint: kid, encrypted, jws: compactJws(jws) };
}

/** Steps header and crypto of an encrypted envelope. Nothing is known of its sender yet. */
async function decrypt(frame: JweFrame, keys: DecryptionKeys): Promise<Uint8Array> {
  const header = parseHeader(frame.protected, "sealwire-envx+jwt", { jwk: false, encrypted: true });
  const own = typeof header.kid === "string" ? keys.get(header.kid) : undefined;
  if (own === undefined) return refuse("E_KEY", "header", "encrypted to none of the decryption keys");
  const epk = checkPublicJwk(header.epk, "agree", { exact: true });
  if (!epk.ok) return refuse("E_KEY", "header", `epk: ${epk.detail}`);
  if (epk.jwk.crv !== own.publicJwk.crv) return refuse("E_KEY", "header", "epk is on another curve than the key");
  if (header.alg !== "ECDH-ES" || header.enc !== "A256GCM")
    return refuse("E_ALG", "header", "not ECDH-ES with A256GCM");
  if (header.cty !== "JWT") return refuse("E_CTY", "header", "cty is not JWT");
  // A shorter tag is easier to forge, and some libraries take one.
  if (frame.iv.length !== IV_BYTES || frame.tag.length !== TAG_BYTES) return refuse("E_CRYPTO", "crypto", "IV or tag");
  try {
    const key = await own.contentKey(epk.jwk);
    const aad = ascii(encodeBase64url(frame.protected));
    return await key.open(frame.iv, aad, concat(frame.ciphertext, frame.tag));
  } catch (cause) {
    return refuse("E_CRYPTO", "crypto", "it does not decrypt", cause);
  }
}

/** Encoding of the inner JWS. */
function innerFrame(plaintext: Uint8Array): JwsFrame {
  const frame = decodeText(compactText(plaintext), "inner");
  return frame.form === 1 ? frame : refuse("E_MALFORMED", "inner", "the plaintext is not a JWS");
}

/**
 * Header, key and signature: steps header and crypto of a signed envelope, the rest of step inner of an encrypted one. There
 * every defect has one code, so that nobody learns from it which signers are known here.
 */
async function verifySigned(
  frame: JwsFrame,
  inner: boolean,
  { signers, decryption }: Receiver,
): Promise<{ readonly signer: TrustedSigner; readonly kid: string }> {
  const fail = (code: ErrorCode, detail: string): never =>
    inner ? refuse("E_CRYPTO", "inner", detail) : refuse(code, "header", detail);
  const header = signedHeader(frame.protected, inner);
  const kid = typeof header.kid === "string" ? header.kid : "";
  const signer = await signers(kid);
  if (signer === undefined) return fail("E_KEY", "signed with an unknown key");
  if (decryption.has(kid)) return fail("E_KEY", "signed with a decryption key");
  if (header.alg !== signer.verifier.alg) return fail("E_ALG", "alg is not the key's");
  if (header.cty !== undefined) return fail("E_CTY", "a signed envelope has no cty");
  const valid = await signer.verifier.verify(signingInput(frame.protected, frame.payload), frame.signature);
  if (valid !== true) return refuse("E_CRYPTO", inner ? "inner" : "crypto", "the signature does not verify");
  return { signer, kid };
}

function signedHeader(bytes: Uint8Array, inner: boolean): ParsedHeader {
  if (!inner) return parseHeader(bytes, "sealwire-env+jwt", { jwk: false });
  try {
    return parseHeader(bytes, "sealwire-envi+jwt", { jwk: false });
  } catch (cause) {
    return refuse("E_CRYPTO", "inner", "the inner header", cause);
  }
}
