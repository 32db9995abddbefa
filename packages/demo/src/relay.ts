import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import { listen } from "./listen.ts";
import { RelayConnection } from "./relay/connection.ts";

/** How a hello may be changed on its way, and what happens to the connection as soon as it stands. */
export interface UpgradePlan {
  /** The subprotocols offered to the server instead of those that the client offered. */
  readonly offer?: (offered: string[]) => string[];
  readonly onConnection?: (connection: RelayConnection) => void;
}

/**
 * A man in the middle: it ends the client's connection, opens another one to the server and passes frames on. It has
 * the view and the power of a proxy that ends TLS (a CDN, a WAF, a corporate gateway), and none of the keys.
 */
export interface Relay {
  readonly url: string;
  readonly port: number;
  readonly connections: ReadonlySet<RelayConnection>;
  /** The newest connection with this tag, open or among the last closed. */
  find(tag: string): RelayConnection | undefined;
  /** All of them, the oldest first. */
  all(tag: string): readonly RelayConnection[];
  readonly line: Line;
  /** Pulls the cable: "cut" ends every connection and refuses others, "silent" lets nothing through and says nothing. */
  unplug(how: "cut" | "silent"): void;
  /** Puts it in again. What was on the line in silence is gone, as behind a router that forgot it. */
  plug(): void;
  /** Prepares for the next connection with this tag. */
  plan(tag: string, plan: UpgradePlan): void;
  onConnection(listener: (connection: RelayConnection) => void): () => void;
  close(): Promise<void>;
}

export type Line = "up" | "cut" | "silent";

/** A subprotocol name as `ws` admits it (RFC 9110 section 5.6.2). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const REMEMBERED = 32;
const MAX_PAYLOAD = 16 * 1024 * 1024;

export async function createRelay(options: { upstream: string; port?: number }): Promise<Relay> {
  const http: Server = createServer((_req, res) => {
    res.writeHead(426, { "content-type": "text/plain" }).end("This is the demo's relay; it passes WebSockets only.\n");
  });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD,
    handleProtocols: (_offered, req) => chosen.get(req) || false,
  });
  const chosen = new WeakMap<IncomingMessage, string>();
  const connections = new Set<RelayConnection>();
  const remembered: RelayConnection[] = [];
  const plans = new Map<string, UpgradePlan>();
  const listeners = new Set<(connection: RelayConnection) => void>();
  const hanging = new Set<Duplex>();
  let line: Line = "up";
  let count = 0;

  const establish = (tag: string, plan: UpgradePlan | undefined, client: WebSocket, server: WebSocket): void => {
    const connection = new RelayConnection(++count, tag, client, server, () => connections.delete(connection));
    connections.add(connection);
    remembered.unshift(connection);
    remembered.length = Math.min(remembered.length, REMEMBERED);
    plan?.onConnection?.(connection);
    for (const listener of listeners) listener(connection);
  };

  http.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    if (line === "cut") return void socket.destroy();
    if (line === "silent") {
      hanging.add(socket);
      socket.once("close", () => hanging.delete(socket));
      return;
    }
    // Any page can reach this port: the address of the upstream is this relay's own, and a strange offer ends here.
    const offered = protocols(req);
    const [path, query] = (req.url ?? "").split("?", 2);
    if (path !== "/ws" || new Set(offered).size < offered.length || offered.some((name) => !TOKEN.test(name))) {
      socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    const tag = new URLSearchParams(query).get("tag") ?? "";
    const plan = plans.get(tag);
    plans.delete(tag);
    const server = new WebSocket(new URL("/ws", options.upstream), plan?.offer?.(offered) ?? offered, {
      perMessageDeflate: false,
      maxPayload: MAX_PAYLOAD,
      headers: forwarded(req),
    });
    // Only when the server has answered is it known what to answer the client: the same subprotocol, the same refusal.
    server.once("unexpected-response", (_request, response) => {
      socket.end(
        `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      );
    });
    server.on("error", () => {
      if (!socket.destroyed && socket.writable)
        socket.end("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    });
    server.once("open", () => {
      server.pause(); // nothing may be lost between here and the moment the client's side stands
      chosen.set(req, server.protocol);
      const gone = (): void => server.terminate();
      socket.once("close", gone);
      sockets.handleUpgrade(req, socket, head, (client) => {
        socket.off("close", gone); // from here on close codes are passed in order
        establish(tag, plan, client, server);
        server.resume();
      });
    });
  });

  const port = await listen(http, options.port ?? 0);
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    port: (http.address() as AddressInfo).port,
    connections,
    find: (tag) => remembered.find((c) => c.tag === tag),
    all: (tag) => remembered.filter((c) => c.tag === tag).reverse(),
    get line() {
      return line;
    },
    unplug(how) {
      line = how;
      for (const connection of connections) how === "cut" ? connection.cut() : connection.hush();
    },
    plug() {
      if (line === "silent") for (const connection of connections) connection.cut();
      for (const socket of hanging) socket.destroy();
      line = "up";
    },
    plan: (tag, plan) => void plans.set(tag, plan),
    onConnection(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      for (const connection of connections) connection.cut();
      for (const socket of hanging) socket.destroy();
      sockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function protocols(req: IncomingMessage): string[] {
  const header = req.headers["sec-websocket-protocol"] ?? "";
  return header
    .split(",")
    .map((p) => p.trim())
    .filter((p) => p !== "");
}

/** What a reverse proxy passes on, and what it adds. */
function forwarded(req: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {
    "x-forwarded-for": req.socket.remoteAddress ?? "unknown",
    "x-forwarded-proto": "http",
    "x-forwarded-host": req.headers.host ?? "unknown",
  };
  for (const name of ["origin", "authorization", "user-agent"] as const) {
    const value = req.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}
