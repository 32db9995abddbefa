import { createServer as createHttpServer } from "node:http";
import { generateKey, type SealwireError } from "@sealwire/core";
import { createServer, type SealwireServer } from "@sealwire/server";
import type { JWK } from "jose";
import { FileStore } from "./files.ts";
import { listen } from "./listen.ts";
import { covers, type DemoTopics, unpackChunk } from "./topics.ts";

export const SERVER_ID = "https://sealwire-demo.invalid";

/** One error as the server reported it. The peer learned only the coarse name that belongs to the close code. */
export interface ServerRefusal {
  readonly n: number;
  readonly code: string;
  readonly stage: string | undefined;
  readonly closeCode: number | undefined;
  readonly sessionId: string | undefined;
}

export interface DemoServer {
  readonly port: number;
  /** The public keys that clients pin. */
  readonly keys: { keys: JWK[] };
  readonly files: FileStore;
  readonly sealwire: SealwireServer<DemoTopics>;
  refusals(since: number): ServerRefusal[];
  readonly refused: number;
  close(): Promise<void>;
}

export async function createDemoServer(options: {
  tokens: { issuer: string; keys: { keys: JWK[] } };
  /** The page's origin. Filled in by the app before it serves the first page. */
  origins: string[];
  port?: number;
}): Promise<DemoServer> {
  const { privateJwk, publicJwk } = await generateKey("ES256");
  const refusals: ServerRefusal[] = [];
  let count = 0;

  const sealwire = createServer<DemoTopics>({
    identity: { id: SERVER_ID, keys: [privateJwk] },
    tokens: { issuer: options.tokens.issuer, audience: SERVER_ID, keys: options.tokens.keys },
    // Deny by default: a topic is open to whom a scope of the access token grants its family, in both directions.
    authorize: ({ principal, topic }) => covers(principal.scopes, topic),
    origins: options.origins,
    // The relay is the one hop before this server, as nginx would be.
    trustProxy: 1,
    levels: ["aead", "mac", "nest", "sig"],
    // Chunks of a file come faster than messages that people type.
    limits: { bytesPerSecond: 32 * 1024 * 1024 },
    onError(error: SealwireError, { sessionId }) {
      const { code, stage, closeCode } = error;
      if (error.remote) return; // what the other side found is its refusal, not this server's
      refusals.push({ n: ++count, code, stage, closeCode, sessionId });
      if (refusals.length > 200) refusals.shift();
    },
  });
  const files = await FileStore.create();
  serveChat(sealwire);
  serveFiles(sealwire, files);

  const http = createHttpServer((_req, res) => {
    res
      .writeHead(426, { "content-type": "text/plain" })
      .end("This is the demo's Sealwire server; it speaks WebSocket only.\n");
  });
  sealwire.attach(http, { path: "/ws" });
  const port = await listen(http, options.port ?? 0);

  return {
    port,
    keys: { keys: [publicJwk] },
    files,
    sealwire,
    refusals: (since) => refusals.filter((r) => r.n > since),
    get refused() {
      return count;
    },
    async close() {
      await sealwire.close({ timeout: 500 });
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await files.close();
    },
  };
}

function serveChat(sealwire: SealwireServer<DemoTopics>): void {
  const members = (): string[] => [...new Set([...sealwire.sessions].map((s) => s.principal.subject))].sort();
  const announce = (): void => {
    for (const session of sealwire.sessions) session.send("chat.members", { members: members() }).catch(ignoreEnded);
  };
  sealwire.onSession((session) => {
    announce();
    void session.closed.then(announce);
  });
  sealwire.handle("chat.join", (_data, { session }) => ({ you: session.principal.subject, members: members() }));
  sealwire.handle("chat.say", ({ text }, { session }) => {
    const message = { from: session.principal.subject, text, at: Date.now() };
    for (const peer of sealwire.sessions) peer.send("chat.msg", message).catch(ignoreEnded);
  });
}

function serveFiles(sealwire: SealwireServer<DemoTopics>, files: FileStore): void {
  sealwire.onSession((session) => {
    void session.closed.then(() => files.drop(session));
  });
  sealwire.handle("file.begin", (offer, { session }) => files.begin(session, session.principal.subject, offer));
  sealwire.handle("file.chunk", (packed, { session }) => {
    const { id, index, bytes } = unpackChunk(packed);
    return files.chunk(session, id, index, bytes);
  });
  sealwire.handle("file.abort", ({ id }, { session }) => files.abort(session, id));
  sealwire.handle("file.get", ({ id, index }) => files.get(id, index));
  sealwire.handle("file.end", async ({ id, sha256 }, { session }) => {
    const info = await files.end(session, id, sha256);
    for (const peer of sealwire.sessions) {
      if (covers(peer.principal.scopes, "file.ready")) peer.send("file.ready", info).catch(ignoreEnded);
    }
    return info;
  });
}

/** A peer that ends while it is written to has simply left. */
function ignoreEnded(): void {}
