import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import {
  type AnyTopics,
  createMemoryReplayStore,
  type Limits,
  type ReplayStore,
  SealwireError,
  type Topic,
  type TopicMap,
  type TopicOption,
} from "@sealwire/core";
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
  type Established,
  isTopic,
  type Maybe,
  type ProofKey,
  ServerHandshake,
  type ServerStep,
  type TopicChecks,
  thumbprint,
  topicChecks,
  transcriptHash,
  type WebSocketLike,
} from "@sealwire/core/internal";
import type { WebSocket, WebSocketServer } from "ws";
import { type Carried, carrierReader, type VerifyToken } from "./carried.ts";
import { checkOptions } from "./check.ts";
import { SessionDirectory } from "./directory.ts";
import type { ServerHandler, ServerOptions, ServerSession } from "./options.ts";
import { type Platform, systemPlatform } from "./platform.ts";
import { countBytes } from "./pre-auth.ts";
import { assertRevocation, type Revocation } from "./revocation.ts";
import { attach } from "./routes.ts";
import { LiveServerSession } from "./session.ts";
import { hooksOf, onceOf } from "./session-hooks.ts";
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
  /** All that have not ended, also those that wait for a connection to be resumed on. */
  readonly sessions: ReadonlySet<ServerSession<T>>;
  /**
   * Ends what a revocation concerns, with close code 4403, and refuses its tokens from now on; answers with the number of
   * sessions ended. Held in memory: see the option `revocations`.
   * @throws TypeError for what names nothing; SealwireError E_QUEUE_FULL where it cannot be remembered (limit revocations)
   */
  revoke(revocation: Revocation): Promise<number>;
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
  readonly #directory: SessionDirectory;
  readonly #verifyToken: VerifyToken;
  readonly #replay: () => ReplayStore;
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
    this.#directory = new SessionDirectory(limits.revocations, now);
    const verify = tokenVerifier([options.tokens].flat(), { audience: options.identity.id, limits, now });
    this.#verifyToken = async (token) => this.#directory.assertNotRevoked(await verify(token));
    this.#readCarried = carrierReader(options, limits, this.#verifyToken);
    this.#replay = replayStore(options.replay, limits, now());
    if (options.revocations !== undefined) void this.#follow(options.revocations);
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

  get sessions(): Set<LiveServerSession> {
    return this.#directory.sessions;
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
    const { levels, codecs, suites, protocols, limits, resumeSeconds } = this.#c;
    const handshake = new ServerHandshake<CheckedToken>({
      backend: this.#backend,
      id: identity.id,
      signers,
      accept: { suites, levels, codecs, signatures: ["ES256", "Ed25519"] },
      protocols,
      protocol: ws.protocol,
      proof: proof ?? "optional",
      order: order ?? "strict",
      resume: resumeSeconds,
      findSession: (kid) => this.#directory.find(kid)?.candidate(kid),
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
        const { candidate, token } = step as ServerStep<CheckedToken>;
        if (candidate !== undefined) {
          session = this.#directory.find(established.epoch.chain.kid) as LiveServerSession;
          session.remoteAddress = address;
          return session.resume(established, connection);
        }
        session = this.#newSession(established, connection, token as CheckedToken, address);
        return session.receiver;
      },
      onClosed: (info) => {
        stopCounting();
        this.#connections.delete(connection);
        const superseded = info.error?.code === "E_SUPERSEDED";
        if (info.error !== undefined && !superseded) this.#report(info.error, context(session, address));
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

  #newSession(
    established: Established,
    connection: Connection,
    token: CheckedToken,
    remoteAddress: string,
  ): LiveServerSession {
    const { limits } = this.#c;
    const { facts, ledger } = established;
    const client = facts.keys.clientKey?.id.thumbprint ?? bearerName(this.#backend, token);
    let session: LiveServerSession | undefined;
    const hooks = hooksOf({
      options: this.#o,
      directory: this.#directory,
      verifyToken: this.#verifyToken,
      topics: this.#topics,
      handler: (topic) => this.#handlers.get(topic),
      onError: (error) => this.#report(error, context(session, session?.remoteAddress ?? remoteAddress)),
      once: onceOf(this.#backend, facts.keys.serverId, client, facts.startedAt, limits.skewSeconds, this.#replay),
      session: () => session,
      token,
    });
    session = new LiveServerSession(established, connection, limits, hooks, { token, remoteAddress });
    this.#directory.add(session);
    this.#directory.index(session, [], ledger.chains);
    this.#announce(session, connection, token);
    return session;
  }

  /** A listener that fails must not leave half a session behind: it ends, in order. */
  #announce(session: LiveServerSession, connection: Connection, token: CheckedToken): void {
    try {
      // It may have been revoked since it was checked.
      this.#directory.assertNotRevoked(token);
    } catch {
      queueMicrotask(() => session.fail(new SealwireError("E_REVOKED", { stage: "session" })));
      return;
    }
    try {
      for (const fn of this.#listeners) fn(session);
    } catch (cause) {
      const error = new SealwireError("E_INTERNAL", { detail: "a listener of onSession failed", cause });
      queueMicrotask(() => connection.fail(error));
    }
  }

  /** Takes revocations from elsewhere, for as long as they come. */
  async #follow(revocations: AsyncIterable<Revocation>): Promise<void> {
    const report = (detail: string, cause: unknown) =>
      this.#report(new SealwireError("E_INTERNAL", { stage: "local", fatal: false, detail, cause }), {});
    try {
      for await (const revocation of revocations) {
        if (this.#closing) return;
        try {
          this.#directory.revoke(revocation);
        } catch (cause) {
          report("a revocation was not taken", cause);
        }
      }
    } catch (cause) {
      report("the option revocations failed: nothing more is revoked by it", cause);
    }
  }

  async revoke(revocation: Revocation): Promise<number> {
    return this.#directory.revoke(assertRevocation(revocation));
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
  #report(error: SealwireError, where: { readonly sessionId?: string; readonly remoteAddress?: string }): void {
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

/** A bearer client in the replay store: b64u(TH("bearer", iss, sub)). */
function bearerName(backend: CryptoBackend, { issuer, subject }: CheckedToken): Maybe<string> {
  const [iss, sub] = [issuer, subject].map((text) => Buffer.from(text, "utf8")) as [Buffer, Buffer];
  return chain(transcriptHash(backend, "bearer", iss, sub), (hash) => Buffer.from(hash).toString("base64url"));
}

/** Tables for everybody's messages are not made before the first idempotent one comes. */
function replayStore(given: ReplayStore | undefined, limits: Limits, startedMs: number): () => ReplayStore {
  let store = given;
  return () => {
    store ??= createMemoryReplayStore({ startedAt: Math.floor(startedMs / 1000), skew: limits.skewSeconds });
    return store;
  };
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
