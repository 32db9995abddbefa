import { type Duplex, duplexPair } from "node:stream";
import type { ClientSession, ConnectOptions } from "@sealwire/client";
import { connectOn } from "@sealwire/client/internal";
import type { AnyTopics, Level, Topic, TopicMap } from "@sealwire/core";
import { type Clock, thumbprint } from "@sealwire/core/internal";
import { backend } from "@sealwire/core/internal/node";
import type { SealwireServer, ServerHandler, ServerOptions, ServerSession } from "@sealwire/server";
import { createServerOn, systemClock } from "@sealwire/server/internal";
import type { SimClock } from "./clock.ts";
import { fixedKey } from "./crypto.ts";
import { issue, SERVER_ID, type TestPrincipal, TOKENS } from "./issuer.ts";
import { clientPlatform, httpServer, REQUEST_MS, serverPlatform } from "./platform.ts";

export interface PairOptions<T extends TopicMap<T> = AnyTopics> {
  /** Whom the client's access token names. Default: subject "alice", no scopes. */
  readonly principal?: TestPrincipal;
  /** Default: everything is granted, which is the default here and nowhere else. */
  readonly authorize?: ServerOptions["authorize"];
  /** Handlers of the server. */
  readonly handlers?: { readonly [K in Topic<T>]?: ServerHandler<T, K> };
  /** Default: "aead". */
  readonly level?: Level;
  /** Virtual time for both ends: timeouts and expiry come when the test moves it. Default: the clock of this machine. */
  readonly clock?: SimClock;
  /** Everything else that `connect` takes. */
  readonly client?: Partial<ConnectOptions>;
  /** Everything else that `createServer` takes. */
  readonly server?: Partial<ServerOptions>;
}

export interface Pair<T extends TopicMap<T> = AnyTopics> {
  readonly client: ClientSession<T>;
  /** The server's end of it. Another object once a new session has taken the place of one that was not resumed. */
  readonly server: ServerSession<T>;
  /** The server that `server` is a session of. */
  readonly sealwire: SealwireServer<T>;
  /**
   * Cuts the connection: both ends see it break off, without a farewell. The client comes back by itself, after up to
   * `reconnect.minDelay` of `clock`, and the session goes on. For an end in place of that: `client: { reconnect: false }`
   * and `server: { resume: false }`.
   */
  disconnect(): void;
  /** Ends both ends in order. */
  close(): Promise<void>;
}

const identity = fixedKey("server");
const proof = fixedKey("client");

/**
 * Two connected sessions in memory, for tests of an application: the real client and the real server, with handshake,
 * tokens, authorization, limits and encryption, over a stream in place of a network. No port, no socket.
 *
 * Keys and issuer are the same for everybody who uses this package: nothing of it belongs into production.
 *
 * @throws as `connect` and `createServer`
 */
export async function createPair<T extends TopicMap<T> = AnyTopics>(options: PairOptions<T> = {}): Promise<Pair<T>> {
  const clock: Clock = options.clock ?? systemClock;
  const levels = [options.level ?? "aead"];
  const sealwire = createServerOn<T>(serverPlatform(clock), {
    identity: { id: SERVER_ID, keys: [identity.privateJwk] },
    tokens: TOKENS,
    authorize: options.authorize ?? (() => true),
    levels,
    ...options.server,
  });
  for (const [topic, handler] of Object.entries(options.handlers ?? {})) {
    sealwire.handle(topic as Topic<T>, handler as ServerHandler<T, Topic<T>>);
  }
  let server: ServerSession<T> | undefined;
  sealwire.onSession((session) => {
    server = session;
  });
  const accept = httpServer(clock, REQUEST_MS, (...upgrade) => sealwire.handleUpgrade(...upgrade));
  const ends: Duplex[] = [];
  const link = () => {
    const [near, far] = duplexPair();
    ends.push(near, far);
    accept(far);
    return near;
  };
  try {
    const client = await connectOn<T>(clientPlatform({ clock, connect: link }), "ws://localhost/", {
      server: { id: SERVER_ID, keys: { keys: [identity.publicJwk] } },
      token: await issue(options.principal ?? {}, clock.unix(), await thumbprint(backend, proof.publicJwk)),
      proof: proof.privateJwk,
      levels,
      ...options.client,
    });
    // A client takes its first message a millisecond after it is connected.
    await options.clock?.advance(1);
    return {
      client,
      get server() {
        return server as unknown as ServerSession<T>;
      },
      sealwire,
      disconnect: () => {
        for (const end of ends.splice(0)) end.destroy();
      },
      close: async () => {
        await client.close();
        await sealwire.close();
      },
    };
  } catch (error) {
    await sealwire.close();
    throw error;
  }
}
