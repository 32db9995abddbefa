import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { type AnyTopics, SealwireError, type Topic, type TopicMap, type TopicOption } from "@sealwire/core";
import {
  adaptWebSocket,
  all,
  assertPrivateJwk,
  attempt,
  type Clock,
  Connection,
  type CryptoBackend,
  chain,
  backend as defaultBackend,
  isTopic,
  type Maybe,
  type ProofKey,
  ServerHandshake,
  type TopicChecks,
  thumbprint,
  topicChecks,
  type WebSocketLike,
} from "@sealwire/core/internal";
import type { WebSocket, WebSocketServer } from "ws";
import { type Carried, carrierReader } from "./carried.ts";
import { checkOptions } from "./check.ts";
import type { ServerHandler, ServerOptions, ServerSession } from "./options.ts";
import { type Platform, systemPlatform } from "./platform.ts";
import { countBytes } from "./pre-auth.ts";
import { attach } from "./routes.ts";
import { LiveServerSession } from "./session.ts";
import { type CheckedToken, tokenVerifier } from "./tokens.ts";
import { Admission, addressOf, originAllowed, type Refusal, refuseUpgrade, selectProtocol } from "./upgrade.ts";

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
 * unchanged, within its life, was granted by `authorize`, and fits its schema where option `topics` has them.
 *
 * @throws TypeError for options that cannot work
 */
export function createServer<T extends TopicMap<T> = AnyTopics>(
  options: ServerOptions & TopicOption<T>,
): SealwireServer<T> {
  return createServerOn(systemPlatform, options);
}

/** `createServer` with another clock and WebSocket than those of this machine. */
export function createServerOn<T extends TopicMap<T> = AnyTopics>(
  platform: Platform,
  options: ServerOptions & TopicOption<T>,
): SealwireServer<T> {
  const server = new Server(platform, options, topicChecks(options.topics));
  return server as unknown as SealwireServer<T>;
}

class Server {
  readonly #clock: Clock;
  readonly #o: ServerOptions;
  readonly #c: ReturnType<typeof checkOptions>;
  readonly #topics: TopicChecks | undefined;
  readonly #backend: CryptoBackend;
  readonly #signers: Promise<readonly ProofKey[]>;
  readonly #readCarried: ReturnType<typeof carrierReader>;
  readonly #wss: WebSocketServer;
  readonly #admission: Admission;
  readonly #handlers = new Map<string, AnyHandler>();
  readonly #listeners = new Set<(session: LiveServerSession) => void>();
  readonly #connections = new Map<Connection, Promise<void>>();
  /** Every connection from the upgrade on, also those that never get as far as a session. */
  readonly #sockets = new Set<Duplex>();
  readonly #detach = new Set<() => void>();
  readonly sessions: Set<LiveServerSession> = new Set();
  #closing = false;

