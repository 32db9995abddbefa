// Standalone envelopes (specs/envelope.md, section 13), right or wrong at every place.
import { type Bytes, json, labelled } from "./bytes.ts";
import { type Content, ecdhEsKey, full, jwe, jws, type Message } from "./jose.ts";
import { type Jwk, thumbprint, wireJwk } from "./keys.ts";

export type Claims = Readonly<Record<string, unknown>>;

export interface Envelope {
  readonly wire: "text" | "binary";
  readonly signer: Jwk;
  /** Present in an encrypted envelope: whom it is for, and the sealer's key of one use. */
  readonly recipient?: Jwk;
  readonly ephemeral?: Jwk;
}

/** What is done otherwise than the specification says. */
export interface Faults {
  /** Protected header; of an encrypted envelope the outer one. */
  readonly header?: Content;
  /** Header of the JWS inside an encrypted envelope. */
  readonly inner?: Content;
  /** What signs. */
  readonly by?: Bytes | Jwk;
  readonly key?: Bytes;
  readonly iv?: Bytes;
  /** In place of a JWS inside an encrypted envelope. */
  readonly plaintext?: Content;
}

const jwsHeader = (signer: Jwk, typ: string): Claims => ({ alg: signer.alg, kid: thumbprint(signer), typ });

export const signedHeader = ({ signer }: Envelope): Claims => jwsHeader(signer, "sealwire-env+jwt");
export const innerHeader = ({ signer }: Envelope): Claims => jwsHeader(signer, "sealwire-envi+jwt");

export const outerHeader = ({ recipient, ephemeral }: Envelope): Claims => ({
  alg: "ECDH-ES",
  enc: "A256GCM",
  cty: "JWT",
  epk: wireJwk(ephemeral as Jwk),
  kid: thumbprint(recipient as Jwk),
  typ: "sealwire-envx+jwt",
});

const ORDER = "iss aud jti iat exp top ref dat bin pad".split(" ");

/** The claims in the order of the table; others follow. Bytes and strings stand as they are. */
export function encodeClaims(claims: Claims | Bytes | string): Bytes {
  if (claims instanceof Uint8Array) return claims;
  if (typeof claims === "string") return json(claims);
  const known = ORDER.map((name) => [name, claims[name]] as const);
  const others = Object.entries(claims).filter(([name]) => !ORDER.includes(name));
  return json(Object.fromEntries([...known, ...others]));
}

/** The JWS inside an encrypted envelope. */
export const innerJws = (envelope: Envelope, claims: Claims | Bytes | string, faults: Faults = {}): string =>
  jws(faults.inner ?? innerHeader(envelope), encodeClaims(claims), faults.by ?? envelope.signer);

/** Text form. */
export function compact(envelope: Envelope, claims: Claims | Bytes | string, faults: Faults = {}): string {
  const { signer, recipient, ephemeral } = envelope;
  if (recipient === undefined) {
    return jws(faults.header ?? signedHeader(envelope), encodeClaims(claims), faults.by ?? signer);
  }
  const key = faults.key ?? ecdhEsKey(ephemeral as Jwk, recipient);
  const iv = faults.iv ?? labelled("envelope iv").subarray(0, 12);
  const plaintext = faults.plaintext ?? innerJws(envelope, claims, faults);
  return jwe(faults.header ?? outerHeader(envelope), key, iv, plaintext);
}

export const envelopeMessage = (envelope: Envelope, claims: Claims | Bytes | string, faults: Faults = {}): Message =>
  full(envelope.wire, compact(envelope, claims, faults));
