import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import {
  type AnyTopics,
  DEFAULT_LIMITS,
  type Limits,
  type SealwireError,
  type Topic,
  type TopicMap,
} from "@sealwire/core";
import {
  adaptWebSocket,
  assertPrivateJwk,
  Connection,
  type CryptoBackend,
  backend as defaultBackend,
  type ProofKey,
  ServerHandshake,
  SUBPROTOCOLS,
  type Subprotocol,
  thumbprint,
  type WebSocketLike,
} from "@sealwire/core/internal";
import { type WebSocket, WebSocketServer } from "ws";
import { systemClock } from "./clock.ts";
import type { ServerHandler, ServerOptions, ServerSession } from "./options.ts";
import { countBytes } from "./pre-auth.ts";
import { LiveServerSession } from "./session.ts";
import { type CheckedToken, tokenVerifier } from "./tokens.ts";
import { Admission, addressOf, bearerToken, originAllowed, refuseUpgrade, selectProtocol } from "./upgrade.ts";

export interface SealwireServer<T extends TopicMap<T> = AnyTopics> {
  /** Takes the upgrade requests of an HTTP server, at one path or at all; the result detaches. */
  attach(http: HttpServer | HttpsServer, options?: { readonly path?: string }): () => void;
  /** For servers with their own routing: takes one upgrade request. */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Called when a session is ready, before anything of it is delivered. */
  onSession(fn: (session: ServerSession<T>) => void): () => void;
  /** Handles messages and requests on a topic, of every session. One handler per topic. */
  handle<K extends Topic<T>>(topic: K, fn: ServerHandler<T, K>): () => void;
  readonly sessions: ReadonlySet<ServerSession<T>>;
  /** Takes no more connections, says bye to every session, and waits for them at most `timeout` ms (default 5,000). */
  close(options?: { readonly timeout?: number }): Promise<void>;
}

type AnyHandler = (data: unknown, context: object) => unknown;

/**
 * A server of sealed sessions. Every message that reaches a handler came over an authenticated handshake, in order,
 * unchanged, within its life, and was granted by `authorize`.
 *
 * @throws TypeError for options that cannot work
 */
export function createServer<T extends TopicMap<T> = AnyTopics>(options: ServerOptions): SealwireServer<T> {
  const server = new Server(options);
  return server as unknown as SealwireServer<T>;
}

class Server {
  readonly #o: ServerOptions;
  readonly #limits: Limits;
  readonly #backend: CryptoBackend;
  readonly #signers: Promise<readonly ProofKey[]>;
  readonly #verifyToken: (token: string) => Promise<CheckedToken>;
  readonly #protocols: readonly Subprotocol[];
  readonly #wss: WebSocketServer;
  readonly #admission: Admission;
  readonly #handlers = new Map<string, AnyHandler>();
  readonly #listeners = new Set<(session: LiveServerSession) => void>();
  readonly #connections = new Set<Connection>();
  readonly #detach = new Set<() => void>();
  readonly sessions: Set<LiveServerSession> = new Set();
  #closing = false;

