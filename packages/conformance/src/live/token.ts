// Access tokens (RFC 9068) of the test issuer.
import { randomUUID } from "node:crypto";
import { jws } from "../kit/jose.ts";
import type { Jwk } from "../kit/keys.ts";
import type { TokenIssuer } from "./config.ts";

type Members = Record<string, unknown>;

export function mint(
  issuer: TokenIssuer,
  audience: string,
  scope: string,
  changes: Members = {},
  header: Members = {},
  signer: Jwk = issuer.key,
): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer.name,
    sub: "conformance",
    aud: audience,
    client_id: "conformance",
    iat: now,
    exp: now + 600,
    jti: randomUUID(),
    scope,
    ...changes,
  };
  const { alg, kid } = issuer.key;
  return jws({ alg, ...(kid === undefined ? {} : { kid }), typ: "at+jwt", ...header }, claims, signer);
}
