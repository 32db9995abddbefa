import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify } from "jose";
import { sha256 } from "./digest.ts";
import { refuse } from "./errors.ts";
import type { IssuerStore } from "./store.ts";

export const PROOF_ALGORITHMS: readonly string[] = ["ES256", "Ed25519"];
/** How far `iat` of a proof may lie from now, in either direction. */
const PROOF_SECONDS = 60;

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export interface ProofContext {
  readonly method: string;
  /** The endpoint as it is published: what a request says about its own address may come from a proxy, or from anybody. */
  readonly url: string;
  readonly store: IssuerStore;
  /** Milliseconds. */
  readonly now: () => number;
}

/**
 * Checks a DPoP proof by RFC 9449 section 4.3, without `ath` and nonce, and records it as used.
 * @returns the RFC 7638 thumbprint of its key
 */
export async function checkProof(proof: string, { method, url, store, now }: ProofContext): Promise<string> {
  // Two header fields arrive as one value with a comma.
  if (!COMPACT.test(proof)) return bad("the proof is not one compact JWT");
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    typ: "dpop+jwt",
    algorithms: [...PROOF_ALGORITHMS],
    currentDate: new Date(now()),
    requiredClaims: ["iat", "jti", "htm", "htu"],
  }).catch((error: unknown) => bad(reasonOf(error)));
  const { iat, jti, htm, htu } = payload;
  if (typeof jti !== "string" || jti === "" || jti.length > 256)
    return bad("jti is not a string of 1 to 256 characters");
  if (htm !== method) return bad("htm is not the method of the request");
  if (withoutQuery(htu) !== withoutQuery(url)) return bad("htu is not the address of the endpoint");
  if (typeof iat !== "number" || !(Math.abs(now() / 1000 - iat) <= PROOF_SECONDS)) {
    return bad(`iat is more than ${PROOF_SECONDS} seconds away`);
  }
  const thumbprint = await calculateJwkThumbprint(protectedHeader.jwk as object);
  // From now, not from iat: entries of equal life expire in the order in which they came.
  const expiresAt = Math.ceil(now() / 1000) + 2 * PROOF_SECONDS + 1;
  const added = await store.addProof(await sha256(`${thumbprint}.${jti}`), expiresAt);
  if (added === "known") return bad("the proof has been used");
  if (added === "full") return refuse("temporarily_unavailable", "too many proofs at a time");
  return thumbprint;
}

const bad = (description: string): never => refuse("invalid_dpop_proof", description);

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)
    return `${error.claim} is missing or wrong`;
  if (error instanceof errors.JOSEAlgNotAllowed) return `alg is not among ${PROOF_ALGORITHMS.join(", ")}`;
  return "the proof does not verify with the public key in its header";
}

function withoutQuery(address: unknown): string | undefined {
  if (typeof address !== "string" || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  url.search = "";
  url.hash = "";
  return url.href;
}