  constructor(options: ServerOptions) {
    this.#o = options;
    const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#limits = limits;
    this.#backend = options.crypto ?? defaultBackend;
    this.#admission = new Admission(limits);
    this.#protocols = options.protocols ?? SUBPROTOCOLS;
    this.#signers = importSigners(this.#backend, options.identity.keys);
    const policies = [options.tokens].flat();
    const audience = options.identity.id;
    this.#verifyToken = tokenVerifier(policies, { audience, tolerance: limits.skewSeconds });
    if (typeof options.authorize !== "function")
      throw new TypeError("authorize is required: nothing is granted by default");
    this.#wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression before encryption leaks content by its size (RFC 7692 section 8).
      perMessageDeflate: false,
      maxPayload: limits.messageBytes,
      ...{ maxFragments: limits.fragments },
      handleProtocols: (offered) => selectProtocol(offered, this.#protocols),
    });
  }

  attach(http: HttpServer | HttpsServer, { path }: { path?: string } = {}): () => void {
    const listener = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (path === undefined || new URL(req.url ?? "/", "http://localhost").pathname === path)
        this.handleUpgrade(req, socket, head);
    };
    http.on("upgrade", listener);
    const detach = () => {
      http.off("upgrade", listener);
      this.#detach.delete(detach);
    };
    this.#detach.add(detach);
    return detach;
  }

  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { origins, trustProxy } = this.#o;
    if (!originAllowed(req, origins ?? "same-origin")) {
      refuseUpgrade(socket, 403, "origin not allowed: see the server's option origins");
      return;
    }
    const address = addressOf(req, trustProxy ?? 0);
    const place = this.#closing ? undefined : this.#admission.enter(address);
    if (place === undefined) {
      refuseUpgrade(socket, 503, "no room for another connection now");
      return;
    }
    socket.once("close", place.leave);
    // A broken upgrade request is answered by ws itself, and the socket closes.
    this.#wss.handleUpgrade(req, socket, head, (ws) => this.#accept(ws, req, socket, address, place.ready));
  }

  #accept(ws: WebSocket, req: IncomingMessage, socket: Duplex, address: string, ready: () => void): void {
    if (ws.protocol === "") {
      // A browser can read this code; a refused upgrade it could not.
      ws.on("error", () => {});
      ws.close(4406, "negotiate");
      return;
    }
    void this.#signers.then((signers) => this.#open(ws, req, socket, address, ready, signers));
  }

  #open(
    ws: WebSocket,
    req: IncomingMessage,
    socket: Duplex,
    address: string,
    ready: () => void,
    signers: readonly ProofKey[],
  ): void {
    const { identity, levels, codecs, suites, proof, tokenAtUpgrade, admit, onError } = this.#o;
    const handshake = new ServerHandshake<CheckedToken>({
      backend: this.#backend,
      id: identity.id,
      signers,
      accept: {
        suites: suites ?? ["x25519", "p256"],
        levels: levels ?? ["aead"],
        codecs: codecs ?? ["cbor", "json"],
        signatures: ["ES256", "Ed25519"],
      },
      protocols: this.#protocols,
      protocol: ws.protocol,
      proof: proof ?? "optional",
      limits: this.#limits,
      upgradeToken: tokenAtUpgrade === "authorization" ? bearerToken(req) : undefined,
      verifyToken: this.#verifyToken,
      admit: (token) => admit?.(token.principal) ?? true,
    });
    let session: LiveServerSession | undefined;
    const connection = new Connection({
      socket: adaptWebSocket(ws as unknown as WebSocketLike, systemClock),
      clock: systemClock,
      limits: this.#limits,
      handshake,
      rateLimited: true,
      onEstablished: (established, step) => {
        ready();
        stopCounting();
        const { principal, token } = (step as unknown as { token: CheckedToken }).token;
        session = new LiveServerSession(
          established,
          connection,
          this.#limits,
          this.#hooks(principal, token, address, () => session),
          {
            principal,
            remoteAddress: address,
          },
        );
        this.sessions.add(session);
        for (const fn of this.#listeners) fn(session);
        return session;
      },
      onClosed: (info) => {
        stopCounting();
        this.#connections.delete(connection);
        if (session !== undefined) this.sessions.delete(session);
        if (info.error !== undefined) onError?.(info.error, context(session, address));
      },
    });
    this.#connections.add(connection);
    const stopCounting = countBytes(socket, this.#limits.unauthenticatedBytes, (error) => connection.fail(error));
  }

  #hooks(
    principal: CheckedToken["principal"],
    token: string,
    address: string,
    session: () => LiveServerSession | undefined,
  ) {
    const { authorize, onError } = this.#o;
    return {
      authorize: (
        request: Parameters<NonNullable<ConstructorParameters<typeof LiveServerSession>[3]["authorize"]>>[0],
      ) => authorize({ principal, ...request }),
      handler: (topic: string) => {
        const fn = this.#handlers.get(topic);
        return fn && ((data: unknown, rest: object) => fn(data, { ...rest, session: session() }));
      },
      onError: (error: SealwireError) => onError?.(error, context(session(), address)),
      peerToken: token,
      heartbeat: true,
      rateLimited: true,
    };
  }

  onSession(fn: (session: LiveServerSession) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  handle(topic: string, fn: AnyHandler): () => void {
    if (this.#handlers.has(topic)) throw new TypeError(`topic ${topic} has a handler already: remove it first`);
    this.#handlers.set(topic, fn);
    return () => this.#handlers.get(topic) === fn && this.#handlers.delete(topic);
  }

  async close({ timeout = 5000 }: { timeout?: number } = {}): Promise<void> {
    this.#closing = true;
    for (const detach of this.#detach) detach();
    const ended = [...this.sessions].map((session) => session.leave());
    for (const connection of this.#connections) if (!connection.established) connection.close(1001, "away");
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = systemClock.schedule(resolve, timeout);
    });
    await Promise.race([Promise.all(ended), late]);
    cancel();
    for (const connection of this.#connections) connection.terminate();
  }
}

const context = (session: LiveServerSession | undefined, remoteAddress: string) =>
  session === undefined ? { remoteAddress } : { sessionId: session.id, remoteAddress };

async function importSigners(backend: CryptoBackend, keys: readonly unknown[]): Promise<readonly ProofKey[]> {
  return await Promise.all(
    keys.map(async (jwk) => {
      const signer = await backend.importSigner(assertPrivateJwk(jwk));
      return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
    }),
  );
}
