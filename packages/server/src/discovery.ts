import { type Limits, SealwireError } from "@sealwire/core";
import type { JWTVerifyGetKey } from "jose";
import {
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  JSON_ATTRIBUTE_COMPARISON,
  OperationProcessingError,
  processDiscoveryResponse,
} from "oauth4webapi";
import { boundedFetch, cooldown, FETCH_TIMEOUT, isSecure, type Now, refuseKeys } from "./issuer-fetch.ts";
import { keySetGate, remoteKeys } from "./token-keys.ts";

interface Discovered {
  readonly address: string;
  readonly keys: JWTVerifyGetKey;
  /** Milliseconds. */
  readonly at: number;
}

/**
 * The keys that an issuer's metadata points at: OpenID Connect Discovery 1.0 section 4, and where nothing is there
 * RFC 8414. Metadata is fetched, refreshed and bounded like a key set.
 * @throws TypeError for an issuer that is no https address (http on this machine)
 */
export function discoveredKeys(issuer: string, limits: Limits, now: Now): JWTVerifyGetKey {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url === undefined || !isSecure(url) || url.username !== "" || /[?#]/.test(issuer)) {
    throw new TypeError(
      `tokens.issuer: ${issuer} is no https address that metadata could be found at; set tokens.keys`,
    );
  }
  const [metadataGate, keysGate] = [cooldown(limits, "metadata", now), keySetGate(limits, now)];
  let known: Discovered | undefined;
  let pending: Promise<Discovered> | undefined;

  const discover = async (): Promise<Discovered> => {
    metadataGate();
    const address = await keySetAddress(issuer, url, limits);
    // The same address keeps its key set, and with it what was fetched already.
    const keys = known?.address === address.href ? known.keys : remoteKeys(address, limits, now, keysGate);
    known = { address: address.href, keys, at: now() };
    return known;
  };

  const current = (): Discovered | Promise<Discovered> => {
    if (known !== undefined && Math.abs(now() - known.at) < limits.jwksMaxAgeSeconds * 1000) return known;
    pending ??= discover().finally(() => {
      pending = undefined;
    });
    return pending;
  };
  return async (header, token) => {
    const { keys } = await current();
    return await keys(header, token);
  };
}

/** `jwks_uri` of the metadata, once its `issuer` is the configured one byte for byte. */
async function keySetAddress(issuer: string, url: URL, limits: Limits): Promise<URL> {
  const metadata = await fetchMetadata(url, limits).catch((error: unknown) => explain(error, issuer));
  if (metadata.issuer !== issuer) return otherIssuer(issuer);
  const { jwks_uri } = metadata;
  const address = typeof jwks_uri === "string" && URL.canParse(jwks_uri) ? new URL(jwks_uri) : undefined;
  // What was found over TLS must not lead out of it.
  if (address === undefined || !isSecure(address) || (url.protocol === "https:" && address.protocol !== "https:")) {
    return refuseKeys(`issuer ${issuer}: jwks_uri of its metadata is no https address; see the option tokens.keys`);
  }
  return address;
}

async function fetchMetadata(url: URL, limits: Limits): ReturnType<typeof processDiscoveryResponse> {
  const request = (algorithm: "oidc" | "oauth2") =>
    discoveryRequest(url, {
      algorithm,
      signal: AbortSignal.timeout(FETCH_TIMEOUT),
      [allowInsecureRequests]: url.protocol === "http:",
      [customFetch]: (address: string, options: object) => boundedFetch(address, options, limits),
    });
  const first = await request("oidc");
  const absent = first.status >= 400 && first.status < 500;
  return await processDiscoveryResponse(url, absent ? await request("oauth2") : first);
}

function explain(error: unknown, issuer: string): never {
  if (error instanceof SealwireError) throw error;
  if (error instanceof OperationProcessingError) {
    if (error.code === JSON_ATTRIBUTE_COMPARISON) return otherIssuer(issuer);
    return refuseKeys(`issuer ${issuer}: its metadata cannot be used (${error.code})`);
  }
  throw new SealwireError("E_TOKEN", {
    stage: "claims",
    detail: `issuer ${issuer}: its metadata cannot be had`,
    cause: error,
  });
}

const otherIssuer = (issuer: string): never =>
  refuseKeys(`issuer ${issuer}: its metadata names another issuer; see the option tokens.issuer`);
