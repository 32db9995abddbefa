import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import type { Platform as ClientPlatform } from "@sealwire/client/internal";
import type { Clock } from "@sealwire/core/internal";
import type { SealwireServer } from "@sealwire/server";
import type { Platform as ServerPlatform } from "@sealwire/server/internal";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";

/** The longest that a timer of Node can be: what `ws` would end by the real clock, the session's clock ends before. */
const NEVER = 2 ** 31 - 1;

/** As headersTimeout of node:http. */
export const REQUEST_MS = 60_000;

type Constructor = NonNullable<ClientPlatform["WebSocket"]>;

export interface ClientParts {
  readonly clock: Clock;
  /** A connection to the server. */
  readonly connect: () => Duplex;
  /** Fills the masking key of a frame; default: as `ws` does. */
  readonly mask?: (key: Buffer) => void;
}

/** The real client, with the real `ws`, over a stream in place of a socket. */
export function clientPlatform({ clock, connect, mask }: ClientParts): ClientPlatform {
  class StreamWebSocket extends WebSocket {
    constructor(url: string, protocols: string[], options: object = {}) {
      const streams = {
        ...options,
        closeTimeout: NEVER,
        createConnection: connect,
        ...(mask === undefined ? {} : { generateMask: mask }),
      };
      super(url, protocols, streams as unknown as ClientOptions);
    }
  }
  return {
    clock,
    WebSocket: StreamWebSocket as unknown as Constructor,
    delay: (fn, ms) => clock.schedule(fn, ms),
    presence: { online: () => true, watch: () => () => {} },
  };
}

/** The real server, with the real `ws`. */
export function serverPlatform(clock: Clock): ServerPlatform {
  class PatientWebSocketServer extends WebSocketServer {
    constructor(options: object) {
      super({ ...options, closeTimeout: NEVER } as object);
    }
  }
  return { clock, WebSocketServer: PatientWebSocketServer as unknown as ServerPlatform["WebSocketServer"] };
}

/**
 * A real HTTP server that never listens, in front of `upgrade`; the result takes connections. Its own timeouts need a
 * listening server or a socket with `setTimeout`: `requestMs` by `clock` stands for them, from the connection to the
 * upgrade.
 */
export function httpServer(
  clock: Clock,
  requestMs: number,
  upgrade: SealwireServer["handleUpgrade"],
): (socket: Duplex) => void {
  const http = createServer((_, response) => {
    response.sendDate = false;
    response.writeHead(426).end();
  });
  const waiting = new Map<Duplex, () => void>();
  const stop = (socket: Duplex) => {
    waiting.get(socket)?.();
    waiting.delete(socket);
  };
  http.on("upgrade", (request, socket, head) => {
    stop(socket);
    upgrade(request, socket, head);
  });
  return (socket: Duplex): void => {
    waiting.set(
      socket,
      clock.schedule(() => socket.destroy(), requestMs),
    );
    socket.once("close", () => stop(socket));
    http.emit("connection", socket);
  };
}
