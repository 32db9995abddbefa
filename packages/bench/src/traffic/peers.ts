import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ClientSession } from "@sealwire/client";
import type { Data } from "@sealwire/core";
import type { ServerSession } from "@sealwire/server";
import { Server as SocketIo } from "socket.io";
import { io } from "socket.io-client";
import { type WebSocket, WebSocketServer } from "ws";
import { bareGcm } from "../echo/bare.ts";
import { dial, type Http, openSession, type Place, serveSealwire, TOPIC } from "../echo/world.ts";

/** "bare" is `ws` with the bare cipher around each message. */
export type TrafficKind = "ws" | "bare" | "socket.io" | "sealwire";

/** One end of a connection. */
export interface Peer {
  /** A promise holds the sender back while more than `MARK` bytes are unsent. */
  send(data: Uint8Array): Promise<unknown> | undefined;
  onMessage(fn: (data: Uint8Array) => void): void;
  /** Sealwire's client alone. */
  readonly session?: ClientSession;
}

/** A server whose connections wait for what the bench does with them. */
export interface Hub {
  readonly place: Place;
  /** In the order of arrival. */
  readonly peers: readonly Peer[];
  /** To everybody, as the documentation of its kind does it. */
  broadcast(data: Uint8Array): void;
}

/** Unsent bytes from which a sender waits: the default of Sealwire, for all of them. */
const MARK = 1_048_576;
/** Reconnects at once: the pause that spreads clients is no work of the server. */
const AT_ONCE = { minDelay: 1, maxDelay: 1 };

export async function listen(kind: TrafficKind): Promise<Hub> {
  const http = createServer();
  const peers: Peer[] = [];
  const { place, broadcast } = await LISTEN[kind](http, (peer) => peers.push(peer));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return { place: { ...place, port: (http.address() as AddressInfo).port }, peers, broadcast };
}

type Listening = Pick<Hub, "broadcast"> & { readonly place: Omit<Place, "port"> };

const LISTEN: Readonly<Record<TrafficKind, (http: Http, add: (peer: Peer) => void) => Promise<Listening>>> = {
  async ws(server, add) {
    const all = new WebSocketServer({ server, perMessageDeflate: false });
    all.on("connection", (ws) => add(ofWs(ws)));
    return {
      place: {},
      broadcast: (data) => {
        for (const ws of all.clients) ws.send(data);
      },
    };
  },
  async bare(server, add) {
    const raw = randomBytes(32);
    const all = new WebSocketServer({ server, perMessageDeflate: false });
    const peers: Peer[] = [];
    all.on("connection", (ws) => {
      const peer = bareOf(ofWs(ws), raw);
      peers.push(peer);
      add(peer);
    });
    return {
      place: { key: raw.toString("base64url") },
      broadcast: (data) => {
        for (const peer of peers) void peer.send(data);
      },
    };
  },
  async "socket.io"(http, add) {
    const server = new SocketIo(http, { transports: ["websocket"] });
    server.on("connection", (socket) => add(ofSocketIo(socket)));
    return { place: {}, broadcast: (data) => void server.emit("m", data) };
  },
  async sealwire(http, add) {
    const sessions: ServerSession[] = [];
    const place = await serveSealwire(http, (session) => {
      sessions.push(session);
      add(ofSession(session));
    });
    return {
      place,
      broadcast: (data) => {
        for (const session of sessions) void session.send(TOPIC, data);
      },
    };
  },
};

export const dialPeer = (kind: TrafficKind, place: Place): Promise<Peer> => DIAL[kind](place);

const DIAL: Readonly<Record<TrafficKind, (place: Place) => Promise<Peer>>> = {
  ws: async ({ port }) => ofWs(await dial(port)),
  bare: async ({ port, key = "" }) => bareOf(ofWs(await dial(port)), Buffer.from(key, "base64url")),
  async "socket.io"({ port }) {
    const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, reconnection: false });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    return ofSocketIo(socket);
  },
  async sealwire(place) {
    const session = await openSession(place, AT_ONCE);
    return { ...ofSession(session), session };
  },
};

function ofWs(ws: WebSocket): Peer {
  let wake = () => {};
  return {
    send(data) {
      ws.send(data, () => {
        if (ws.bufferedAmount <= MARK) wake();
      });
      if (ws.bufferedAmount <= MARK) return;
      return new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
    onMessage: (fn) => void ws.on("message", fn as (data: unknown) => void),
  };
}

function bareOf({ send, onMessage }: Peer, raw: Uint8Array): Peer {
  const { seal, open } = bareGcm(raw);
  return {
    send: (data) => send(seal(data)),
    onMessage: (fn) => onMessage((frame) => fn(open(frame))),
  };
}

interface Emitter {
  emit(event: string, data: Uint8Array): unknown;
  on(event: string, fn: (data: Uint8Array) => void): unknown;
}

/** It tells nobody what is unsent. */
const ofSocketIo = (socket: Emitter): Peer => ({
  send: (data) => void socket.emit("m", data),
  onMessage: (fn) => void socket.on("m", fn),
});

interface Sender {
  send(topic: string, data: Data): Promise<unknown>;
  handle(topic: string, fn: (data: Data) => void): unknown;
}

const ofSession = (session: Sender): Peer => ({
  send: (data) => session.send(TOPIC, data),
  onMessage: (fn) => void session.handle(TOPIC, (data) => fn(data as Uint8Array)),
});
