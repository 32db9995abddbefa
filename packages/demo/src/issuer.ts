import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

/**
 * DEVELOPMENT ISSUER. It hands an access token to whoever asks, without a password, and forgets its key when the
 * process ends. It exists so that the demo needs no identity provider; never run it where anybody else can reach it.
 */
export interface DevIssuer {
  readonly issuer: string;
  readonly jwks: { keys: JWK[] };
  issue(user: string, options?: IssueOptions): Promise<string>;
}

export interface IssueOptions {
  /** Seconds until the token expires. Default 3,600. */
  readonly lifetime?: number | undefined;
  /** Issue it as it would look an hour after its expiry. */
  readonly expired?: boolean | undefined;
  /** RFC 7638 thumbprint of the key that the token is bound to (RFC 7800 `cnf.jkt`). */
  readonly jkt?: string | undefined;
}

/** A scope names a family of topics: `chat` grants every topic `chat.*`. */
export const USERS: Readonly<Record<string, { readonly title: string; readonly scopes: readonly string[] }>> = {
  alice: { title: "Alice", scopes: ["chat", "file"] },
  bob: { title: "Bob", scopes: ["chat", "file"] },
  // Carol has no `file` scope, so that the demo can show a message refused by authorization alone.
  carol: { title: "Carol (chat only)", scopes: ["chat"] },
  bot: { title: "Bot", scopes: ["chat", "file"] },
};

export async function createDevIssuer(options: { issuer: string; audience: string }): Promise<DevIssuer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const kid = `dev-${crypto.randomUUID().slice(0, 8)}`;
  const jwk: JWK = { ...(await exportJWK(publicKey)), alg: "ES256", use: "sig", kid };

  return {
    issuer: options.issuer,
    jwks: { keys: [jwk] },
    async issue(user, { lifetime = 3600, expired = false, jkt } = {}) {
      const known = Object.hasOwn(USERS, user) ? USERS[user] : undefined;
      if (!known) throw new RangeError(`There is no user "${user}"; known are ${Object.keys(USERS).join(", ")}.`);
      const now = Math.floor(Date.now() / 1000);
      const iat = expired ? now - lifetime - 3600 : now;
      return new SignJWT({
        client_id: "sealwire-demo",
        scope: known.scopes.join(" "),
        ...(jkt === undefined ? {} : { cnf: { jkt } }),
      })
        .setProtectedHeader({ alg: "ES256", kid, typ: "at+jwt" }) // RFC 9068, section 2.1
        .setIssuer(options.issuer)
        .setSubject(user)
        .setAudience(options.audience)
        .setIssuedAt(iat)
        .setExpirationTime(iat + lifetime)
        .setJti(crypto.randomUUID())
        .sign(privateKey);
    },
  };
}
