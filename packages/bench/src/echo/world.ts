import { randomBytes, webcrypto } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ClientSession, ReconnectOptions } from "@sealwire/client";
import { connect } from "@sealwire/client";
import { generateKey, type PrivateJwk, proofKeyThumbprint } from "@sealwire/core";
import type { CryptoBackend } from "@sealwire/core/internal";
import { createServer, type ServerSession } from "@sealwire/server";
import { CompactEncrypt, compactDecrypt } from "jose";
import { Server as SocketIo } from "socket.io";
import { io } from "socket.io-client";
import { WebSocket, WebSocketServer } from "ws";
import { bareOperations } from "../bare-handshake.ts";
import { bareGcm, corking, gather, scatter } from "./bare.ts";
import { ID, ISSUER, issuer } from "./issuer.ts";
import { pooled } from "./pooled.ts";

/**
 * Kinds of servers that echo bytes. "batched" is sealwire as it is by default, "sealwire" with an envelope for each message;
 * "bound" is "batched" with a token that is bound to a key of the client, which each handshake proves, and "pooled" the same
 * with signatures on libuv's threads; "floor" is `ws` that answers twice, as a handshake does, with its bare operations,
 * "bare" is `ws` with the bare cipher around each message, those of one turn written together, and "bare, gathered" the same
 * around those of one turn together.
 */
export const KINDS = [
  "ws",
  "jose",
  "socket.io",
  "sealwire",
  "batched",
  "bound",
  "pooled",
  "floor",
  "bare",
  "bare, gathered",
] as const;
export type Kind = (typeof KINDS)[number];

/** Of one client. */
interface Credentials {
  readonly token: string;
  readonly proof?: PrivateJwk;
}

/** What a client needs to connect. Goes from process to process as JSON. */
export interface Place {
  readonly port: number;
  readonly key?: string;
  readonly token?: string;
  /** Of clients who prove a key, to which their token is bound. */
  readonly clients?: readonly Credentials[];
  readonly server?: { readonly id: string; readonly keys: { readonly keys: readonly object[] } };
}

/** One connection of a load. */
export interface Line {
  send(data: Uint8Array): void;
  close(): void;
}

/** In turn: a server has forgotten the key of one that it saw so long ago. */
const CLIENTS = 600;
export const TOPIC = "chat.msg";

/** Nothing bounds the load but the machine: every limit that would is raised. */
const LIMITS = {
  itemsPerSecond: 1e9,
  itemsBurst: 1e9,
  bytesPerSecond: 1e12,
  connectionsPerAddress: 1e6,
  unauthenticatedPerAddress: 1e6,
  unauthenticatedTotal: 1e6,
  sessionsPerSubject: 1e6,
};

export async function serve(kind: Kind): Promise<Place> {
  const http = createHttp();
  const place = await START[kind](http);
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return { ...place, port: (http.address() as AddressInfo).port };
}

export type Http = ReturnType<typeof createHttp>;

const START: Readonly<Record<Kind, (http: Http) => Promise<Omit<Place, "port">>>> = {
  async ws(http) {
    const server = new WebSocketServer({ server: http, perMessageDeflate: false });
    server.on("connection", (ws) => ws.on("message", (data) => ws.send(data)));
    return {};
  },
  async jose(http) {
    const raw = randomBytes(32);
    const { seal, open } = await joseOf(raw);
    const server = new WebSocketServer({ server: http, perMessageDeflate: false });
    server.on("connection", (ws) => {
      // One after the other: in parallel replies would overtake each other.
      let last: Promise<void> = Promise.resolve();
      ws.on("message", (data) => {
        last = last.then(async () => ws.send(await seal(await open(data.toString()))));
      });
    });
    return { key: raw.toString("base64url") };
  },
  async bare(http) {
    const raw = randomBytes(32);
    const server = new WebSocketServer({ server: http, perMessageDeflate: false });
    server.on("connection", (ws, { socket }) => {
      const { seal, open } = bareGcm(raw);
      const cork = corking(socket);
      ws.on("message", (data) => {
        cork();
        ws.send(seal(open(data as Buffer)));
      });
    });
    return { key: raw.toString("base64url") };
  },
  async "bare, gathered"(http) {
    const raw = randomBytes(32);
    const server = new WebSocketServer({ server: http, perMessageDeflate: false });
    server.on("connection", (ws) => {
      const { seal, open } = bareGcm(raw);
      const push = gather(seal, (frame) => ws.send(frame));
      ws.on("message", (data) => scatter(open(data as Buffer), push));
    });
    return { key: raw.toString("base64url") };
  },
  async "socket.io"(http) {
    const server = new SocketIo(http, { transports: ["websocket"] });
    server.on("connection", (socket) => socket.on("m", (data) => socket.emit("m", data)));
    return {};
  },
  sealwire: (http) => serveSealwire(http, (session) => echoTo(session), false),
  batched: (http) => serveSealwire(http, (session) => echoTo(session)),
  bound: (http) => serveBound(http),
  pooled: (http) => serveBound(http, pooled),
  async floor(http) {
    const server = new WebSocketServer({ server: http, perMessageDeflate: false });
    const operations = bareOperations();
    server.on("connection", (ws) => {
      const answers = [FLIGHTS.serverHello, FLIGHTS.serverReady];
      ws.on("message", async (data) => {
        const answer = answers.shift();
        if (answer === undefined) return ws.send(data);
        // The operations belong to both; that all are done at the second changes nothing of their sum.
        if (answers.length === 0) await operations.run(1);
        ws.send(new Uint8Array(answer));
      });
    });
    return {};
  },
};

