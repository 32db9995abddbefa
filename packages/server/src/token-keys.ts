import type { Limits } from "@sealwire/core";
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";
import { boundedFetch, cooldown, FETCH_TIMEOUT, isSecure, refuseKeys } from "./issuer-fetch.ts";

/** The gate before the key sets of one issuer: whatever addresses they have, they are fetched one at a time and apart. */
export const keySetGate = (limits: Limits): (() => void) => cooldown(limits, "key set");

/**
 * An issuer's published keys: one fetch in flight, at least jwksCooldownSeconds apart whatever key ids tokens name,
 * refreshed after jwksMaxAgeSeconds, bounded in bytes and keys.
 */
export function remoteKeys(url: URL, limits: Limits, gate: () => void = keySetGate(limits)): JWTVerifyGetKey {
  if (!isSecure(url)) throw new TypeError(`tokens.keys: ${url.origin} is not https`);
  return createRemoteJWKSet(url, {
    cooldownDuration: limits.jwksCooldownSeconds * 1000,
    cacheMaxAge: limits.jwksMaxAgeSeconds * 1000,
    timeoutDuration: FETCH_TIMEOUT,
    [customFetch]: async (address: string, options: object) => {
      // jose cools down after a success only: an address that is down would be asked for every token.
      gate();
      const response = await boundedFetch(address, options, limits);
      if (response.status === 200) checkKeySet(await response.clone().json(), limits);
      return response;
    },
  });
}

function checkKeySet(body: { readonly keys?: unknown } | null, { jwksKeys }: Limits): void {
  if (!Array.isArray(body?.keys)) refuseKeys("the address serves no key set");
  if (body.keys.length > jwksKeys) refuseKeys("key set: limit jwksKeys");
}
