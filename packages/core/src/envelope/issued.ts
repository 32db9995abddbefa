// The one module of core that imports jose, and it imports no other: few pages verify evidence, and only those load it.
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { EvidenceIssuer } from "./evidence.ts";

export interface IssuedToken {
  readonly issuer: string;
  readonly payload: JWTPayload;
}

/** The token by the first of the issuers that signed it: its signature counts, not its expiry. */
export async function issuedToken(token: string, issuers: readonly EvidenceIssuer[]): Promise<IssuedToken | undefined> {
  for (const { issuer, keys, typ = "at+jwt", algorithms = ["ES256", "Ed25519"] } of issuers) {
    if (algorithms.some((alg) => alg === "none" || alg.startsWith("HS")))
      throw new TypeError("issuers.algorithms: only signatures");
    const payload = await jwtVerify(token, createLocalJWKSet(keys as unknown as JSONWebKeySet), {
      issuer,
      typ,
      algorithms: [...algorithms],
      // A moment at which nothing has expired yet; `nbf` and `iat` are not what evidence is about either.
      currentDate: new Date(0),
      clockTolerance: Number.MAX_SAFE_INTEGER,
      requiredClaims: ["sub", "exp"],
    }).then(
      (verified) => verified.payload,
      () => undefined,
    );
    if (payload !== undefined) return { issuer, payload };
  }
  return undefined;
}
