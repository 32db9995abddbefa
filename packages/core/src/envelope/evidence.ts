import { backend } from "#backend";
import type { PublicJwk } from "../crypto/backend.ts";
import { checkPublicJwk } from "../crypto/jwk.ts";
import { notFatal, SealwireError } from "../errors.ts";
import { createKeySet, type Jwks } from "../keys/keyset.ts";
import { thumbprint } from "../keys/thumbprint.ts";
import type { SignatureAlg } from "../registry.generated.ts";
import { decodeText, signingInput } from "../wire/frame.ts";
import type { Data } from "../wire/json.ts";
import { checkApplicationClaims } from "./claims.ts";
import { decodeClaims } from "./codec.ts";
import { parseHeader } from "./parsed-header.ts";

/** What an auditor needs of one message: the signature, the key, and who the key belongs to. */
export interface SignedEvidence {
  /** The compact JWS as its signer made it. */
  readonly jws: string;
  /** The signer's public key. */
  readonly jwk: PublicJwk;
  /** The access token that binds the key to a subject (`cnf.jkt`); absent for messages of the server. */
  readonly token?: string;
}

export interface EvidenceIssuer {
  readonly issuer: string;
  readonly keys: Jwks;
  /** Default: "at+jwt". */
  readonly typ?: string;
  /** Default: ES256 and Ed25519. */
  readonly algorithms?: readonly string[];
}

export interface EvidenceOptions {
  /** The server's identity and pinned keys: proves its own messages. */
  readonly server?: { readonly id: string; readonly keys: Jwks };
  /** Issuers of access tokens and their keys of that time: prove whose key signed a client's message. */
  readonly issuers?: readonly EvidenceIssuer[];
}

export interface VerifiedEvidence {
  /** The subject of the token for a client's message; the server's id for a server's. */
  readonly signer: { readonly kind: "client" | "server"; readonly id: string; readonly issuer?: string };
  readonly thumbprint: string;
  readonly audience: string;
  readonly seq: number;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** More than one where the message was a batch. */
  readonly items: readonly { readonly topic: string; readonly data: Data }[];
}

/** Base64url segments and nothing else: libraries accept white space around them. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const refuse = (code: "E_KEY" | "E_ALG" | "E_CRYPTO", detail: string): never => {
  throw new SealwireError(code, { fatal: false, detail });
};

/** Step 4 of the specification: whose key it is. */
const refuseOwner = (code: "E_KEY" | "E_TOKEN" | "E_POP", detail: string): never => {
  throw new SealwireError(code, { fatal: false, stage: "claims", detail });
};

/**
 * Verifies that a message was signed by the key in the bundle and that this key is the server's, or was bound by an
 * issuer to the subject that it returns.
 *
 * Not checked: expiry (evidence is looked at later), replay, whether the message arrived, whether `iat` is true, and
 * whether the issuer saw a proof of the key before it bound it: one that binds any key on request proves nothing.
 *
 * @throws SealwireError E_MALFORMED, E_B64, E_HEADER, E_TYP, E_KEY, E_ALG, E_CTY, E_CRYPTO, E_CLAIMS, E_TOKEN, E_POP
 * @see specs/envelope.md, evidence
 */
export async function verifyEvidence(evidence: SignedEvidence, options: EvidenceOptions): Promise<VerifiedEvidence> {
  try {
    return await verified(evidence, options);
  } catch (error) {
    throw notFatal(error);
  }
}

async function verified(evidence: SignedEvidence, options: EvidenceOptions): Promise<VerifiedEvidence> {
  const frame = decodeText(evidence.jws);
  if (frame.form !== 1) throw new SealwireError("E_MALFORMED", { fatal: false, detail: "not a JWS" });
  const header = parseHeader(frame.protected, "sealwire+jwt", { jwk: false });
  const checked = checkPublicJwk(evidence.jwk, "sign");
  if (!checked.ok) return refuse("E_KEY", checked.detail);
  const print = await thumbprint(backend, checked.jwk);
  if (header.kid !== print) return refuse("E_KEY", "kid is not the thumbprint of the key");
  const verifier = await backend.importVerifier(checked.jwk);
  if (header.alg !== (verifier.alg satisfies SignatureAlg)) return refuse("E_ALG", "alg is not the key's");
  header.assertContentType("sealwire+cbor");
  const codec = header.cty === undefined ? "json" : "cbor";
  if ((await verifier.verify(signingInput(frame.protected, frame.payload), frame.signature)) !== true) {
    return refuse("E_CRYPTO", "the signature does not verify");
  }
  const claims = checkApplicationClaims(decodeClaims(codec, frame.payload), "nest");
  const iss = claims.iss as string;
  const signer = iss === print ? await clientOf(evidence.token, print, options) : await serverOf(iss, print, options);
  return {
    signer,
    thumbprint: print,
    audience: claims.aud as string,
    seq: claims.seq,
    issuedAt: new Date((claims.iat as number) * 1000),
    expiresAt: new Date(claims.exp * 1000),
    items: claims.items.map(({ topic, data }) => ({ topic, data })),
  };
}

async function serverOf(iss: string, print: string, { server }: EvidenceOptions): Promise<VerifiedEvidence["signer"]> {
  if (server === undefined || server.id !== iss) return refuseOwner("E_KEY", "iss is neither the key nor the server");
  const keys = await createKeySet(backend, server.keys, { source: "configured" });
  return keys.find(print) === undefined
    ? refuseOwner("E_KEY", "the key is not one of the server's")
    : { kind: "server", id: iss };
}

/** Only the token links the key to a person. */
async function clientOf(
  token: string | undefined,
  print: string,
  { issuers = [] }: EvidenceOptions,
): Promise<VerifiedEvidence["signer"]> {
  if (token === undefined) return refuseOwner("E_TOKEN", "the message of a client comes without its token");
  if (!COMPACT.test(token)) return refuseOwner("E_TOKEN", "the token is not a compact JWT");
  const { issuedToken } = await import("./issued.ts");
  const issued = await issuedToken(token, issuers);
  if (issued === undefined) return refuseOwner("E_TOKEN", "no configured issuer signed the token");
  const { sub, cnf } = issued.payload;
  if (typeof sub !== "string") return refuseOwner("E_TOKEN", "sub is not a string");
  const bound = cnf as Record<string, unknown> | undefined;
  if (bound?.jkt !== print || Object.keys(bound).length !== 1)
    return refuseOwner("E_POP", "the token is bound to another key");
  return { kind: "client", id: sub, issuer: issued.issuer };
}
