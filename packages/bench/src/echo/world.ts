import { randomBytes, webcrypto } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import type { AddressInfo } from "node:net";
import type { ClientSession, ReconnectOptions } from "@sealwire/client";
import { connect } from "@sealwire/client";
import { generateKey } from "@sealwire/core";
import { createDevelopmentIssuer } from "@sealwire/issuer";
import { createServer, type ServerSession } from "@sealwire/server";
import { CompactEncrypt, compactDecrypt } from "jose";
import { Server as SocketIo } from "socket.io";
import { io } from "socket.io-client";
import { WebSocket, WebSocketServer } from "ws";

/** Kinds of servers that echo bytes. "batched" is sealwire as it is by default, "sealwire" with an envelope for each message. */
export const KINDS = ["ws", "jose", "socket.io", "sealwire", "batched"] as const;
export type Kind = (typeof KINDS)[number];

/** What a client needs to connect. Goes from process to process as JSON. */
export interface Place {
  readonly port: number;
  readonly key?: string;
  readonly token?: string;
  readonly server?: { readonly id: string; readonly keys: { readonly keys: readonly object[] } };
}

/** One connection of a load. */
export interface Line {
  send(data: Uint8Array): void;
  close(): void;
}

const ID = "https://bench.invalid";
const CLIENT = "bench";
export const TOPIC = "chat.msg";

/** Nothing bounds the load but the machine: every limit that would is raised. */
const LIMITS = {
  itemsPerSecond: 1e9,
  itemsBurst: 1e9,
  bytesPerSecond: 1e12,
  connectionsPerAddress: 1e6,
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
  async "socket.io"(http) {
    const server = new SocketIo(http, { transports: ["websocket"] });
    server.on("connection", (socket) => socket.on("m", (data) => socket.emit("m", data)));
    return {};
  },
  sealwire: (http) => serveSealwire(http, (session) => echoTo(session), false),
  batched: (http) => serveSealwire(http, (session) => echoTo(session)),
};

const echoTo = (session: ServerSession): void => void session.handle(TOPIC, (data) => void session.send(TOPIC, data));

export async function serveSealwire(
  http: Http,
  onSession: (session: ServerSession) => void,
  batch = true,
): Promise<Omit<Place, "port">> {
  const issuer = await createDevelopmentIssuer({
    issuer: "http://127.0.0.1",
    audience: ID,
    clients: { [CLIENT]: {} },
    accounts: () => ({ scopes: [] }),
    accessTokenSeconds: 36_000,
  });
  const jwks = await (await issuer.handle(new Request("http://127.0.0.1/jwks"))).json();
  const { privateJwk, publicJwk } = await generateKey();
  const server = createServer({
    identity: { id: ID, keys: [privateJwk] },
    tokens: { issuer: issuer.issuer, keys: jwks as never },
    authorize: () => true,
    batch,
    limits: LIMITS,
  });
  server.onSession(onSession);
  server.attach(http);
  const { access_token: token } = await issuer.signIn("alice", { clientId: CLIENT });
  return { token, server: { id: ID, keys: { keys: [publicJwk] } } };
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
};

function lineOf(session: ClientSession, onReply: () => void): Line {
  session.handle(TOPIC, onReply);
  return { send: (data) => void session.send(TOPIC, data), close: () => void session.close() };
}

export async function openSession(
  { port, token = "", server }: Place,
  reconnect: ReconnectOptions = {},
  batch = true,
): Promise<ClientSession> {
  return await connect(`ws://127.0.0.1:${port}/`, {
    server: server as never,
    token: () => token,
    limits: LIMITS,
    reconnect,
    batch,
  });
}

export async function dial(port: number): Promise<WebSocket> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
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
