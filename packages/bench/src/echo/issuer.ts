import { randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

/** Of the server. */
export const ID = "https://bench.invalid";
const CLIENT = "bench";
export const ISSUER = "https://issuer.invalid";
const ALG = "ES256";

export interface Issuer {
  readonly jwk: JWK;
  /** `thumbprint`: of the key that it is bound to. */
  accessToken(thumbprint?: string): Promise<string>;
}

/**
 * As one elsewhere makes tokens. One in this process is asked for its keys by a Response, and once a body was read the
 * engine looks at each access to bytes whether their memory was taken away: `ws` then needs more time to unmask.
 */
export async function issuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(ALG);
  const jwk = { ...(await exportJWK(publicKey)), kid: "bench", alg: ALG, use: "sig" };
  const accessToken = (thumbprint?: string): Promise<string> => {
    const cnf = thumbprint === undefined ? {} : { cnf: { jkt: thumbprint } };
    return new SignJWT({ client_id: CLIENT, jti: randomBytes(16).toString("base64url"), ...cnf })
      .setProtectedHeader({ alg: ALG, typ: "at+jwt", kid: jwk.kid })
      .setIssuer(ISSUER)
      .setSubject("alice")
      .setAudience(ID)
      .setIssuedAt()
      .setExpirationTime("10h")
      .sign(privateKey);
  };
  return { jwk, accessToken };
}
