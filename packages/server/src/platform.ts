import type { Clock } from "@sealwire/core/internal";
import { WebSocketServer } from "ws";
import { systemClock } from "./clock.ts";

/** What a server takes from the machine it runs on. */
export interface Platform {
  readonly clock: Clock;
  readonly WebSocketServer: typeof WebSocketServer;
}

export const systemPlatform: Platform = { clock: systemClock, WebSocketServer };
