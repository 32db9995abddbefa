export * from "@sealwire/core";
export type {
  AuthorizeContext,
  ServerContext,
  ServerHandler,
  ServerOptions,
  ServerSession,
  TokenPolicy,
} from "./options.ts";
export type { Principal } from "./principal.ts";
export { createServer, type SealwireServer } from "./server.ts";
