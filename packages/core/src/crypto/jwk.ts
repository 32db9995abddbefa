import { SIGNATURE_ALGS, type SignatureAlg, type SuiteId } from "../registry.generated.ts";
import { decodeBase64url } from "../wire/base64url.ts";
import type { PrivateJwk, PublicJwk } from "./backend.ts";
import { validateEd25519, validateP256, validateX25519 } from "./points.ts";

/**
 * `members`: not an object with these members as strings; `point`: another type of key, or no valid point.
 * `detail` names a rule, never content.
 */
export type JwkCheck =
  | { readonly ok: true; readonly jwk: PublicJwk }
  | { readonly ok: false; readonly reason: "members" | "point"; readonly detail: string };

const KTY = { "P-256": "EC", X25519: "OKP", Ed25519: "OKP" } as const;

const CURVES = {
  sign: ["P-256", "Ed25519"],
  agree: ["P-256", "X25519"],
} as const satisfies Record<string, readonly PublicJwk["crv"][]>;

/**
 * Checks a public key that came from outside before any library sees it (specs: every received key).
 * With `exact` its members are {kty,crv,x} or {kty,crv,x,y} and no others; else others are ignored.
 */
export function checkPublicJwk(value: unknown, use: "sign" | "agree", options: { exact?: boolean } = {}): JwkCheck {
  const [kty, crv, x, y] = [own(value, "kty"), own(value, "crv"), own(value, "x"), own(value, "y")];
  if (typeof kty !== "string" || typeof crv !== "string" || typeof x !== "string") {
    return refused("members", "kty, crv and x must be strings");
  }
  const curve = CURVES[use].find((name) => name === crv);
  if (options.exact) {
    const names = y === undefined ? 3 : 4;
    if (Object.keys(value as object).length !== names) return refused("members", "members beside kty, crv, x and y");
    if (curve !== undefined && curve !== "P-256" && y !== undefined)
      return refused("members", `y in a key on ${curve}`);
  }
  if (curve === undefined || KTY[curve] !== kty) {
    return refused("point", `not a key on ${CURVES[use].join(" or ")}`);
  }
  if (curve !== "P-256") {
    const bytes = coordinate(x);
    if (!bytes) return refused("point", "x is not canonical base64url of 32 bytes");
    if (!(curve === "X25519" ? validateX25519 : validateEd25519)(bytes))
      return refused("point", `no usable point on ${curve}`);
    return { ok: true, jwk: { kty: "OKP", crv: curve, x } };
  }
  if (typeof y !== "string") return refused("members", "y must be a string");
  const [bx, by] = [coordinate(x), coordinate(y)];
  if (!bx || !by) return refused("point", "x or y is not canonical base64url of 32 bytes");
  if (!validateP256(bx, by)) return refused("point", "no point on P-256");
  return { ok: true, jwk: { kty: "EC", crv: curve, x, y } };
}

/** The public members alone, in the order of the wire. */
export function publicJwkOf(jwk: PublicJwk): PublicJwk {
  const { kty, crv, x, y } = jwk;
  return crv === "P-256" && y !== undefined ? { kty, crv, x, y } : { kty, crv, x };
}

/** One key, one algorithm: `alg` follows from the type of the key (RFC 8725 section 3.1). */
export function signatureAlgOf(jwk: PublicJwk): SignatureAlg {
  if (jwk.crv === "P-256") return "ES256";
  if (jwk.crv === "Ed25519") return "Ed25519";
  throw new TypeError(`A key on ${jwk.crv} cannot sign.`);
}

/** What is wrong with the `alg` of a configured key, which is required and must be that of its type. */
export function faultOfAlg(jwk: PublicJwk, alg: unknown): string | undefined {
  const expected = signatureAlgOf(jwk);
  if (alg === expected) return undefined;
  if (alg === undefined) return `it has no alg: add "alg": "${expected}"`;
  if (alg === "EdDSA" && expected === "Ed25519") return 'its alg is "EdDSA": write "Ed25519" (RFC 9864)';
  return `its alg is not "${expected}", the algorithm of a key on ${jwk.crv}`;
}

/** @throws TypeError whose text never holds a member's value */
export function assertPrivateJwk(jwk: unknown): PrivateJwk {
  const fault = (text: string): never => {
    throw new TypeError(`Not a private signing key: ${text}. generateKey() makes one.`);
  };
  if (typeof jwk !== "object" || jwk === null) return fault("a JWK object is expected");
  const checked = checkPublicJwk(jwk, "sign");
  if (!checked.ok) return fault(checked.detail);
  const d = own(jwk, "d");
  if (d === undefined) return fault("it has no d, so it is a public key");
  if (typeof d !== "string" || !coordinate(d)) return fault("d is not canonical base64url of 32 bytes");
  const alg = faultOfAlg(checked.jwk, own(jwk, "alg"));
  if (alg !== undefined) return fault(alg);
  return { ...checked.jwk, d, alg: signatureAlgOf(checked.jwk) };
}

/** What the JWK of a recipient key has as `alg`: told apart from a key that signs, although both can be on P-256. */
export const RECIPIENT_ALG = "ECDH-ES";

/** A recipient key of encrypted envelopes. @throws TypeError whose text never holds a member's value */
export function assertRecipientJwk(jwk: unknown): PublicJwk {
  const fault = faultOfRecipient(jwk);
  if (fault !== undefined) throw new TypeError(`Not a recipient key: ${fault}. generateRecipientKey() makes one.`);
  return publicJwkOf(jwk as PublicJwk);
}

/** The private half. @throws TypeError whose text never holds a member's value */
export function assertDecryptionJwk(jwk: unknown): PrivateJwk {
  const d = own(jwk, "d");
  const fault =
    faultOfRecipient(jwk) ??
    (typeof d === "string" && coordinate(d) ? undefined : "d is not canonical base64url of 32 bytes");
  if (fault !== undefined) throw new TypeError(`Not a decryption key: ${fault}. generateRecipientKey() makes one.`);
  return { ...publicJwkOf(jwk as PublicJwk), d: d as string, alg: RECIPIENT_ALG };
}

function faultOfRecipient(jwk: unknown): string | undefined {
  const checked = checkPublicJwk(jwk, "agree");
  if (!checked.ok) return checked.detail;
  return own(jwk, "alg") === RECIPIENT_ALG ? undefined : `its alg is not "${RECIPIENT_ALG}"`;
}

export const suiteOf = (jwk: PublicJwk): SuiteId => (jwk.crv === "X25519" ? "x25519" : "p256");

/** @throws TypeError unless it is one of the registry's; for callers without types */
export function assertSignatureAlg(alg: unknown): SignatureAlg {
  const found = SIGNATURE_ALGS.find((name) => name === alg);
  if (found === undefined) throw new TypeError(`The algorithm of a signing key is ${SIGNATURE_ALGS.join(" or ")}.`);
  return found;
}

/** An own member only: nothing may come from a prototype. */
export function own(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function coordinate(text: string): Uint8Array | undefined {
  if (text.length !== 43) return undefined;
  try {
    return decodeBase64url(text);
  } catch {
    return undefined;
  }
}

function refused(reason: "members" | "point", detail: string): JwkCheck {
  return { ok: false, reason, detail };
}
