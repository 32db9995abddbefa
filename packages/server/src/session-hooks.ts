import { SealwireError } from "@sealwire/core";
import { type CryptoBackend, type Maybe, replayKey, type SessionHooks } from "@sealwire/core/internal";
import type { VerifyToken } from "./carried.ts";
import type { SessionDirectory } from "./directory.ts";
import type { ServerOptions } from "./options.ts";
import type { LiveServerSession } from "./session.ts";
import type { CheckedToken } from "./tokens.ts";

export interface ServerHooksOptions {
  readonly options: Pick<ServerOptions, "authorize" | "admit">;
  readonly directory: SessionDirectory;
  readonly verifyToken: VerifyToken;
  readonly topics: SessionHooks["topics"];
  readonly handler: (topic: string) => ((data: unknown, context: object) => unknown) | undefined;
  readonly onError: (error: SealwireError) => void;
  readonly once: NonNullable<SessionHooks["once"]>;
  /** Undefined until its constructor is done. */
  readonly session: () => LiveServerSession | undefined;
  /** That of the handshake. */
  readonly token: CheckedToken;
}

/** What a session asks of its server. Rights are those of the token of this moment. */
export function hooksOf(o: ServerHooksOptions): SessionHooks {
  const { directory, session, token } = o;
  let chains: Parameters<NonNullable<SessionHooks["onChains"]>>[0] = [];
  return {
    authorize: (request) => o.options.authorize({ principal: session()?.principal ?? token.principal, ...request }),
    handler: (topic) => {
      const fn = o.handler(topic);
      return fn && ((data, rest) => fn(data, { ...rest, session: session() }));
    },
    topics: o.topics,
    onError: o.onError,
    peerToken: () => session()?.token ?? token.token,
    refresh: async (text) => {
      const live = session();
      const next = await o.verifyToken(text);
      if (live === undefined || !live.holds(next))
        throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the new token is of another client or class" });
      if (o.options.admit !== undefined && (await o.options.admit(next.principal)) !== true)
        throw new SealwireError("E_FORBIDDEN", { stage: "claims", fatal: false });
      // It may have been revoked while it was checked.
      live.replaceToken(directory.assertNotRevoked(next));
      return { scopes: next.scopes, expiresAt: next.expiresAt };
    },
    once: o.once,
    onChains: (after) => {
      const live = session();
      if (live !== undefined) directory.index(live, chains, after);
      chains = after;
    },
    heartbeat: true,
    rateLimited: true,
  };
}

/** Each idempotent message once, whatever session it comes in (specs/lifecycle.md, section 8). */
export function onceOf(
  backend: CryptoBackend,
  serverId: string,
  named: Maybe<string>,
  startedAt: number,
  skew: number,
  store: () => NonNullable<ServerOptions["replay"]>,
): NonNullable<SessionHooks["once"]> {
  return async ({ jti, iat, exp, now }) => {
    const client = await named;
    const key = await replayKey(serverId, client, jti, backend);
    // Issued after SH of this session, it was never sent before: a store that began empty has missed nothing.
    const issuedAt = iat > startedAt ? Number.MAX_SAFE_INTEGER : iat;
    const verdict = await store().insert({ key, issuer: client, issuedAt, keepUntil: exp + 2 * skew, now });
    if (verdict === "new") return true;
    if (verdict === "seen") return false;
    throw new SealwireError("E_REPLAY_STORE", { detail: verdict });
  };
}