/** Bytes of the messages of a handshake on the binary wire, about. */
const FLIGHTS = { clientHello: 480, serverHello: 540, clientAuth: 1260, serverReady: 280 };

const serveBound = (http: Http, crypto?: CryptoBackend): Promise<Omit<Place, "port">> =>
  serveSealwire(http, (session) => echoTo(session), true, { clients: CLIENTS, ...(crypto && { crypto }) });

const echoTo = (session: ServerSession): void => void session.handle(TOPIC, (data) => void session.send(TOPIC, data));

export async function serveSealwire(
  http: Http,
  onSession: (session: ServerSession) => void,
  batch = true,
  { clients = 0, ...more }: { readonly clients?: number; readonly crypto?: CryptoBackend } = {},
): Promise<Omit<Place, "port">> {
  const { jwk, accessToken } = await issuer();
  const { privateJwk, publicJwk } = await generateKey();
  const server = createServer({
    identity: { id: ID, keys: [privateJwk] },
    tokens: { issuer: ISSUER, keys: { keys: [jwk] } as never },
    authorize: () => true,
    batch,
    limits: LIMITS,
    ...more,
  });
  server.onSession(onSession);
  server.attach(http);
  const place = { token: await accessToken(), server: { id: ID, keys: { keys: [publicJwk] } } };
  const bound = async (): Promise<Credentials> => {
    const { privateJwk: proof } = await generateKey();
    return { token: await accessToken(await proofKeyThumbprint(proof)), proof };
  };
  return clients === 0 ? place : { ...place, clients: await Promise.all(Array.from({ length: clients }, bound)) };
}

export function open(kind: Kind, place: Place, onReply: () => void): Promise<Line> {
  return OPEN[kind](place, onReply);
}

const OPEN: Readonly<Record<Kind, (place: Place, onReply: () => void) => Promise<Line>>> = {
  async ws({ port }, onReply) {
    const ws = await dial(port);
    ws.on("message", onReply);
    return { send: (data) => ws.send(data), close: () => ws.terminate() };
  },
  async jose({ port, key = "" }, onReply) {
    const { seal, open } = await joseOf(Buffer.from(key, "base64url"));
    const ws = await dial(port);
    let received: Promise<void> = Promise.resolve();
    ws.on("message", (data) => {
      received = received.then(async () => {
        await open(data.toString());
        onReply();
      });
    });
    let sent: Promise<void> = Promise.resolve();
    return {
      send(data) {
        sent = sent.then(async () => ws.send(await seal(data)));
      },
      close: () => ws.terminate(),
    };
  },
  async bare({ port, key = "" }, onReply) {
    const { seal, open } = bareGcm(Buffer.from(key, "base64url"));
    let cork = () => {};
    const ws = await dial(port, (socket) => {
      cork = corking(socket);
    });
    ws.on("message", (data) => {
      open(data as Buffer);
      onReply();
    });
    const send = (data: Uint8Array) => {
      cork();
      ws.send(seal(data));
    };
    return { send, close: () => ws.terminate() };
  },
  async "bare, gathered"({ port, key = "" }, onReply) {
    const { seal, open } = bareGcm(Buffer.from(key, "base64url"));
    const ws = await dial(port);
    ws.on("message", (data) => scatter(open(data as Buffer), onReply));
    return { send: gather(seal, (frame) => ws.send(frame)), close: () => ws.terminate() };
  },
  async "socket.io"({ port }, onReply) {
    const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, reconnection: false });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    socket.on("m", onReply);
    return { send: (data) => void socket.emit("m", data), close: () => void socket.disconnect() };
  },
  sealwire: async (place, onReply) => lineOf(await openSession(place, {}, false), onReply),
  batched: async (place, onReply) => lineOf(await openSession(place), onReply),
  bound: async (place, onReply) => lineOf(await openSession(nextOf(place)), onReply),
  pooled: async (place, onReply) => lineOf(await openSession(nextOf(place)), onReply),
  async floor({ port }, onReply) {
    const ws = await dial(port);
    for (const size of [FLIGHTS.clientHello, FLIGHTS.clientAuth]) {
      ws.send(new Uint8Array(size));
      await once(ws, "message");
    }
    ws.on("message", onReply);
    return { send: (data) => ws.send(data), close: () => ws.terminate() };
  },
};

let turn = 0;

const nextOf = ({ clients = [], ...place }: Place): Place & Partial<Credentials> => ({
  ...place,
  ...clients[turn++ % clients.length],
});

function lineOf(session: ClientSession, onReply: () => void): Line {
  session.handle(TOPIC, onReply);
  return { send: (data) => void session.send(TOPIC, data), close: () => void session.close() };
}

export async function openSession(
  { port, token = "", proof, server }: Place & Partial<Credentials>,
  reconnect: ReconnectOptions = {},
  batch = true,
): Promise<ClientSession> {
  return await connect(`ws://127.0.0.1:${port}/`, {
    server: server as never,
    token: () => token,
    ...(proof === undefined ? {} : { proof }),
    limits: LIMITS,
    reconnect,
    batch,
  });
}

export async function dial(port: number, onSocket?: (socket: Socket) => void): Promise<WebSocket> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  ws.once("upgrade", ({ socket }) => onSocket?.(socket));
  await once(ws, "open");
  return ws;
}

async function joseOf(raw: Uint8Array) {
  const key = await webcrypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  const header = { alg: "dir", enc: "A256GCM" };
  return {
    seal: (data: Uint8Array) => new CompactEncrypt(data).setProtectedHeader(header).encrypt(key),
    open: async (jwe: string) => (await compactDecrypt(jwe, key)).plaintext,
  };
}
