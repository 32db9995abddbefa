import { type Limits, SealwireError } from "@sealwire/core";
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * An issuer's published keys: one fetch in flight, at least jwksCooldownSeconds apart whatever key ids tokens name,
 * refreshed after jwksMaxAgeSeconds, bounded in bytes and keys.
 */
export function remoteKeys(url: URL, limits: Limits): JWTVerifyGetKey {
  if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.test(url.hostname))) {
    throw new TypeError(`tokens.keys: ${url.origin} is not https`);
  }
  const cooldown = limits.jwksCooldownSeconds * 1000;
  let last = Number.NEGATIVE_INFINITY;
  return createRemoteJWKSet(url, {
    cooldownDuration: cooldown,
    cacheMaxAge: limits.jwksMaxAgeSeconds * 1000,
    timeoutDuration: 5000,
    [customFetch]: async (address: string, options: object) => {
      // jose cools down after a success only: an address that is down would be asked for every token.
      // A clock that was set back does not keep it from asking.
      if (Math.abs(Date.now() - last) < cooldown) return refuse("fetched a short while ago");
      last = Date.now();
      return await boundedFetch(address, options, limits);
    },
  });
}

async function boundedFetch(url: string, options: object, { jwksKeys, jwksBytes }: Limits): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: "error" });
  const body = await boundedText(response, jwksBytes);
  if (response.status !== 200) return new Response(body, { status: response.status });
  const keys: unknown = (JSON.parse(body) as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) return refuse("the address serves no key set");
  if (keys.length > jwksKeys) return refuse("limit jwksKeys");
  return new Response(body, { status: 200, headers: { "content-type": "application/json" } });
}

async function boundedText(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > limit) return refuse("limit jwksBytes");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refuse(detail: string): never {
  throw new SealwireError("E_TOKEN", { stage: "claims", detail: `key set: ${detail}` });
}
