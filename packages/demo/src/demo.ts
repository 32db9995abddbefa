import { createDevelopmentIssuer, DEVELOPMENT_GRANT } from "@sealwire/issuer";
import { Accounts } from "./accounts.ts";
import { type App, createApp } from "./app.ts";
import { armAttack } from "./arm.ts";
import type { Bench, OpenOptions, Victim } from "./attacks/run.ts";
import type { WireName } from "./attacks/types.ts";
import { CLIENT_ID, type DemoParts } from "./parts.ts";
import { createRelay } from "./relay.ts";
import { DemoServer, SERVER_ID } from "./server.ts";
import { type DemoSession, openSession, type SessionOptions } from "./session.ts";

/** Everything of the demo in one process: issuer, Sealwire server, relay before it, and the page's app. */
export interface Demo extends DemoParts {
  readonly app: App;
  close(): Promise<void>;
}

export interface DemoOptions {
  readonly port: number;
  readonly assets?: URL;
  /** Life of an access token. Default: 60, so that a change of roles counts soon. */
  readonly tokenSeconds?: number;
}

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { tokenSeconds = 60 } = options;
  const accounts = new Accounts();
  let parts: DemoParts | undefined;
  const nextTo = (n: number): number => (options.port === 0 ? 0 : options.port + n);
  const app = await createApp({
    port: options.port,
    assets: options.assets,
    // The server lets pages of one origin connect; which one it is, is known when the app has its port.
    async parts(origin) {
      const issuer = await createDevelopmentIssuer({
        issuer: origin,
        audience: SERVER_ID,
        clients: { [CLIENT_ID]: {} },
        accounts: (subject) => accounts.account(subject),
        accessTokenSeconds: tokenSeconds,
      });
      const server = await DemoServer.start({
        // Without keys: the issuer's metadata says where they are.
        tokens: { issuer: issuer.issuer },
        revocations: issuer.revocations(),
        origins: [origin],
        port: nextTo(2),
      });
      const relay = await createRelay({ upstream: `ws://127.0.0.1:${server.port}`, port: nextTo(1) });
      const config = {
        relay: relay.url,
        server: { id: SERVER_ID, keys: server.keys },
        tokens: { url: `${origin}/token`, grant: DEVELOPMENT_GRANT, clientId: CLIENT_ID },
        expiredTokens: `${origin}/api/expired-token`,
      };
      parts = { accounts, issuer, server, relay, config, tokenSeconds };
      return parts;
    },
  });
  const { server, relay } = parts!;
  return {
    ...parts!,
    app,
    async close() {
      await app.close();
      await server.close();
      await relay.close();
    },
  };
}

let serial = 0;

/** Options for a session that Node itself opens. */
export function nodeOptions(user: string, more: Partial<SessionOptions> = {}): SessionOptions {
  return { user, tag: `node-${++serial}`, level: "aead", wire: "text", ...more };
}

/** Node as surroundings of an attack: the same table as on the page, without a browser. */
export function nodeBench(
  demo: Demo,
  wire: WireName,
  level: SessionOptions["level"],
): Bench & { end(): Promise<void> } {
  let session: DemoSession | undefined;
  const victim = async (): Promise<DemoSession> => {
    if (session) return session;
    const opened = await openSession(demo.config, nodeOptions("alice", { wire, level }));
    session = opened;
    void opened.closed.then(() => {
      if (session === opened) session = undefined;
    });
    return opened;
  };
  return {
    wire,
    victim,
    open: ({ tag, user = "alice", credentials, offersBoth }: OpenOptions): Promise<Victim> =>
      openSession(demo.config, nodeOptions(user, { tag, wire, level, credentials, offersBoth })),
    arm: async (id, tag, other) => armAttack(demo.relay, id, tag, other),
    mark: async () => demo.server.refused,
    refusals: async (since) => demo.server.refusals(since),
    recover: async () => (await (await victim()).join()).you === "alice",
    end: async () => void (await session?.close()),
  };
}
