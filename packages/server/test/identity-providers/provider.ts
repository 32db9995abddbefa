import { createServer as createHttp, type Server as HttpServer, type RequestListener } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import Provider, { type Configuration } from "oidc-provider";
import { onTestFinished, vi } from "vitest";
import { listen } from "../support/world.ts";

export const CLIENT = "app";
const SECRET = "a secret of the test's client, long enough";

export type ProviderKey = JWK & { readonly kid: string };

/** A signing key with its private half, as a provider is configured with. */
export async function providerKey(alg: "ES256" | "RS256", kid: string): Promise<ProviderKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid, use: "sig" };
}

export interface ProviderOptions {
  readonly keys: readonly ProviderKey[];
  /** Which of the keys signs access tokens. */
  readonly alg: "ES256" | "RS256";
  /** `typ` of access tokens. Default: as the provider has it, "at+jwt". */
  readonly typ?: string;
  /** `iss` and the address in the metadata. Default: where the provider is. */
  readonly issuer?: string;
}

/** The path of the address at which the provider lives: Keycloak and Entra ID have one too. */
const PATH = "/realms/test";

/** An address for a provider, which comes and goes like one that is restarted. */
export async function providerSite(http: HttpServer | HttpsServer = createHttp(), scheme = "http") {
  const port = await listen(http as HttpServer);
  const issuer = `${scheme}://127.0.0.1:${port}${PATH}`;
  const paths: string[] = [];
  const down: RequestListener = (_, res) => res.writeHead(503).end();
  const site = { answer: down };
  http.on("request", (req, res) => {
    paths.push((req.url as string).replace(PATH, ""));
    site.answer(req, res);
  });
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const start = (options: ProviderOptions): void => {
    const callback = providerOf(options.issuer ?? issuer, options).callback();
    site.answer = (req, res) => {
      // Mounted at a path, as behind any router: what is left is the provider's, and originalUrl tells it the rest.
      Object.assign(req, { originalUrl: req.url, url: req.url?.replace(PATH, "") });
      callback(req, res);
    };
  };
  const stop = (): void => {
    site.answer = down;
  };
  const count = (path: string) => paths.filter((p) => p === path).length;
  return { issuer, site, start, stop, count, tokenEndpoint: `${issuer}/token` };
}

export type ProviderSite = Awaited<ReturnType<typeof providerSite>>;

function providerOf(issuer: string, { keys, alg, typ }: ProviderOptions): Provider {
  const configuration: Configuration = {
    jwks: { keys: [...keys] as never },
    clients: [
      {
        client_id: CLIENT,
        client_secret: SECRET,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: alg },
    cookies: { keys: ["of the test"] },
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          audience,
          scope: "chat.say chat.join",
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt: (_, __, parts) => (typ === undefined ? parts : Object.assign(parts, { header: { typ } })),
      },
    },
  };
  return new Provider(issuer, configuration);
}

/** It warns that it keeps everything in memory, which is what a test wants. */
export function quietProviders(): void {
  vi.spyOn(console, "warn").mockImplementation(() => {});
}

export interface TokenRequest {
  readonly resource: string;
  /** The key of the DPoP proof. Default: bearer. */
  readonly proof?: CryptoKeyPair;
}

/** An access token from the token endpoint, over HTTP like any client's. */
export async function fetchToken(endpoint: string, { resource, proof }: TokenRequest): Promise<string> {
  const basic = `${encodeURIComponent(CLIENT)}:${encodeURIComponent(SECRET)}`;
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      authorization: `Basic ${btoa(basic)}`,
      ...(proof === undefined ? {} : { dpop: await dpop(endpoint, proof) }),
    },
    body: new URLSearchParams({ grant_type: "client_credentials", resource, scope: "chat.say" }),
  });
  const body = (await response.json()) as { access_token?: string; error?: string; error_description?: string };
  if (body.access_token === undefined) throw new Error(`${response.status} ${body.error}: ${body.error_description}`);
  return body.access_token;
}

/** RFC 9449 section 4.2. */
export async function dpop(htu: string, { privateKey, publicKey }: CryptoKeyPair): Promise<string> {
  return await new SignJWT({ htm: "POST", htu, jti: crypto.randomUUID() })
    .setIssuedAt()
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: await exportJWK(publicKey) } as JWTHeaderParameters)
    .sign(privateKey);
}
