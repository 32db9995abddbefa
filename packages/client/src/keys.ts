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
  if (keys.protocol !== "https:" && !(keys.protocol === "http:" && isLoopback(keys)))
    throw new TypeError("a key set is fetched over https: only");
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
    const text = await boundedText(response);
    if (text === undefined) return refuse("key set is too large");
    const value = JSON.parse(text) as JWKS;
    return Array.isArray(value?.keys) ? value : refuse("no key set");
  } catch (error) {
    if (error instanceof SealwireError || signal.aborted) throw error;
    return refuse("key set cannot be fetched", error);
  }
}

/** Undefined for more than is worth reading. */
async function boundedText(response: Response): Promise<string | undefined> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let [text, size] = ["", 0];
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done || value === undefined) return text + decoder.decode();
    size += value.length;
    if (size > LONGEST) {
      void reader?.cancel();
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}
