import { DEFAULT_LIMITS, SealwireError } from "@sealwire/core";
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * An issuer's published keys: one fetch in flight, at least jwksCooldownSeconds apart whatever key ids tokens name,
 * refreshed after jwksMaxAgeSeconds, bounded in bytes and keys.
 */
export function remoteKeys(url: URL): JWTVerifyGetKey {
  if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.test(url.hostname))) {
    throw new TypeError(`tokens.keys: ${url.origin} is not https`);
  }
  const { jwksCooldownSeconds, jwksMaxAgeSeconds } = DEFAULT_LIMITS;
  return createRemoteJWKSet(url, {
    cooldownDuration: jwksCooldownSeconds * 1000,
    cacheMaxAge: jwksMaxAgeSeconds * 1000,
    timeoutDuration: 5000,
    [customFetch]: boundedFetch,
  });
}

async function boundedFetch(url: string, options: object): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: "error" });
  const body = await boundedText(response);
  if (response.status !== 200) return new Response(body, { status: response.status });
  const keys: unknown = (JSON.parse(body) as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) refuse("the address serves no key set");
  if ((keys as unknown[]).length > DEFAULT_LIMITS.jwksKeys) refuse("limit jwksKeys");
  return new Response(body, { status: 200, headers: { "content-type": "application/json" } });
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > DEFAULT_LIMITS.jwksBytes) refuse("limit jwksBytes");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refuse(detail: string): never {
  throw new SealwireError("E_TOKEN", { stage: "claims", detail: `key set: ${detail}` });
}
