import { SealwireError } from "@sealwire/core";
import type { SessionHooks } from "@sealwire/core/internal";
import type { SessionDirectory } from "./directory.ts";
import type { ServerOptions } from "./options.ts";
import type { LiveServerSession } from "./session.ts";
import type { CheckedToken, VerifyToken } from "./tokens.ts";

export interface ServerHooksOptions {
  readonly options: Pick<ServerOptions, "authorize" | "admit" | "batch">;
  readonly directory: SessionDirectory;
  readonly verifyToken: VerifyToken;
  readonly topics: SessionHooks["topics"];
  readonly handler: (topic: string) => ((data: unknown, context: object) => unknown) | undefined;
  readonly onError: (error: SealwireError) => void;
  readonly once: NonNullable<SessionHooks["once"]>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly elsewhere: SessionHooks["elsewhere"];
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
      return fn && ((data, context) => fn(data, Object.assign(context, { session: session() })));
    },
    topics: o.topics,
    onError: o.onError,
    peerToken: () => (session()?.token ?? token).token,
    refresh: async (text) => {
      const live = session();
      const next = await o.verifyToken(text);
      if (live === undefined || !live.holds(next))
        throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the new token is of another client or class" });
      if (o.options.admit !== undefined && (await o.options.admit(next.principal)) !== true)
        throw new SealwireError("E_FORBIDDEN", { stage: "claims", fatal: false });
      // It, or the session, may have been revoked while it was checked.
      const accept = () => {
        if (live.revoked) throw new SealwireError("E_REVOKED", { stage: "session", fatal: false });
        live.replaceToken(directory.assertNotRevoked(next), o.now() / 1000);
      };
      return { scopes: next.scopes, expiresAt: next.expiresAt, accept };
    },
    once: o.once,
    ...(o.elsewhere === undefined ? {} : { elsewhere: o.elsewhere }),
    onChains: (after) => {
      const live = session();
      if (live === undefined) return;
      directory.index(live, chains, after);
      chains = after;
    },
    heartbeat: true,
    rateLimited: true,
    ...(o.options.batch === undefined ? {} : { batch: o.options.batch }),
  };
}
