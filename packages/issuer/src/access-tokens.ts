import { base64url, createLocalJWKSet, jwtVerify, SignJWT } from "jose";
import type { KeyRing } from "./keys.ts";
import type { Account, Checked } from "./options.ts";

export interface AccessTokenRequest {
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly claims: Account["claims"];
  readonly thumbprint: string | undefined;
  /** NumericDate. */
  readonly issuedAt: number;
}

export interface AccessToken {
  readonly token: string;
  /** `jti`. */
  readonly id: string;
  /** `exp`. */
  readonly expiresAt: number;
}

const OWN_CLAIMS = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "cnf"];
/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Makes and reads access tokens by RFC 9068. */
export class AccessTokens {
  readonly #o: Checked;
  readonly #keys: KeyRing;

  constructor(options: Checked, keys: KeyRing) {
    this.#o = options;
    this.#keys = keys;
  }

  /** @throws TypeError when the account has a claim that the issuer sets, or a scope that is not one word */
  async issue(request: AccessTokenRequest): Promise<AccessToken> {
    const { subject, clientId, scopes, claims = {}, thumbprint, issuedAt } = request;
    const taken = OWN_CLAIMS.find((name) => Object.hasOwn(claims, name));
    if (taken !== undefined) throw new TypeError(`accounts: the claim ${taken} is set by the issuer`);
    if (!scopes.every((scope) => SCOPE.test(scope))) throw new TypeError("accounts: a scope is not one word of ASCII");
    const id = base64url.encode(this.#o.randomBytes(16));
    const expiresAt = issuedAt + this.#o.accessTokenSeconds;
    const { kid, privateKey } = this.#keys.current;
    const payload = {
      ...claims,
      iss: this.#o.issuer,
      sub: subject,
      aud: this.#o.audience,
      iat: issuedAt,
      exp: expiresAt,
      jti: id,
      client_id: clientId,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
      ...(thumbprint === undefined ? {} : { cnf: { jkt: thumbprint } }),
    };
    const header = { alg: this.#o.algorithm, typ: "at+jwt", kid };
    return { token: await new SignJWT(payload).setProtectedHeader(header).sign(privateKey), id, expiresAt };
  }

  /** What a token of this issuer says that can still be used; undefined for everything else. */
  async read(token: string): Promise<{ id: string; clientId: unknown; expiresAt: number } | undefined> {
    const keys = createLocalJWKSet({ keys: this.#keys.published.map(({ publicJwk }) => publicJwk) });
    const { issuer, now } = this.#o;
    const options = { issuer, typ: "at+jwt", currentDate: new Date(now()), requiredClaims: ["exp", "jti"] };
    const verified = await jwtVerify(token, keys, options).catch(() => undefined);
    if (verified === undefined) return undefined;
    const { jti, client_id, exp } = verified.payload;
    return { id: jti as string, clientId: client_id, expiresAt: exp as number };
  }
}
