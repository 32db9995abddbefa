import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { generateKey, type PrivateJwk, type SealwireError } from "@sealwire/core";
import {
  createMemoryResumeStore,
  createServer,
  type SealwireServer,
  type ServerOptions,
  type ServerSession,
} from "@sealwire/server";
import type { JWK } from "jose";
import { FileStore, type Owner } from "./files.ts";
import { listen } from "./listen.ts";
import { authorize, hasRole } from "./policy.ts";
import { type DemoTopics, unpackChunk } from "./topics.ts";

export const SERVER_ID = "https://sealwire-demo.invalid";
/** The server asks for the next token so long before the end. */
const REFRESH_SECONDS = 15;
/** So long a session waits for its client: that of a tab that was closed is not seen for longer. */
const RESUME_SECONDS = 30;
/** Half of it for what is being handled: what is not answered then is asked again by its client. */
const DRAIN_MS = 5_000;
const CLOSE_MS = 500;
/** So that silence on the line shows while somebody watches; the client's side of it is in session.ts. */
const HEARTBEAT_SECONDS = 3;

/** One error as the server reported it. The peer learned only the coarse name that belongs to the close code. */
export interface ServerRefusal {
  readonly n: number;
  readonly code: string;
  readonly stage: string | undefined;
  readonly closeCode: number | undefined;
  readonly sessionId: string | undefined;
}

export interface DemoServerOptions {
  readonly tokens: ServerOptions["tokens"];
  readonly revocations: NonNullable<ServerOptions["revocations"]>;
  /** The page's origin. */
  readonly origins: string[];
  readonly port?: number;
}

/** The Sealwire server and what outlives its restarts: its key, its port, the sessions, the files. */
export class DemoServer {
  readonly files: FileStore;
  /** The public keys that clients pin. */
  readonly keys: { readonly keys: JWK[] };
  readonly #options: DemoServerOptions;
  readonly #identity: PrivateJwk;
  /** One server hands its sessions over to the next. */
  readonly #resume = { seconds: RESUME_SECONDS, store: createMemoryResumeStore() };
  readonly #refusals: ServerRefusal[] = [];
  #refused = 0;
  #port: number;
  #starts = 0;
  #stopping = false;
  #running!: { readonly sealwire: SealwireServer<DemoTopics>; readonly http: HttpServer };

  private constructor(options: DemoServerOptions, files: FileStore, keys: { privateJwk: PrivateJwk; publicJwk: JWK }) {
    this.#options = options;
    this.files = files;
    this.#identity = keys.privateJwk;
    this.keys = { keys: [keys.publicJwk] };
    this.#port = options.port ?? 0;
  }

  static async start(options: DemoServerOptions): Promise<DemoServer> {
    const server = new DemoServer(options, await FileStore.create(), await generateKey("ES256"));
    await server.#start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get starts(): number {
    return this.#starts;
  }

  get sealwire(): SealwireServer<DemoTopics> {
    return this.#running.sealwire;
  }

  /** How many errors there were, and those after the first `since`. */
  get refused(): number {
    return this.#refused;
  }

  refusals(since: number): ServerRefusal[] {
    return this.#refusals.filter((r) => r.n > since);
  }

  /** Ends this server in order, and starts another one, which its sessions are resumed at. */
  async restart(): Promise<void> {
    await this.#stop(DRAIN_MS);
    await this.#start();
  }

  async close(): Promise<void> {
    await this.#stop(CLOSE_MS);
    await this.files.close();
  }

