import type { Clock } from "@sealwire/core/internal";
import IsomorphicWebSocket from "isomorphic-ws";
import { systemClock } from "./clock.ts";
import type { SocketConstructor } from "./websocket.ts";

/** What a client takes from the machine it runs on. */
export interface Platform {
  readonly clock: Clock;
  /** Null on a platform that has none. */
  readonly WebSocket: SocketConstructor | null;
}

export const systemPlatform: Platform = {
  clock: systemClock,
  WebSocket: IsomorphicWebSocket as unknown as SocketConstructor | null,
};
