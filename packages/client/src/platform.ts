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

export const systemPlatform: Platform = {
  clock: systemClock,
  WebSocket: IsomorphicWebSocket as unknown as SocketConstructor | null,
  delay: (fn, ms) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  presence: systemPresence,
};
