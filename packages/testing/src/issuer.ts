import { importJWK, SignJWT } from "jose";
import { type FixedKey, fixedKey } from "./crypto.ts";

export const SERVER_ID = "https://server.test";
const ISSUER = "https://issuer.test";

/** Who is at the client's end. */
export interface TestPrincipal {
  /** Default: "alice". */
  readonly subject?: string;
  readonly scopes?: readonly string[];
  /** Further claims of the access token. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

const key = fixedKey("issuer");

/** What a server is told of the issuer. */
export const TOKENS: { readonly issuer: string; readonly keys: { readonly keys: FixedKey["publicJwk"][] } } = {
  issuer: ISSUER,
  keys: { keys: [{ ...key.publicJwk, kid: "1" } as FixedKey["publicJwk"]] },
};

/** An access token of `life` seconds. `now`: milliseconds; `jkt`: thumbprint of the key that it is bound to. */
export async function issue(
  { subject = "alice", scopes = [], claims = {} }: TestPrincipal,
  now: number,
  jkt?: string,
  life = 600,
): Promise<string> {
  const seconds = Math.floor(now / 1000);
  return await new SignJWT({ ...claims, scope: scopes.join(" "), ...(jkt === undefined ? {} : { cnf: { jkt } }) })
    .setProtectedHeader({ alg: "Ed25519", typ: "at+jwt", kid: "1" })
    .setSubject(subject)
    .setIssuer(ISSUER)
    .setAudience(SERVER_ID)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + life)
    .sign(await importJWK({ ...key.privateJwk }, "Ed25519"));
}
