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
import type { SimWorld } from "./world.ts";

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
  /**
   * A simulated network between the ends, and a machine with a clock for each, in place of `clock` and of a stream without
   * delay. `createPair` and `close` move its time on until they are done.
   */
  readonly world?: SimWorld;
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
   * Cuts the connection: both ends see it break off, without a farewell, in a `world` when its time moves. The client comes
   * back by itself within 500 ms, unless its `reconnect` says otherwise, and the session goes on. For an end in place of
   * that: `client: { reconnect: false }` and `server: { resume: false }`.
   */
  disconnect(): void;
  /** Ends both ends in order. */
  close(): Promise<void>;
}

/** No growing pauses: a test moves its clock on by as much, and the client is back. */
const RECONNECT = { minDelay: 500, maxDelay: 500 };

const identity = fixedKey("server");
const proof = fixedKey("client");

/**
 * Two connected sessions in memory, for tests of an application: the real client and the real server, with handshake,
 * tokens, authorization, limits and encryption, over a stream or a simulated network. No port, no socket.
 *
 * Keys and issuer are the same for everybody who uses this package: nothing of it belongs into production.
 *
 * @throws as `connect` and `createServer`; TypeError for both `clock` and `world`, or a world that has a server
 */
export async function createPair<T extends TopicMap<T> = AnyTopics>(options: PairOptions<T> = {}): Promise<Pair<T>> {
  const { world } = options;
  if (world === undefined) return await pairOf(options, streamOf(options.clock));
  if (options.clock !== undefined) throw new TypeError("a world has clocks of its own: leave clock out");
  if (world.server.accept !== undefined)
    throw new TypeError("a server takes connections in this world: make another one");
  return await world.until(pairOf(options, networkOf(world)));
}

/** What is between the two ends, and their time. */
interface Wire {
  readonly clocks: { readonly client: Clock; readonly server: Clock };
  /** The server takes connections from now on. */
  accept(upgrade: SealwireServer["handleUpgrade"]): void;
  readonly connect: () => Duplex;
  disconnect(): void;
  /** A millisecond of virtual time later. */
  tick(): Promise<void>;
  /** Waits, and moves time on where nobody else does. */
  until(work: Promise<void>): Promise<void>;
}

function streamOf(given: SimClock | undefined): Wire {
  const clock: Clock = given ?? systemClock;
  const ends: Duplex[] = [];
  let accept: (socket: Duplex) => void;
  return {
    clocks: { client: clock, server: clock },
    accept: (upgrade) => {
      accept = httpServer(clock, REQUEST_MS, upgrade);
    },
    connect: () => {
      const [near, far] = duplexPair();
      ends.push(near, far);
      accept(far);
      return near;
    },
    disconnect: () => {
      for (const end of ends.splice(0)) end.destroy();
    },
    tick: async () => given?.advance(1),
    until: (work) => work,
  };
}

function networkOf(world: SimWorld): Wire {
  const { network, client, server } = world;
  return {
    clocks: { client: client.clock, server: server.clock },
    accept: (upgrade) => {
      server.accept = httpServer(server.clock, REQUEST_MS, upgrade);
    },
    connect: () => network.connect(client, server),
    disconnect: () => network.reset(),
    tick: () => new Promise((resolve) => void client.clock.deliver(resolve, 1)),
    until: (work) => world.until(work),
  };
}

async function pairOf<T extends TopicMap<T>>(options: PairOptions<T>, wire: Wire): Promise<Pair<T>> {
  const { clocks } = wire;
  const levels = [options.level ?? "aead"];
  const sealwire = createServerOn<T>(serverPlatform(clocks.server), {
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
  const accepted = new Promise<void>((resolve) => {
    sealwire.onSession((session) => {
      server = session;
      resolve();
    });
  });
  wire.accept((...upgrade) => sealwire.handleUpgrade(...upgrade));
  try {
    const client = await connectOn<T>(
      clientPlatform({ clock: clocks.client, connect: wire.connect }),
      "ws://localhost/",
      {
        server: { id: SERVER_ID, keys: { keys: [identity.publicJwk] } },
        token: await issue(options.principal ?? {}, clocks.server.unix(), await thumbprint(backend, proof.publicJwk)),
        proof: proof.privateJwk,
        levels,
        reconnect: RECONNECT,
        ...options.client,
      },
    );
    await accepted;
    // A client takes its first message a millisecond after it is connected.
    await wire.tick();
    return {
      client,
      get server() {
        return server as unknown as ServerSession<T>;
      },
      sealwire,
      disconnect: wire.disconnect,
      close: () =>
        wire.until(
          (async () => {
            await client.close();
            await sealwire.close();
          })(),
        ),
    };
  } catch (error) {
    await sealwire.close();
    throw error;
  }
}
