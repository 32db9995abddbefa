import type { Clock } from "@sealwire/core/internal";
import IsomorphicWebSocket from "isomorphic-ws";
import { systemClock } from "./clock.ts";
import { type Presence, systemPresence } from "./presence.ts";
import type { SocketConstructor } from "./websocket.ts";

/** What a client takes from the machine it runs on. */
export interface Platform {
  readonly clock: Clock;
  /** Null on a platform that has none. */
  readonly WebSocket: SocketConstructor | null;
  /** As `clock.schedule`, and keeps a Node process alive: somebody waits for the session that is made again. */
  readonly delay: Clock["schedule"];
  readonly presence: Presence;
}

const isomorphic = IsomorphicWebSocket as unknown as (SocketConstructor & { readonly prototype?: object }) | null;
/**
 * `isomorphic-ws` tells browsers by a field of package.json that not every tool reads, and `ws` by a condition: a test runner
 * with a DOM, or a bundler, can take the one for Node and for the other a function that throws.
 */
const ofNode = isomorphic?.prototype !== undefined && "on" in isomorphic.prototype;

export const systemPlatform: Platform = {
  clock: systemClock,
  // Looked up when it is needed: a page, or a test of it, can have put another one there.
  get WebSocket() {
    return ofNode ? isomorphic : ((globalThis.WebSocket as unknown as SocketConstructor | undefined) ?? null);
  },
  delay: (fn, ms) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  presence: systemPresence,
};
