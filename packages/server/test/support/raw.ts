import { type Socket, connect as tcp } from "node:net";
import type { Duplex } from "node:stream";
import { DEFAULT_LIMITS, type Limits, type Subprotocol } from "@sealwire/core";
import {
  adaptWebSocket,
  backend,
  type Chain,
  ClientHandshake,
  ClientResume,
  type Clock,
  Connection,
  type ConnectionEnd,
  createKeySet,
  type Established,
  LiveSession,
  type ProofKey,
  type WebSocketLike,
} from "@sealwire/core/internal";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { token as goodToken, SERVER_ID, serverJwks } from "./keys.ts";
import type { World } from "./world.ts";

export const CBOR = "sealwire.v1.cbor" as const;
export const TEXT = "sealwire.v1.text" as const;

type Payload = string | Uint8Array;

/** A WebSocket that is not ours: it sends what a test says and records what comes. */
export interface RawSocket {
  readonly ws: WebSocket;
  readonly received: Payload[];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** The next message; undefined when the connection ended. */
  next(): Promise<Payload | undefined>;
}

export interface RawOptions {
  readonly protocols?: readonly string[];
  readonly headers?: Record<string, string>;
  readonly path?: string;
  readonly deflate?: boolean;
  /** In place of a socket. */
  readonly stream?: Duplex;
}

export function track(ws: WebSocket): RawSocket {
  const received: Payload[] = [];
  let read = 0;
  let ended = false;
  let wakes: (() => void)[] = [];
  const wake = () => {
    for (const w of wakes) w();
    wakes = [];
  };
  ws.on("error", () => {});
  ws.on("message", (data: Buffer, binary) => {
    received.push(binary ? new Uint8Array(data) : data.toString());
    wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on("close", (code, reason) => {
      ended = true;
      wake();
      resolve({ code, reason: reason.toString() });
    });
  });
  const next = async () => {
    while (read === received.length && !ended) await new Promise<void>((resolve) => wakes.push(resolve));
    return received[read++];
  };
  return { ws, received, closed, next };
}

export async function rawSocket(world: Pick<World, "url">, options: RawOptions = {}): Promise<RawSocket> {
  const { protocols = [CBOR], headers = {}, path = "/", deflate = false, stream } = options;
  const ws = new WebSocket(`${world.url}${path}`, [...protocols], {
    perMessageDeflate: deflate,
    headers,
    // To ws any stream will do.
    ...(stream === undefined ? {} : { createConnection: () => stream as Socket }),
  });
  const socket = track(ws);
  onTestFinished(() => ws.terminate());
  await new Promise<void>((resolve, reject) => {
    ws.once("open", resolve);
    ws.once("error", reject);
  });
  return socket;
}

export interface HandshakeOptions extends RawOptions {
  /** What CH says; default: `protocol`. */
  readonly offeredProtocols?: readonly string[];
  readonly protocol?: Subprotocol;
  readonly token?: string;
  readonly tokenSentAtUpgrade?: boolean;
  readonly proof?: ProofKey;
  readonly limits?: Partial<Limits>;
  /** The session does not end with its connection. */
  readonly keep?: boolean;
  /** Called when CA has been sent and SR has not come yet. */
  readonly afterAuth?: (ws: WebSocket) => void;
  /** What is sent in place of the nth message. */
  readonly tamper?: (payload: Payload, n: number) => Payload;
}

export async function clientMachine(options: HandshakeOptions = {}): Promise<ClientHandshake> {
  const { protocol = CBOR } = options;
  return new ClientHandshake({
    backend,
    serverId: SERVER_ID,
    serverKeys: await createKeySet(backend, serverJwks, { source: "configured" }),
    offeredProtocols: options.offeredProtocols ?? [protocol],
    protocol,
    offer: { suites: ["x25519"], levels: ["aead"], codecs: ["cbor"], signatures: ["ES256"] },
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    token: options.token ?? (await goodToken()),
    tokenSentAtUpgrade: options.tokenSentAtUpgrade ?? false,
    proof: options.proof,
  });
}

/** CH as its bytes on the wire. */
export async function clientHello(options: HandshakeOptions = {}): Promise<Payload> {
  return (await (await clientMachine(options)).start()).send as Payload;
}

export interface RawSession extends RawSocket {
  readonly established: Established;
  readonly session: LiveSession;
  readonly info: Promise<ConnectionEnd>;
}

