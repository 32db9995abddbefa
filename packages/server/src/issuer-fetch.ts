import { type Limits, SealwireError } from "@sealwire/core";

/** Milliseconds since 1970. */
export type Now = () => number;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Milliseconds for one fetch, its body included. */
export const FETCH_TIMEOUT = 5000;

/** https, or http on this machine. */
export const isSecure = (url: URL): boolean =>
  url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));

/** A gate that opens once in jwksCooldownSeconds; E_TOKEN while it is shut. */
export function cooldown({ jwksCooldownSeconds }: Limits, what: string, now: Now): () => void {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    // A clock that was set back does not keep it shut.
    if (Math.abs(now() - last) < jwksCooldownSeconds * 1000) refuseKeys(`${what}: fetched a short while ago`);
    last = now();
  };
}

/** An answer with its body, follows no redirect. E_TOKEN where the body exceeds jwksBytes. */
export async function boundedFetch(url: string, options: object, { jwksBytes }: Limits): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: "error" });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > jwksBytes) return refuseKeys("limit jwksBytes");
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { status: response.status, headers: response.headers });
}

/** The issuer's keys cannot be had, so nothing that it signed is accepted. */
export function refuseKeys(detail: string): never {
  throw new SealwireError("E_TOKEN", { stage: "claims", detail });
}
