import type { CryptoBackend, PublicJwk, Verifier } from "../crypto/backend.ts";
import { checkPublicJwk, signatureAlgOf } from "../crypto/jwk.ts";
import { fail, isIdentifier, isInteger } from "../envelope/claims.ts";
import { decodeObject } from "../envelope/claims-json.ts";
import { clientAuthHeader, type Header, proofHeader, type SignerId } from "../envelope/headers.ts";
import { parseHeader } from "../envelope/parsed-header.ts";
import { SealwireError } from "../errors.ts";
import { thumbprint } from "../keys/thumbprint.ts";
import { chain, type Maybe } from "../maybe.ts";
import { encodeBase64url, isBase64url } from "../wire/base64url.ts";
import { compactText, equal, utf8 } from "../wire/bytes.ts";
import { compactJws, decodeText, signingInput, type WireFrame } from "../wire/frame.ts";
import { passing } from "../wire/memory.ts";
import type { ProofKey } from "./client-handshake.ts";
import { sealHandshakeObject } from "./handshake-object.ts";
import type { HandshakeKeys } from "./schedule.ts";

export interface ClientAuthClaims {
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  readonly th: string;
}

export interface Credentials {
  readonly token: string;
  readonly tokenSentAtUpgrade: boolean;
  readonly proof: ProofKey | undefined;
}

export interface SealedClientAuth {
  readonly frame: WireFrame;
  /** p3 of the transcript. */
  readonly plaintext: Uint8Array;
}

/** `ath`: the hash that stands for a token that went with the upgrade request. Only a proof makes it mean anything. */
export function tokenHash(backend: CryptoBackend, token: string): Maybe<string> {
  return chain(backend.sha256(utf8.encode(token)), encodeBase64url);
}

export async function sealClientAuth(
  backend: CryptoBackend,
  keys: HandshakeKeys,
  auth: ClientAuthClaims,
  { token, tokenSentAtUpgrade, proof }: Credentials,
): Promise<SealedClientAuth> {
  const { aud, iat, exp, th } = auth;
  const byHash = proof !== undefined && tokenSentAtUpgrade;
  const credential = byHash ? { ath: await tokenHash(backend, token) } : { at: token };
  const claims = utf8.encode(JSON.stringify({ aud, iat, exp, th, ...credential }));
  const plaintext = proof === undefined ? claims : await prove(proof, claims);
  const header = clientAuthHeader(keys.kid, proof !== undefined);
  return { frame: await sealHandshakeObject(keys, header, plaintext), plaintext };
}

async function prove({ signer }: ProofKey, payload: Uint8Array): Promise<Uint8Array> {
  const header = proofHeader(signer.alg, signer.publicJwk).json;
  const signature = await signer.sign(signingInput(header, payload));
  return utf8.encode(compactJws({ form: 1, protected: header, payload, signature }));
}

/** CA after decryption and syntax checks. Nothing in it is believed before `proof.verify` and the token check. */
export interface OpenedClientAuth {
  readonly plaintext: Uint8Array;
  readonly claims: ClientAuthClaims;
  readonly at: string | undefined;
  readonly ath: string | undefined;
  readonly proof:
    | {
        readonly jwk: PublicJwk;
        readonly id: SignerId;
        /** By the key imported from `jwk`. */
        readonly verify: (verifier: Verifier) => Maybe<boolean>;
      }
    | undefined;
}

/** Both header variants are constants of the handshake: that which CA came in, or else that without a proof. */
export function clientAuthVariant(kid: string, frame: WireFrame): { readonly header: Header; readonly proof: boolean } {
  const proven = clientAuthHeader(kid, true);
  const proof = frame.form === 2 && equal(frame.protected, proven.json);
  return { header: proof ? proven : clientAuthHeader(kid, false), proof };
}

const DOT = 0x2e;

export function readClientAuth(
  backend: CryptoBackend,
  plaintext: Uint8Array,
  withProof: boolean,
): Maybe<OpenedClientAuth> {
  if (!withProof) return { plaintext, ...readClaims(plaintext), proof: undefined };
  const jws = decodeText(compactText(plaintext), "inner", passing);
  if (jws.form !== 1) throw new SealwireError("E_MALFORMED", { stage: "inner", detail: "CA holds no JWS" });
  const header = parseHeader(jws.protected, "sealwire-auth+jwt", { jwk: true });
  const checked = checkPublicJwk(header.jwk, "sign", { exact: true });
  if (!checked.ok) throw new SealwireError("E_KEY", { stage: "header", detail: checked.detail });
  const { jwk } = checked;
  const alg = signatureAlgOf(jwk);
  if (header.alg !== alg) throw new SealwireError("E_ALG");
  header.assertContentType();
  const claims = readClaims(jws.payload);
  // What was signed, as it came: base64url has one spelling here.
  const signed = plaintext.subarray(0, plaintext.lastIndexOf(DOT));
  const verify = (verifier: Verifier) => verifier.verify(signed, jws.signature);
  return chain(thumbprint(backend, jwk), (name) => ({
    plaintext,
    ...claims,
    proof: { jwk, id: { alg, thumbprint: name }, verify },
  }));
}

function readClaims(json: Uint8Array): Pick<OpenedClientAuth, "claims" | "at" | "ath"> {
  const { aud, iat, exp, th, at, ath } = decodeObject(json, fail, (path) => path[0] === "iat" || path[0] === "exp");
  if (!isIdentifier(aud)) return fail("aud is not an identifier");
  if (!isInteger(iat, 0) || !isInteger(exp, 0)) return fail("iat or exp is not a NumericDate");
  if (exp < iat) return fail("exp is before iat");
  if (typeof th !== "string" || !isBase64url(th, 43)) return fail("th is not a hash");
  if ((at === undefined) === (ath === undefined)) return fail("exactly one of at and ath is required");
  if (at !== undefined && typeof at !== "string") return fail("at is not a string");
  if (ath !== undefined && !(typeof ath === "string" && isBase64url(ath, 43))) return fail("ath is not a hash");
  return { claims: { aud, iat, exp, th }, at, ath: ath as string | undefined };
}
