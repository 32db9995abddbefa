import { checkProof, PROOF_ALGORITHMS } from "./dpop.ts";
import { OAuthError, refuse } from "./errors.ts";
import type { Grants, TokenResponse } from "./grants.ts";
import type { KeyRing } from "./keys.ts";
import type { Checked } from "./options.ts";
import { type AuthenticatedClient, clientOf, formOf, required } from "./request.ts";
import type { IssuerStore } from "./store.ts";

/** Signs in whatever user the parameter `subject` names: there is no password, and no authentication. */
export const DEVELOPMENT_GRANT = "urn:sealwire:grant:development";

interface Parts {
  readonly options: Checked;
  readonly store: IssuerStore;
  readonly grants: Grants;
  readonly keys: KeyRing;
  readonly onError: (error: unknown) => void;
}

interface Route {
  readonly method: "GET" | "POST";
  readonly answer: (request: Request) => Promise<Response> | Response;
}

/** The endpoints, by path: metadata (RFC 8414), key set, token (RFC 6749), revocation (RFC 7009). */
export function createHandler(parts: Parts): (request: Request) => Promise<Response> {
  const { options, keys, onError } = parts;
  const base = options.issuer.replace(/\/$/, "");
  const endpoints = { token: `${base}/token`, revocation: `${base}/revoke`, jwks: `${base}/jwks` };
  const metadata = metadataOf(options.issuer, endpoints);
  const path = new URL(base).pathname.replace(/\/$/, "");
  const get = (body: () => object): Route => ({ method: "GET", answer: () => json(200, body()) });
  const routes: Readonly<Record<string, Route>> = {
    [`/.well-known/oauth-authorization-server${path}`]: get(() => metadata),
    [`${path}/.well-known/openid-configuration`]: get(() => metadata),
    [`${path}/jwks`]: get(() => ({ keys: keys.published.map(({ publicJwk }) => publicJwk) })),
    [`${path}/token`]: { method: "POST", answer: (request) => token(request, endpoints.token, parts) },
    [`${path}/revoke`]: { method: "POST", answer: (request) => revoke(request, parts) },
  };
  return async (request) => {
    const { pathname } = new URL(request.url);
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
    if (route === undefined) return new Response(null, { status: 404 });
    if (request.method !== route.method) return new Response(null, { status: 405, headers: { allow: route.method } });
    try {
      return await route.answer(request);
    } catch (error) {
      if (error instanceof OAuthError) return failure(error, request);
      onError(error);
      return json(500, { error: "server_error" });
    }
  };
}

const metadataOf = (issuer: string, endpoints: { token: string; revocation: string; jwks: string }): object => {
  const authentication = ["client_secret_basic", "client_secret_post", "none"];
  return {
    issuer,
    token_endpoint: endpoints.token,
    jwks_uri: endpoints.jwks,
    revocation_endpoint: endpoints.revocation,
    response_types_supported: [],
    grant_types_supported: ["client_credentials", "refresh_token", DEVELOPMENT_GRANT],
    token_endpoint_auth_methods_supported: authentication,
    revocation_endpoint_auth_methods_supported: authentication,
    dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
  };
};

async function token(request: Request, url: string, parts: Parts): Promise<Response> {
  const { options, store } = parts;
  const form = await formOf(request);
  const client = await clientOf(request, form, options.clients);
  const resource = form.get("resource");
  if (resource !== undefined && resource !== options.audience) {
    return refuse("invalid_target", "resource is not the audience of this issuer");
  }
  const proof = request.headers.get("dpop");
  const { method } = request;
  const thumbprint = proof === null ? undefined : await checkProof(proof, { method, url, store, now: options.now });
  return json(200, await grant(form, client, thumbprint, parts.grants));
}

async function grant(
  form: ReadonlyMap<string, string>,
  client: AuthenticatedClient,
  thumbprint: string | undefined,
  grants: Grants,
): Promise<TokenResponse> {
  const request = { clientId: client.id, scope: form.get("scope"), thumbprint };
  switch (required(form, "grant_type")) {
    case DEVELOPMENT_GRANT:
      return await grants.signIn(required(form, "subject"), request);
    case "refresh_token":
      return await grants.refresh({ ...request, refreshToken: required(form, "refresh_token") });
    case "client_credentials":
      if (client.secret === undefined) return refuse("unauthorized_client", "the client has no secret");
      return await grants.clientCredentials({ ...client, scopes: client.scopes ?? [] }, request);
    default:
      return refuse("unsupported_grant_type", "see grant_types_supported");
  }
}

async function revoke(request: Request, { options, grants }: Parts): Promise<Response> {
  const form = await formOf(request);
  const client = await clientOf(request, form, options.clients);
  await grants.revoke(required(form, "token"), client.id);
  return json(200, {});
}

function failure({ code, message }: OAuthError, request: Request): Response {
  const body = { error: code, error_description: message };
  if (code === "temporarily_unavailable") return json(503, body);
  const challenged = code === "invalid_client" && request.headers.has("authorization");
  return challenged ? json(401, body, { "www-authenticate": 'Basic realm="issuer"' }) : json(400, body);
}

const json = (status: number, body: object, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