  async #start(): Promise<void> {
    const { tokens, revocations, origins } = this.#options;
    const sealwire = createServer<DemoTopics>({
      identity: { id: SERVER_ID, keys: [this.#identity] },
      tokens,
      revocations,
      authorize,
      origins,
      // The relay is the one hop before this server, as nginx would be.
      trustProxy: 1,
      resume: this.#resume,
      levels: ["aead", "mac", "nest", "sig"],
      limits: {
        // Chunks of a file come faster than messages that people type.
        bytesPerSecond: 32 * 1024 * 1024,
        refreshSeconds: REFRESH_SECONDS,
        heartbeatSeconds: HEARTBEAT_SECONDS,
      },
      onError: (error, { sessionId }) => this.#onError(error, sessionId),
    });
    serveChat(sealwire);
    serveFiles(sealwire, this.files, () => this.#stopping);
    const http = createHttpServer((_req, res) => {
      res
        .writeHead(426, { "content-type": "text/plain" })
        .end("This is the demo's Sealwire server; it speaks WebSocket only.\n");
    });
    sealwire.attach(http, { path: "/ws" });
    this.#port = await listen(http, this.#port, this.#starts === 0 ? 20 : 1);
    this.#starts += 1;
    this.#running = { sealwire, http };
  }

  async #stop(timeout: number): Promise<void> {
    const { sealwire, http } = this.#running;
    this.#stopping = true;
    await sealwire.close({ timeout });
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    this.#stopping = false;
  }

  #onError({ code, stage, closeCode, remote }: SealwireError, sessionId: string | undefined): void {
    if (remote) return; // what the other side found is its refusal, not this server's
    this.#refused += 1;
    this.#refusals.push({ n: this.#refused, code, stage, closeCode, sessionId });
    if (this.#refusals.length > 200) this.#refusals.shift();
  }
}

function serveChat(sealwire: SealwireServer<DemoTopics>): void {
  const here = (): ServerSession<DemoTopics>[] => [...sealwire.sessions].filter((s) => s.state === "open");
  const members = (): string[] => [...new Set(here().map((s) => s.principal.subject))].sort();
  const announce = (): void => {
    for (const session of here()) session.send("chat.members", { members: members() }).catch(ignoreEnded);
  };
  sealwire.onSession((session) => {
    announce();
    session.onStateChange(announce);
  });
  sealwire.handle("chat.join", (_data, { session }) => ({ you: session.principal.subject, members: members() }));
  sealwire.handle("chat.say", ({ text }, { session }) => {
    const message = { from: session.principal.subject, text, at: Date.now() };
    for (const peer of sealwire.sessions) peer.send("chat.msg", message).catch(ignoreEnded);
  });
}

function serveFiles(sealwire: SealwireServer<DemoTopics>, files: FileStore, stopping: () => boolean): void {
  const owner = (session: ServerSession<DemoTopics>): Owner => ({
    session: session.id,
    user: session.principal.subject,
  });
  sealwire.onSession((session) => {
    // What the user may not do any more is not gone on with.
    session.onPrincipalChange((principal) => {
      if (!hasRole(principal, "files")) void files.drop(session.id);
    });
    void session.closed.then(({ error }) => {
      const left = error === undefined && !stopping();
      return left ? files.drop(session.id) : files.forsake(session.id);
    });
  });
  sealwire.handle("file.begin", (offer, { session }) => files.begin(owner(session), offer));
  sealwire.handle("file.continue", ({ id }, { session }) => files.continue(owner(session), id));
  sealwire.handle("file.chunk", (packed, { session }) => {
    const { id, index, bytes } = unpackChunk(packed);
    return files.chunk(owner(session), id, index, bytes);
  });
  sealwire.handle("file.abort", ({ id }, { session }) => files.abort(owner(session), id));
  sealwire.handle("file.get", ({ id, index }) => files.get(id, index));
  sealwire.handle("file.end", async ({ id, sha256 }, { session }) => {
    const { info, fresh } = await files.end(owner(session), id, sha256);
    for (const peer of fresh ? sealwire.sessions : []) {
      if (hasRole(peer.principal, "files")) peer.send("file.ready", info).catch(ignoreEnded);
    }
    return info;
  });
}

/** A peer that ends while it is written to has simply left. */
function ignoreEnded(): void {}
