import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { type AnyTopics, SealwireError, type Topic, type TopicMap, type TopicOption } from "@sealwire/core";
import {
  attempt,
  type Clock,
  backend as defaultBackend,
  isTopic,
  type TopicChecks,
  topicChecks,
} from "@sealwire/core/internal";
import { Accepting } from "./accepting.ts";
import { checkOptions } from "./check.ts";
import { SessionDirectory } from "./directory.ts";
import { SessionHost } from "./hosting.ts";
import { importSigners } from "./identity.ts";
import type { ServerHandler, ServerOptions, ServerSession } from "./options.ts";
import { type Platform, systemPlatform } from "./platform.ts";
import type { Revocation } from "./revocation.ts";
import { followRevocations } from "./revocation-feed.ts";
import { attach } from "./routes.ts";
import type { LiveServerSession } from "./session.ts";
import { tokenVerifier, toleranceOf, type VerifyToken } from "./tokens.ts";

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
   * sessions ended here. Held in memory: see the options `revocations` and `publishRevocation`.
   * @throws TypeError for what names nothing; SealwireError E_QUEUE_FULL where it cannot be remembered (limit revocations);
   *   what `publishRevocation` throws. It holds here in the last two cases, as far as there was room.
   */
  revoke(revocation: Revocation): Promise<number>;
  /**
   * Takes no more connections, waits for what is being handled at most half of `timeout` ms (default 5,000), says bye to
   * every session, and waits for them for the rest. With `resume.store` sessions are parked instead and their connections
   * closed: their clients resume them at another server. `onError` is told how many messages came and were not delivered.
   */
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
  readonly #topics: TopicChecks | undefined;
  readonly #handlers = new Map<string, AnyHandler>();
  readonly #listeners = new Set<(session: LiveServerSession) => void>();
  readonly #detach = new Set<() => void>();
  readonly #directory: SessionDirectory;
  readonly #host: SessionHost;
  readonly #accepting: Accepting;
  readonly #stopFeed: () => void;

  constructor(platform: Platform, options: ServerOptions, topics: TopicChecks | undefined) {
    this.#clock = platform.clock;
    this.#o = options;
    this.#topics = topics;
    const checked = checkOptions(options);
    const { limits } = checked;
    const backend = options.crypto ?? defaultBackend;
    const signers = Promise.resolve(importSigners(backend, options.identity.keys));
    // Every connection reports it; here it must not end the process.
    signers.catch(() => {});
    const now = () => platform.clock.unix();
    const policies = [options.tokens].flat();
    const directory = new SessionDirectory({
      capacity: limits.revocations,
      seconds: limits.sessionSeconds,
      tolerance: Math.max(...policies.map((policy) => toleranceOf(policy, limits))),
      now,
      parkedTokens: (session) => this.#host.parkedTokens(session),
      publish: options.publishRevocation,
      report: (detail, cause) => this.#failed(detail, cause),
    });
    const verify = tokenVerifier(policies, { audience: options.identity.id, limits, now, backend });
    const verifyToken: VerifyToken = (token, jkt) =>
      verify(token, jkt).then((checked) => directory.assertNotRevoked(checked));
    const report: typeof this.report = (error, where) => this.report(error, where);
    this.#directory = directory;
    this.#host = new SessionHost({
      options,
      clock: platform.clock,
      limits,
      backend,
      directory,
      verifyToken,
      signers,
      topics,
      handler: (topic) => this.#handlers.get(topic),
      onError: report,
      onSession: (session) => {
        for (const fn of this.#listeners) fn(session);
      },
    });
    const host = this.#host;
    this.#accepting = new Accepting({ platform, options, checked, backend, signers, verifyToken, host, report });
    this.#stopFeed = options.revocations === undefined ? () => {} : this.#follow(options.revocations);
  }

  #follow(feed: AsyncIterable<Revocation>): () => void {
    return followRevocations(feed, {
      clock: this.#clock,
      take: (revocation) => this.#directory.take(revocation),
      report: (detail, cause) => this.#failed(detail, cause),
    });
  }

  #failed(detail: string, cause: unknown): void {
    this.report(new SealwireError("E_DEPENDENCY", { stage: "local", detail, cause }), {});
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
    this.#accepting.upgrade(req, socket, head);
  }

  async revoke(revocation: Revocation): Promise<number> {
    return await this.#directory.revoke(revocation);
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
  report(error: SealwireError, where: { readonly sessionId?: string; readonly remoteAddress?: string }): void {
    attempt(
      () => this.#o.onError?.(error, where) as unknown,
      () => {},
    );
  }

  async close({ timeout = 5000 }: { timeout?: number } = {}): Promise<void> {
    const end = this.#clock.elapsed() + timeout;
    this.#accepting.stop();
    await this.#host.drain(timeout);
    // Until here what is revoked is not handed to another server.
    this.#stopFeed();
    await this.#accepting.finish(Math.max(0, end - this.#clock.elapsed()), () => {
      for (const detach of this.#detach) detach();
    });
    this.#host.end();
  }
}
