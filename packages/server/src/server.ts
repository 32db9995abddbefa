import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { AnyTopics, Topic, TopicMap, TopicOption } from "@sealwire/core";
import type { ServerHandler, ServerOptions, ServerSession } from "./options.ts";
import { systemPlatform } from "./platform.ts";
import type { Revocation } from "./revocation.ts";
import { createServerOn } from "./server-on.ts";

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