  constructor(platform: Platform, options: ServerOptions, topics: TopicChecks | undefined) {
    this.#clock = platform.clock;
    this.#o = options;
    this.#topics = topics;
    this.#c = checkOptions(options);
    const { limits, protocols } = this.#c;
    this.#backend = options.crypto ?? defaultBackend;
    this.#admission = new Admission(limits);
    this.#signers = Promise.resolve(importSigners(this.#backend, options.identity.keys));
    // Every connection reports it; here it must not end the process.
    this.#signers.catch(() => {});
    const now = () => platform.clock.unix();
    const verifyToken = tokenVerifier([options.tokens].flat(), { audience: options.identity.id, limits, now });
    this.#readCarried = carrierReader(options, limits, verifyToken);
    this.#wss = new platform.WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression before encryption leaks content by its size (RFC 7692 section 8).
      perMessageDeflate: false,
      maxPayload: limits.messageBytes,
      ...{ maxFragments: limits.fragments },
      // A peer that does not answer a close frame is not waited for longer than after a bye.
      ...{ closeTimeout: limits.byeSeconds * 1000 },
      handleProtocols: (offered) => selectProtocol(offered, protocols),
    });
  }

  attach(http: HttpServer | HttpsServer, { path }: { path?: string } = {}): () => void {
    const stop = attach(http, path, (req, socket, head) => this.handleUpgrade(req, socket, head));
    const detach = () => {
      stop();
      this.#detach.delete(detach);
    };
    this.#detach.add(detach);
    return detach;
  }

  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    // It ended while the application routed it: its close event is gone, and a place given to it would never be freed.
    if (socket.destroyed) return;
    const { origins, trustProxy } = this.#c;
    const address = addressOf(req, trustProxy);
    const refuse = (refusal: Refusal): void => {
      refuseUpgrade(socket, refusal);
      if (refusal.error !== undefined) this.#report(refusal.error, { remoteAddress: address });
    };
    if (!originAllowed(req, origins)) {
      const text = "origin not allowed: see the server's option origins";
      refuse({ status: 403, text, error: new SealwireError("E_ORIGIN") });
      return;
    }
    const carried = this.#readCarried(req);
    if ("status" in carried) {
      refuse(carried);
      return;
    }
    const place = this.#closing ? undefined : this.#admission.enter(address);
    if (place === undefined) {
      refuse({ status: 503, text: "no room for another connection now", error: new SealwireError("E_BUSY") });
      return;
    }
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#sockets.delete(socket);
      place.leave();
    });
    const upgrade = ([signers, refusal]: [readonly ProofKey[], Refusal | undefined]) => {
      if (refusal !== undefined) return refuse(refusal);
      if (this.#closing) return refuse({ status: 503, text: "this server is closing" });
      // A broken upgrade request is answered by ws itself, and the socket closes.
      this.#wss.handleUpgrade(req, socket, head, (ws) => {
        if (ws.protocol !== "") return this.#open(ws, socket, carried, address, place.ready, signers);
        // A page that offered no subprotocol can read this code; a refused upgrade it could not.
        ws.on("error", () => {});
        ws.close(4406, "negotiate");
      });
    };
    const notReady = (cause: unknown) => {
      const error = new SealwireError("E_INTERNAL", { detail: "identity.keys cannot be imported", cause });
      refuse({ status: 503, text: "not ready", error });
    };
    // The 101 waits for it, so that nothing can arrive while nobody listens.
    Promise.all([this.#signers, carried.early()]).then(upgrade, notReady);
  }

  #open(
    ws: WebSocket,
    socket: Duplex,
    carried: Carried,
    address: string,
    ready: () => void,
    signers: readonly ProofKey[],
  ): void {
    const { identity, proof, order } = this.#o;
    const { levels, codecs, suites, protocols, limits } = this.#c;
    const handshake = new ServerHandshake<CheckedToken>({
      backend: this.#backend,
      id: identity.id,
      signers,
      accept: { suites, levels, codecs, signatures: ["ES256", "Ed25519"] },
      protocols,
      protocol: ws.protocol,
      proof: proof ?? "optional",
      order: order ?? "strict",
      limits,
      upgradeToken: carried.token,
      verifyToken: carried.verifyToken,
      admit: carried.admit,
    });
    let session: LiveServerSession | undefined;
    let closed = () => {};
    const connection = new Connection({
      socket: adaptWebSocket(ws as unknown as WebSocketLike, this.#clock),
      clock: this.#clock,
      limits,
      handshake,
      rateLimited: true,
      onEstablished: (established, step) => {
        ready();
        stopCounting();
        const { principal, token } = (step as unknown as { token: CheckedToken }).token;
        session = new LiveServerSession(
          established,
          connection,
          limits,
          this.#hooks(principal, token, address, () => session),
          { principal, remoteAddress: address },
        );
        this.sessions.add(session);
        this.#announce(session, connection);
        return session;
      },
      onClosed: (info) => {
        stopCounting();
        this.#connections.delete(connection);
        if (session !== undefined) this.sessions.delete(session);
        if (info.error !== undefined) this.#report(info.error, context(session, address));
        closed();
      },
    });
    this.#connections.set(
      connection,
      new Promise((resolve) => {
        closed = resolve;
      }),
    );
    const stopCounting = countBytes(socket, limits.unauthenticatedBytes, (error) => connection.fail(error));
  }

  /** A listener that fails must not leave half a session behind: it ends, in order. */
  #announce(session: LiveServerSession, connection: Connection): void {
    try {
      for (const fn of this.#listeners) fn(session);
    } catch (cause) {
      const error = new SealwireError("E_INTERNAL", { detail: "a listener of onSession failed", cause });
      queueMicrotask(() => connection.fail(error));
    }
  }

  #hooks(
    principal: CheckedToken["principal"],
    token: string,
    address: string,
    session: () => LiveServerSession | undefined,
  ) {
    const { authorize } = this.#o;
    return {
      authorize: (
        request: Parameters<NonNullable<ConstructorParameters<typeof LiveServerSession>[3]["authorize"]>>[0],
      ) => authorize({ principal, ...request }),
      handler: (topic: string) => {
        const fn = this.#handlers.get(topic);
        return fn && ((data: unknown, rest: object) => fn(data, { ...rest, session: session() }));
      },
      topics: this.#topics,
      onError: (error: SealwireError) => this.#report(error, context(session(), address)),
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
    if (!isTopic(topic)) throw new TypeError(`not a topic: ${JSON.stringify(topic)}`);
    this.#topics?.assertDefined(topic);
    if (this.#handlers.has(topic)) throw new TypeError(`topic ${topic} has a handler already: remove it first`);
    this.#handlers.set(topic, fn);
    return () => this.#handlers.get(topic) === fn && this.#handlers.delete(topic);
  }

  /** A stranger can cause an error, so a logger that fails must not end the process. */
  #report(error: SealwireError, where: { readonly sessionId?: string; readonly remoteAddress: string }): void {
    attempt(
      () => this.#o.onError?.(error, where) as unknown,
      () => {},
    );
  }

  async close({ timeout = 5000 }: { timeout?: number } = {}): Promise<void> {
    this.#closing = true;
    for (const session of this.sessions) void session.leave();
    for (const connection of this.#connections.keys()) if (!connection.established) connection.close(1001, "away");
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.schedule(resolve, timeout);
    });
    await Promise.race([Promise.all(this.#connections.values()), late]);
    cancel();
    // Until here a new upgrade got its 503; from here on it is the business of the HTTP server.
    for (const detach of this.#detach) detach();
    for (const connection of this.#connections.keys()) connection.terminate();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#connections.values());
  }
}

const context = (session: LiveServerSession | undefined, remoteAddress: string) =>
  session === undefined ? { remoteAddress } : { sessionId: session.id, remoteAddress };

/** @throws TypeError for a key that cannot sign, for none, and for the same key twice */
function importSigners(backend: CryptoBackend, keys: readonly unknown[]): Maybe<readonly ProofKey[]> {
  if (keys.length === 0) throw new TypeError("identity.keys: at least one signing key is needed");
  const imported = keys.map((jwk) =>
    chain(backend.importSigner(assertPrivateJwk(jwk)), (signer) =>
      chain(thumbprint(backend, signer.publicJwk), (name) => ({ signer, id: { alg: signer.alg, thumbprint: name } })),
    ),
  );
  return chain(all<readonly ProofKey[]>(imported), (signers) => {
    const names = new Set(signers.map(({ id }) => id.thumbprint));
    if (names.size < signers.length) throw new TypeError("identity.keys: a key is listed twice");
    return signers;
  });
}
