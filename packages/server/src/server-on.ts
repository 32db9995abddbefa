import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { type AnyTopics, SealwireError, type TopicMap, type TopicOption } from "@sealwire/core";
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
import type { ServerOptions } from "./options.ts";
import type { Platform } from "./platform.ts";
import type { Revocation } from "./revocation.ts";
import { followRevocations } from "./revocation-feed.ts";
import { attach } from "./routes.ts";
import type { SealwireServer } from "./server.ts";
import type { LiveServerSession } from "./session.ts";
import { tokenVerifier, toleranceOf, type VerifyToken } from "./tokens.ts";

type AnyHandler = (data: unknown, context: object) => unknown;

/**
 * `createServer` with another clock and WebSocket than those of this machine. In a file of its own: the types of `ws` are not
 * part of what `createServer` promises, and who uses it may not have them.
 */
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
