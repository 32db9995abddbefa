// What the SDKs of this repository are built from. Not part of the public API: it changes without notice.
export { backend } from "#backend";
export type { CryptoBackend, Signer } from "./crypto/backend.ts";
export { assertPrivateJwk } from "./crypto/jwk.ts";
export { isIdentifier, isTopic } from "./envelope/claims.ts";
export type { SignerId } from "./envelope/headers.ts";
export { createKeySet, type Jwks as JWKS, KeySet } from "./keys/keyset.ts";
export { thumbprint } from "./keys/thumbprint.ts";
export { all, attempt, chain, type Maybe } from "./maybe.ts";
export {
  CODECS,
  DEFAULT_LIMITS,
  LEVELS,
  type Limits,
  SUBPROTOCOLS,
  SUITES,
  type Subprotocol,
} from "./registry.generated.ts";
export {
  ClientHandshake,
  type ClientHandshakeOptions,
  type HandshakeStep,
  type ProofKey,
} from "./session/client-handshake.ts";
export { type Offer, select } from "./session/client-hello.ts";
export { Connection, type Handshake } from "./session/connection.ts";
export type { Established } from "./session/established.ts";
export type { AuthorizeRequest, SessionHooks, TraceRecord } from "./session/hooks.ts";
export { LiveSession } from "./session/live.ts";
export { limitsOf, namesOf } from "./session/options.ts";
export { hintedError } from "./session/payload.ts";
export { ServerHandshake, type ServerHandshakeOptions, type VerifiedToken } from "./session/server-handshake.ts";
export type { Clock, SessionSocket } from "./session/socket.ts";
export { adaptWebSocket, type WebSocketLike } from "./session/websocket.ts";
