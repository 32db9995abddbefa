import { type JWKS, SealwireError } from "@sealwire/core";
import { backend, createKeySet, type KeySet } from "@sealwire/core/internal";
import { isLoopback } from "./address.ts";

const LONGEST = 262_144;

/**
 * The server's keys: pinned in configuration, or fetched from an address. Fetched ones are weaker: whoever controls
 * that address decides who the server is (specs/security.md, server keys).
 */
export async function serverKeys(keys: JWKS | URL, signal: AbortSignal): Promise<KeySet> {
  if (!(keys instanceof URL)) return await createKeySet(backend, keys, { source: "configured" });
  if (keys.protocol !== "https:" && !isLoopback(keys)) throw new TypeError("a key set is fetched over https: only");
  return await createKeySet(backend, await fetchKeys(keys, signal), { source: "fetched" });
}

async function fetchKeys(url: URL, signal: AbortSignal): Promise<JWKS> {
  const refuse = (detail: string, cause?: unknown): never => {
    throw new SealwireError("E_KEY", { stage: "local", detail: `${detail}: ${url.origin}${url.pathname}`, cause });
  };
  try {
    const response = await fetch(url, {
      signal,
      redirect: "error",
      headers: { accept: "application/jwk-set+json, application/json" },
    });
    if (!response.ok) return refuse(`key set answered ${response.status}`);
    const text = await response.text();
    if (text.length > LONGEST) return refuse("key set is too large");
    const value = JSON.parse(text) as JWKS;
    return Array.isArray(value?.keys) ? value : refuse("no key set");
  } catch (error) {
    if (error instanceof SealwireError || signal.aborted) throw error;
    return refuse("key set cannot be fetched", error);
  }
}
