// Our server and our client as the live suite meets them, on loopback.
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ConnectOptions, connect, unsafeAllowInsecure } from "@sealwire/client";
import type { Level, PrivateJwk, Subprotocol } from "@sealwire/core";
import { createServer, type ServerOptions } from "@sealwire/server";
import { type Jwk, key, publicJwk, thumbprint } from "../src/kit/keys.ts";
import type { LiveConfig } from "../src/live/config.ts";
import { mint } from "../src/live/token.ts";

export const ID = "https://chat.example";
export const SERVER_KEY = key("live/server", "ES256");
export const ISSUER = { name: "https://issuer.example", key: { ...key("live/issuer", "Ed25519"), kid: "tokens-1" } };
export const TOKENS = {
  issuer: ISSUER.name,
  keys: { keys: [{ ...publicJwk(ISSUER.key), kid: ISSUER.key.kid }] },
};
export const TOPICS = { echo: "echo", message: "note", denied: "admin" };
/** Tokens of this subject take longer to check than the rest of a handshake. */
export const SLOW_SUBJECT = "slow";
export const LEVELS: readonly Level[] = ["mac", "sig", "aead", "nest"];
export const PROTOCOLS: readonly Subprotocol[] = ["sealwire.v1.text", "sealwire.v1.cbor"];

export const config = (changes: Partial<LiveConfig> = {}): LiveConfig => ({
  server: { id: ID, keys: [SERVER_KEY] },
  issuer: ISSUER,
  topics: TOPICS,
  levels: LEVELS,
  protocols: PROTOCOLS,
  suites: ["p256", "x25519"],
  codecs: ["json", "cbor"],
  ...changes,
});

export interface Running {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export async function startServer(
  limits: Record<string, number> = {},
  over: Partial<ServerOptions> = {},
  onMessage: (data: unknown) => void = () => {},
): Promise<Running> {
  const sealwire = createServer({
    identity: { id: ID, keys: [SERVER_KEY as PrivateJwk] },
    tokens: TOKENS,
    authorize: ({ topic }) => topic !== TOPICS.denied,
    admit: async ({ subject }) => {
      if (subject === SLOW_SUBJECT) await new Promise((resolve) => setTimeout(resolve, 1500));
      return true;
    },
    origins: ["https://chat.example"],
    levels: LEVELS,
    limits,
    ...over,
  });
  sealwire.handle(TOPICS.echo, (data: unknown) => data as never);
  sealwire.handle(TOPICS.message, (data: unknown) => onMessage(data) as never);
  const http = createHttpServer();
  sealwire.attach(http, { path: "/ws" });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`,
    stop: async () => {
      await sealwire.close({ timeout: 100 });
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** Comes again and again until it is stopped, and serves the topics of the suite. */
export function keepConnecting(
  url: string,
  protocol: Subprotocol,
  over: Partial<ConnectOptions> = {},
): { stop: () => Promise<void> } {
  let stopped = false;
  const proof: Jwk = key("live/client", "ES256");
  const token = mint(ISSUER, ID, "", { cnf: { jkt: thumbprint(proof) } });
  const run = async (): Promise<void> => {
    while (!stopped) {
      try {
        const session = await connect(url, {
          server: { id: ID, keys: { keys: [publicJwk(SERVER_KEY)] } },
          token,
          proof: proof as PrivateJwk,
          levels: LEVELS,
          protocols: [protocol],
          [unsafeAllowInsecure]: true,
          reconnect: false,
          ...over,
        });
        session.handle(TOPICS.echo, (data: unknown) => data as never);
        await session.closed;
      } catch {
        // That is what most checks are about; a pause, so that a refused connection makes no busy loop.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  };
  const done = run();
  return {
    stop: async () => {
      stopped = true;
      await done;
    },
  };
}
