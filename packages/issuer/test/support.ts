import {
  createDevelopmentIssuer,
  DEVELOPMENT_GRANT,
  type DevelopmentIssuerOptions,
  type TokenResponse,
} from "@sealwire/issuer";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from "jose";

export const ISSUER = "https://login.example";
export const AUDIENCE = "https://chat.example";
export const SECRET = "s3cret:with/odd+characters";
export const START = 1_893_456_000;

/** An issuer on virtual time, seconds. */
export async function startIssuer(over: Partial<DevelopmentIssuerOptions> = {}) {
  const clock = { seconds: START };
  const errors: unknown[] = [];
  const accounts: Record<string, { scopes: string[]; claims?: Record<string, unknown> }> = {
    alice: { scopes: ["chat.say", "chat.join"], claims: { roles: ["admin"], groups: ["staff"] } },
    bob: { scopes: [] },
  };
  const issuer = await createDevelopmentIssuer({
    issuer: ISSUER,
    audience: AUDIENCE,
    clients: { app: {}, other: {}, service: { secret: SECRET, scopes: ["job.run"], claims: { roles: ["worker"] } } },
    accounts: (subject) => accounts[subject],
    now: () => clock.seconds * 1000,
    onError: (error) => errors.push(error),
    ...over,
  });
  const base = over.issuer ?? ISSUER;
  const get = (path: string) => issuer.handle(new Request(`${base}${path}`));
  const post = async (path: string, form: Form, headers: Record<string, string> = {}) => {
    const response = await issuer.handle(
      new Request(`${base}${path}`, { method: "POST", body: new URLSearchParams(form), headers }),
    );
    return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
  };
  const signIn = (form: Form = {}, headers = {}) =>
    post("/token", { grant_type: DEVELOPMENT_GRANT, client_id: "app", subject: "alice", ...form }, headers);
  const refresh = (token: string, form: Form = {}, headers = {}) =>
    post("/token", { grant_type: "refresh_token", client_id: "app", refresh_token: token, ...form }, headers);
  const revoke = (token: string, form: Form = {}) => post("/revoke", { client_id: "app", token, ...form });
  const jwks = async () => (await (await get("/jwks")).json()) as { keys: { kid: string }[] };
  return { issuer, clock, accounts, errors, get, post, signIn, refresh, revoke, jwks };
}

type Form = Record<string, string>;
export type Body = Partial<TokenResponse> & { error?: string; error_description?: string };
export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

/** The tokens of a response that has to be a success. */
export function tokensOf({ status, body }: { status: number; body: Body }): {
  accessToken: string;
  refreshToken: string;
} {
  if (status !== 200) throw new Error(`${status} ${body.error}: ${body.error_description}`);
  return { accessToken: body.access_token as string, refreshToken: body.refresh_token as string };
}

export async function proofKey(alg = "ES256") {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return {
    alg,
    privateKey,
    jwk,
    privateJwk: await exportJWK(privateKey),
    thumbprint: await calculateJwkThumbprint(jwk),
  };
}

export interface ProofParts {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
}

/** A good proof; each case of a test changes one thing. Undefined removes a member. */
export async function proofOf(key: Awaited<ReturnType<typeof proofKey>>, { claims, header }: ProofParts = {}) {
  const payload = { htm: "POST", htu: `${ISSUER}/token`, iat: START, jti: crypto.randomUUID(), ...claims };
  const protectedHeader = { alg: key.alg, typ: "dpop+jwt", jwk: key.jwk, ...header } as JWTHeaderParameters;
  return await new SignJWT(payload).setProtectedHeader(protectedHeader).sign(key.privateKey);
}
