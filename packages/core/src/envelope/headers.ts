import type { PublicJwk } from "../crypto/backend.ts";
import type { Codec, Level, SignatureAlg } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { utf8 } from "../wire/bytes.ts";

/** A protected header: its JSON bytes, and the AAD of a JWE under it (the ASCII bytes of its base64url form). */
export interface Header {
  readonly json: Uint8Array;
  readonly aad: Uint8Array;
}

interface Members {
  alg: string;
  enc?: "A256GCM";
  cty?: "JWT" | "sealwire+cbor";
  epk?: PublicJwk;
  kid?: string;
  jwk?: PublicJwk;
  typ: string;
}

/** The member order of the literal that is passed is the order on the wire (specs/envelope.md, headers). */
function header(members: Members): Header {
  const json = utf8.encode(JSON.stringify(members));
  return { json, aad: utf8.encode(encodeBase64url(json)) };
}

const cborCty = (codec: Codec): { cty?: "sealwire+cbor" } => (codec === "cbor" ? { cty: "sealwire+cbor" } : {});

/** Header of control messages: A256GCM at every level, so that tokens and close reasons are never readable on the way. */
function controlHeader(kid: string): Header {
  return header({ alg: "dir", enc: "A256GCM", kid, typ: "sealwire-ctl+jwt" });
}

/** Header of application messages at one level; at `sig` the key is the signer's, elsewhere the derived key id. */
function applicationHeader(level: Level, codec: Codec, kid: string, signer?: SignerId): Header {
  switch (level) {
    case "mac":
      return header({ alg: "HS256", ...cborCty(codec), kid, typ: "sealwire+jwt" });
    case "aead":
      return header({ alg: "dir", enc: "A256GCM", ...cborCty(codec), kid, typ: "sealwire+jwt" });
    case "nest":
      return header({ alg: "dir", enc: "A256GCM", cty: "JWT", kid, typ: "sealwire+jwt" });
    case "sig":
      return signedHeader(codec, signer);
  }
}

/** The constant headers of one direction in one epoch: what its sealer writes and its opener admits. */
export interface SessionHeaders {
  readonly application: Header;
  readonly control: Header;
  /** The signed message inside `nest`. */
  readonly inner: Header | undefined;
}

export function sessionHeaders(level: Level, codec: Codec, kid: string, signer?: SignerId): SessionHeaders {
  return {
    application: applicationHeader(level, codec, kid, signer),
    control: controlHeader(kid),
    inner: level === "nest" ? signedHeader(codec, signer) : undefined,
  };
}

export interface SignerId {
  readonly alg: SignatureAlg;
  readonly thumbprint: string;
}

/** Header of the signed message: the whole of it at `sig`, the inner one at `nest`. */
function signedHeader(codec: Codec, signer: SignerId | undefined): Header {
  if (signer === undefined) throw new TypeError("levels sig and nest need a signing key on both sides");
  return header({ alg: signer.alg, ...cborCty(codec), kid: signer.thumbprint, typ: "sealwire+jwt" });
}

export const serverHelloHeader = (signer: SignerId): Header =>
  header({ alg: signer.alg, kid: signer.thumbprint, typ: "sealwire-sh+jwt" });

/** The hellos of a resume, both under the K of one chain. */
export const resumeHeader = (kid: string, hello: "ch" | "sh"): Header =>
  header({ alg: "HS256", kid, typ: `sealwire-${hello}+jwt` });

export const clientAuthHeader = (kid: string, proof: boolean): Header =>
  header({ alg: "dir", enc: "A256GCM", ...(proof ? { cty: "JWT" as const } : {}), kid, typ: "sealwire-ca+jwt" });

export const proofHeader = (alg: SignatureAlg, jwk: PublicJwk): Header =>
  header({ alg, jwk, typ: "sealwire-auth+jwt" });

export const serverReadyHeader = (kid: string): Header =>
  header({ alg: "dir", enc: "A256GCM", kid, typ: "sealwire-sr+jwt" });

/** `env` stands alone; `envi` is the same inside an encrypted envelope, and nowhere else. */
export const envelopeHeader = (signer: SignerId, inner: boolean): Header =>
  header({ alg: signer.alg, kid: signer.thumbprint, typ: inner ? "sealwire-envi+jwt" : "sealwire-env+jwt" });

export const encryptedEnvelopeHeader = (recipient: string, epk: PublicJwk): Header =>
  header({ alg: "ECDH-ES", enc: "A256GCM", cty: "JWT", epk, kid: recipient, typ: "sealwire-envx+jwt" });