export const clock: Clock = {
  unix: () => Date.now(),
  elapsed: () => performance.now(),
  schedule: (fn, ms) => {
    const timer = setTimeout(fn, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** A real session over a socket that the test holds, so that what follows can break every rule. */
export async function rawSession(world: Pick<World, "url">, options: HandshakeOptions = {}): Promise<RawSession> {
  const socket = await rawSocket(world, { ...options, protocols: options.protocols ?? [options.protocol ?? CBOR] });
  const machine = await clientMachine(options);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  return await new Promise((resolve, reject) => {
    let onInfo: (info: ConnectionEnd) => void;
    const info = new Promise<ConnectionEnd>((done) => {
      onInfo = done;
    });
    const adapted = adaptWebSocket(socket.ws as unknown as WebSocketLike, clock);
    const { tamper = (p) => p } = options;
    const send = adapted.send.bind(adapted);
    let count = 0;
    adapted.send = (payload) => send(tamper(payload, count++));
    const connection = new Connection({
      socket: adapted,
      clock,
      limits,
      handshake: {
        start: () => machine.start(),
        receive: async (frame, time) => {
          const step = await machine.receive(frame, time);
          if (step.send !== undefined) setImmediate(() => options.afterAuth?.(socket.ws));
          return step;
        },
      },
      rateLimited: false,
      onEstablished: (established) => {
        const end = options.keep ? {} : { lost: () => false };
        const hooks = { heartbeat: false, rateLimited: false, ...end };
        const session = new LiveSession(established, connection, limits, hooks);
        resolve({ ...socket, established, session, info });
        return session.receiver;
      },
      onClosed: (closed) => {
        onInfo(closed);
        reject(closed.error ?? new Error(`closed with ${closed.code}`));
      },
    });
  });
}

export interface ResumeAttempt extends RawSocket {
  /** How the connection ended. */
  readonly info: Promise<ConnectionEnd>;
  /** Resolves when both ends have confirmed it. */
  readonly open: Promise<void>;
}

export interface RawResumeOptions extends RawOptions {
  readonly protocol?: Subprotocol;
  readonly ath?: string;
  /** Default: the newest of the session. */
  readonly chain?: Chain;
}

export function resumeMachine(
  { facts, ledger }: LiveSession["life"],
  { chain, protocol = CBOR, ath }: RawResumeOptions = {},
): ClientResume {
  const [newest] = ledger.chains;
  return new ClientResume({
    facts,
    ledger,
    chain: chain ?? (newest as Chain),
    limits: DEFAULT_LIMITS,
    offeredProtocols: [protocol],
    protocol,
    signatures: ["ES256"],
    ath,
  });
}

/** A session of `rawSession` with `keep` once more, on a socket that the test holds. */
export async function rawResume(
  world: Pick<World, "url">,
  session: LiveSession,
  options: RawResumeOptions = {},
): Promise<ResumeAttempt> {
  const socket = await rawSocket(world, { ...options, protocols: options.protocols ?? [options.protocol ?? CBOR] });
  const machine = resumeMachine(session.life, options);
  let opened = () => {};
  const open = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const info = new Promise<ConnectionEnd>((resolve) => {
    const connection = new Connection({
      socket: adaptWebSocket(socket.ws as unknown as WebSocketLike, clock),
      clock,
      limits: DEFAULT_LIMITS,
      handshake: { start: () => machine.start(), receive: (frame, time) => machine.receive(frame, time) },
      rateLimited: false,
      onEstablished: (established) => {
        opened();
        return session.resume(established, connection);
      },
      onClosed: resolve,
    });
  });
  return { ...socket, info, open };
}

export interface TcpAnswer {
  readonly socket: Socket;
  /** The status line and headers, as soon as they are complete; "" if the connection ended before. */
  readonly head: Promise<string>;
  readonly closed: Promise<void>;
  /** Everything received so far, one character a byte. */
  text(): string;
}

/** Bytes on a TCP connection, for requests that no client library would write. `allowHalfOpen`: it never closes by itself. */
export function rawTcp(port: number, ...chunks: readonly (string | Uint8Array)[]): TcpAnswer {
  const socket = tcp({ port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => {
    socket.destroy();
  });
  let text = "";
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => {
    socket.on("end", resolve);
    socket.on("close", () => resolve());
  });
  const head = new Promise<string>((resolve) => {
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    void closed.then(() => resolve(text.split("\r\n\r\n")[0] ?? ""));
  });
  for (const chunk of chunks) socket.write(chunk);
  return { socket, head, closed, text: () => text };
}

/** An upgrade request as text; a header set to undefined is left out, one with an array is repeated. */
export function upgradeRequest(
  over: Record<string, string | readonly string[] | undefined> = {},
  line?: string,
): string {
  const headers: Record<string, string | readonly string[] | undefined> = {
    Host: "chat.example",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": CBOR,
    ...over,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((v) => `${name}: ${v}`),
  );
  return `${[line ?? "GET / HTTP/1.1", ...lines].join("\r\n")}\r\n\r\n`;
}

export const statusOf = async (answer: TcpAnswer): Promise<number> => Number((await answer.head).split(" ")[1] ?? 0);
