// Every key of the vectors, by its label.
import { createECDH, createPrivateKey, createPublicKey } from "node:crypto";
import { type Bytes, b64u, json, labelled, sha256 } from "./bytes.ts";

export interface Jwk {
  readonly kty: "EC" | "OKP" | "oct";
  readonly crv?: "P-256" | "Ed25519" | "X25519";
  readonly x?: string;
  readonly y?: string;
  readonly d?: string;
  readonly k?: string;
  readonly alg?: string;
}

export type Kind = "ES256" | "Ed25519" | "p256" | "x25519";

/** PrivateKeyInfo up to the 32 bytes of the key (RFC 8410 section 7). */
const PKCS8 = { Ed25519: "302e020100300506032b657004220420", X25519: "302e020100300506032b656e04220420" };

function okp(crv: "Ed25519" | "X25519", d: Bytes): Jwk {
  const der = Buffer.concat([Buffer.from(PKCS8[crv], "hex"), d]);
  const jwk = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({ format: "jwk" });
  return { kty: "OKP", crv, x: jwk.x as string, d: b64u(d) };
}

function ec(d: Bytes): Jwk {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  return { kty: "EC", crv: "P-256", x: b64u(point.subarray(1, 33)), y: b64u(point.subarray(33)), d: b64u(d) };
}

/** The private JWK of 32 bytes. Signing keys carry `alg`, keys of key agreement do not. */
export function keyOf(d: Bytes, kind: Kind): Jwk {
  const made = kind === "Ed25519" ? okp("Ed25519", d) : kind === "x25519" ? okp("X25519", d) : ec(d);
  return kind === "ES256" || kind === "Ed25519" ? { ...made, alg: kind } : made;
}

/** The private JWK of a label. */
export const key = (label: string, kind: Kind): Jwk => keyOf(labelled(label), kind);

/** Members of the wire in the order of the wire. */
export function wireJwk({ kty, crv, x, y }: Jwk): Jwk {
  return { kty, crv, x, ...(y === undefined ? {} : { y }) } as Jwk;
}

/** Public members and `alg`: what a configuration holds. */
export function publicJwk(jwk: Jwk): Jwk {
  return { ...wireJwk(jwk), ...(jwk.alg === undefined ? {} : { alg: jwk.alg }) };
}

/** RFC 7638 section 3: required members in the order of their names. */
export function thumbprint({ kty, crv, x, y }: Jwk): string {
  return b64u(sha256(json(kty === "EC" ? { crv, kty, x, y } : { crv, kty, x })));
}
