import type { Limits } from "@sealwire/core";
import { attempt } from "@sealwire/core/internal";
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import { boundedFetch, cooldown, FETCH_TIMEOUT, isSecure, type Now, refuseKeys } from "./issuer-fetch.ts";

/** The gate before the key sets of one issuer: whatever addresses they have, they are fetched one at a time and apart. */
export const keySetGate = (limits: Limits, now: Now): (() => void) => cooldown(limits, "key set", now);

/**
 * An issuer's published keys: one fetch in flight, at least jwksCooldownSeconds apart whatever key ids tokens name,
 * refreshed after jwksMaxAgeSeconds, bounded in bytes and keys.
 */
export function remoteKeys(
  url: URL,
  limits: Limits,
  now: Now,
  gate: () => void = keySetGate(limits, now),
): JWTVerifyGetKey {
  if (!isSecure(url)) throw new TypeError(`tokens.keys: ${url.origin} is not https`);
  let fetchedAt = now();
  const make = () => {
    const keys = createRemoteJWKSet(url, {
      // jose measures both by the clock of the machine: the gate and the age below do it by the server's.
      cooldownDuration: 0,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      timeoutDuration: FETCH_TIMEOUT,
      [customFetch]: async (address: string, options: object) => {
        attempt(gate, (shut) => {
          // There are keys, and none of them fits: that stays the answer until they may be fetched again.
          throw keys.fresh ? new errors.JWKSNoMatchingKey() : shut;
        });
        const response = await boundedFetch(address, options, limits);
        if (response.status === 200) checkKeySet(await response.clone().json(), limits);
        fetchedAt = now();
        return response;
      },
    });
    return keys;
  };
  let keys = make();
  return async (header, token) => {
    if (keys.fresh && Math.abs(now() - fetchedAt) >= limits.jwksMaxAgeSeconds * 1000) keys = make();
    return await keys(header, token);
  };
}

function checkKeySet(body: { readonly keys?: unknown } | null, { jwksKeys }: Limits): void {
  if (!Array.isArray(body?.keys)) refuseKeys("the address serves no key set");
  if (body.keys.length > jwksKeys) refuseKeys("key set: limit jwksKeys");
}
