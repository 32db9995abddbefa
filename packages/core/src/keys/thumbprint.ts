import type { CryptoBackend, PublicJwk } from "../crypto/backend.ts";
import { chain, type Maybe } from "../maybe.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { passingUtf8 } from "../wire/bytes.ts";

/** RFC 7638 with SHA-256: 43 characters. The required members in the order of their names, without white space. */
export function thumbprint(backend: CryptoBackend, jwk: PublicJwk): Maybe<string> {
  const { crv, kty, x, y } = jwk;
  const members = crv === "P-256" ? { crv, kty, x, y } : { crv, kty, x };
  return chain(backend.sha256(passingUtf8(JSON.stringify(members))), encodeBase64url);
}
