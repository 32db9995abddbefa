import { generateKey, generateProofKey, type JWKS } from "@sealwire/core";
import {
  calculateJwkThumbprint,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  type JWTHeaderParameters,
  SignJWT,
} from "jose";

export const SERVER_ID = "https://chat.example";
export const ISSUER = "https://idp.example";

export const now = (): number => Math.floor(Date.now() / 1000);

/** An issuer's signing key: `kid` as issuers publish them. */
export async function issuerKey(alg = "ES256", kid = `${alg}-1`) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg, kid, use: "sig" };
  return { alg, kid, jwk, privateKey, pem: await exportPKCS8(privateKey) };
}

export type IssuerKey = Awaited<ReturnType<typeof issuerKey>>;

/** Made once per test file: key generation is not what is tested. */
export const identityKey = await generateKey();
export const issuer = await issuerKey();
export const proof = await generateProofKey();

export const serverJwks: JWKS = { keys: [identityKey.publicJwk] };
export const jwksOf = (...keys: readonly IssuerKey[]): JWKS => ({ keys: keys.map((k) => k.jwk) });

/** A good token is `claims()` signed; each case of a test changes one thing. Undefined removes a member. */
export const claims = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  iss: ISSUER,
  aud: SERVER_ID,
  sub: "alice",
  iat: now(),
  exp: now() + 600,
  scope: "chat.say chat.msg chat.join",
  jti: "jti-1",
  client_id: "app",
  ...over,
});

export async function token(
  over: Record<string, unknown> = {},
  { header = {}, key = issuer }: { header?: Record<string, unknown>; key?: IssuerKey } = {},
): Promise<string> {
  const protectedHeader = { alg: key.alg, typ: "at+jwt", kid: key.kid, ...header } as JWTHeaderParameters;
  return await new SignJWT(claims(over)).setProtectedHeader(protectedHeader).sign(key.privateKey);
}

export const b64u = (text: string | Uint8Array): string => Buffer.from(text as string).toString("base64url");

/** What a key-bound token names: the thumbprint of the proof key. */
export const jktOf = async (pair: CryptoKeyPair): Promise<string> =>
  await calculateJwkThumbprint(await exportJWK(pair.publicKey));
