import { createMemoryReplayStore, type Limits, type ReplayStore, SealwireError } from "@sealwire/core";
import {
  type CryptoBackend,
  chain,
  type Established,
  type Maybe,
  replayKey,
  type SessionHooks,
  transcriptHash,
} from "@sealwire/core/internal";
import type { CheckedToken } from "./tokens.ts";

/**
 * Each idempotent message once, whatever session it comes in (specs/lifecycle.md, section 8). `bearer` is the name of the
 * principal: what it sends counts as one, however many proof keys it has.
 */
export function onceOf(
  { keys, startedAt }: Established["facts"],
  bearer: () => Maybe<string>,
  skew: number,
  store: () => ReplayStore,
): NonNullable<SessionHooks["once"]> {
  let principal: Maybe<string> | undefined;
  return async ({ jti, iat, exp, now }) => {
    principal ??= bearer();
    const issuer = await principal;
    const key = await replayKey(keys.serverId, keys.clientKey?.id.thumbprint ?? issuer, jti, keys.backend);
    // Issued after SH of this session, it was never sent before: a store that began empty has missed nothing.
    const issuedAt = iat > startedAt ? Number.MAX_SAFE_INTEGER : iat;
    const verdict = await store().insert({ key, issuer, issuedAt, keepUntil: exp + 2 * skew, now });
    if (verdict === "new") return true;
    if (verdict === "seen") return false;
    throw new SealwireError("E_REPLAY_STORE", { detail: verdict });
  };
}

/** A principal in the replay store, and a bearer client's identity there: b64u(TH("bearer", iss, sub)). */
export function bearerName(
  backend: CryptoBackend,
  { issuer, subject }: Pick<CheckedToken, "issuer" | "subject">,
): Maybe<string> {
  const [iss, sub] = [issuer, subject].map((text) => Buffer.from(text, "utf8")) as [Buffer, Buffer];
  return chain(transcriptHash(backend, "bearer", iss, sub), (hash) => Buffer.from(hash).toString("base64url"));
}

/** Tables for everybody's messages are not made before the first idempotent one comes. */
export function replayStore(given: ReplayStore | undefined, limits: Limits, startedMs: number): () => ReplayStore {
  let store = given;
  return () => {
    store ??= createMemoryReplayStore({ startedAt: Math.floor(startedMs / 1000), skew: limits.skewSeconds });
    return store;
  };
}
