import type { DevelopmentIssuer } from "@sealwire/issuer";
import type { Accounts } from "./accounts.ts";
import type { Relay } from "./relay.ts";
import type { DemoServer } from "./server.ts";
import type { DemoConfig } from "./session.ts";

/** The name of every client at the issuer. */
export const CLIENT_ID = "sealwire-demo";

/** What the demo consists of, beside the app that shows it. */
export interface DemoParts {
  readonly accounts: Accounts;
  readonly issuer: DevelopmentIssuer;
  readonly server: DemoServer;
  readonly relay: Relay;
  /** As the page gets it from /config.json. */
  readonly config: DemoConfig;
  /** Life of an access token. */
  readonly tokenSeconds: number;
}
