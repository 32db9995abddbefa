import { type App, createApp } from "./app.ts";
import { armAttack } from "./arm.ts";
import type { Bench, OpenOptions, Victim } from "./attacks/run.ts";
import type { WireName } from "./attacks/types.ts";
import { createDevIssuer, type DevIssuer } from "./issuer.ts";
import { createRelay, type Relay } from "./relay.ts";
import { createDemoServer, type DemoServer, SERVER_ID } from "./server.ts";
import { type DemoConfig, type DemoSession, openSession, type SessionOptions } from "./session.ts";

/** Everything of the demo in one process: issuer, Sealwire server, relay before it, and the page's app. */
export interface Demo {
  readonly app: App;
  readonly issuer: DevIssuer;
  readonly server: DemoServer;
  readonly relay: Relay;
  /** As the page gets it from /config.json. */
  readonly config: DemoConfig;
  close(): Promise<void>;
}

export async function startDemo(options: { port: number; assets?: URL }): Promise<Demo> {
  let parts: { issuer: DevIssuer; server: DemoServer; relay: Relay } | undefined;
  const nextTo = (n: number): number => (options.port === 0 ? 0 : options.port + n);
  const app = await createApp({
    port: options.port,
    assets: options.assets,
    // The server lets pages of one origin connect; which one it is, is known when the app has its port.
    async parts(origin) {
      const issuer = await createDevIssuer({ issuer: origin, audience: SERVER_ID });
      const tokens = { issuer: issuer.issuer, keys: issuer.jwks };
      const server = await createDemoServer({ tokens, origins: [origin], port: nextTo(2) });
      const relay = await createRelay({ upstream: `ws://127.0.0.1:${server.port}`, port: nextTo(1) });
      parts = { issuer, server, relay };
      return parts;
    },
  });
  const { issuer, server, relay } = parts!;
  return {
    app,
    issuer,
    server,
    relay,
    config: { relay: relay.url, server: { id: SERVER_ID, keys: server.keys } },
    async close() {
      await app.close();
      await server.close();
      await relay.close();
    },
  };
}

let serial = 0;

/** Options for a session that Node itself opens, with tokens straight from the issuer. */
export function nodeOptions(demo: Demo, user: string, more: Partial<SessionOptions> = {}): SessionOptions {
  return {
    user,
    tag: `node-${++serial}`,
    level: "aead",
    wire: "text",
    token: (options) => demo.issuer.issue(user, options),
    ...more,
  };
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
    const opened = await openSession(demo.config, nodeOptions(demo, "alice", { wire, level }));
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
      openSession(demo.config, nodeOptions(demo, user, { tag, wire, level, credentials, offersBoth })),
    arm: async (id, tag, other) => armAttack(demo.relay, id, tag, other),
    mark: async () => demo.server.refused,
    refusals: async (since) => demo.server.refusals(since),
    recover: async () => (await (await victim()).join()).you === "alice",
    end: async () => void (await session?.close()),
  };
}
