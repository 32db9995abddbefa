// What the SDKs of this repository are built from. Not part of the public API: it changes without notice.
export { backend } from "#backend";
export { StaticIv } from "./crypto/aead.ts";
export type {
  AeadKey,
  CryptoBackend,
  KeyAgreement,
  MacKey,
  PrivateJwk,
  PublicJwk,
  Signer,
  Verifier,
} from "./crypto/backend.ts";
export { assertPrivateJwk, checkPublicJwk } from "./crypto/jwk.ts";
export {
  type ApplicationClaims,
  batchItem,
  checkApplicationClaims,
  type Item,
  isIdentifier,
  isMessageId,
  isTopic,
  type OutgoingClaims,
  type Ref,
} from "./envelope/claims.ts";
export { decodeClaims, encodeBatch, encodeClaims } from "./envelope/codec.ts";
export { type Control, decodeControl, encodeControl, type ReceivedControl } from "./envelope/control.ts";
export { expandFrame } from "./envelope/expand.ts";
export type { SignerId } from "./envelope/headers.ts";
export { MessageOpener } from "./envelope/opener.ts";
export { MessageSealer, type Protection, type TrafficKeys } from "./envelope/sealer.ts";
export { createKeySet, type Jwks as JWKS, KeySet } from "./keys/keyset.ts";
export { thumbprint } from "./keys/thumbprint.ts";
export { all, attempt, chain, chainGiven, isPromise, type Maybe } from "./maybe.ts";
export {
  CODECS,
  DEFAULT_LIMITS,
  LEVELS,
  type Limits,
  SUBPROTOCOLS,
  SUITES,
  type Subprotocol,
} from "./registry.generated.ts";
export { replayKey } from "./replay/store.ts";
export { StrictCounter } from "./replay/strict.ts";
export { ReplayWindow } from "./replay/window.ts";
export { type Chain, chainOf, chainSalt, deriveChain, helloKeys } from "./session/chain.ts";
export { tokenHash } from "./session/client-auth.ts";
export {
  ClientHandshake,
  type ClientHandshakeOptions,
  type HandshakeStep,
  type ProofKey,
} from "./session/client-handshake.ts";
export { ephemeralKey, type Offer, select } from "./session/client-hello.ts";
export { ClientResume, type ClientResumeOptions } from "./session/client-resume.ts";
export type { ConnectionEnd } from "./session/close-info.ts";
export { Connection, type ConnectionOptions, type Handshake, type Receiver } from "./session/connection.ts";
export { buildEpoch } from "./session/epoch.ts";
export type { Established } from "./session/established.ts";
export type {
  AnyHandler,
  AuthorizeRequest,
  Grant,
  OnceMessage,
  Renewal,
  SessionHooks,
  TraceRecord,
} from "./session/hooks.ts";
export { Ledger } from "./session/ledger.ts";
export { Listeners } from "./session/listeners.ts";
export { LiveSession } from "./session/live.ts";
export { SessionMachine } from "./session/machine.ts";
export type { Received } from "./session/messages.ts";
export { limitsOf, namesOf } from "./session/options.ts";
export { decodePayload, encodePayload, hintedError, sizeOf } from "./session/payload.ts";
export { KeySchedule, sessionId, transcriptHash } from "./session/schedule.ts";
export {
  ServerHandshake,
  type ServerHandshakeOptions,
  type ServerStep,
  type VerifiedToken,
} from "./session/server-handshake.ts";
export type { HelloCheck, ResumeCandidate } from "./session/server-resume.ts";
export { decodeSession, encodeSession, type RestoreOptions, type SessionState } from "./session/snapshot.ts";
export type { Clock, SessionSocket } from "./session/socket.ts";
export { Timers } from "./session/timers.ts";
export { type TopicChecks, topicChecks } from "./session/topics.ts";
export { BEARER_SUBPROTOCOL, isSubprotocolToken, isTicket } from "./session/upgrade-forms.ts";
export { adaptWebSocket, type WebSocketLike, type WrittenStream } from "./session/websocket.ts";
export {
  decodeStandaloneClaims,
  encodeStandaloneClaims,
  type StandaloneClaims,
} from "./standalone/claims.ts";
export { openWith } from "./standalone/open.ts";
export { type Encryption, sealEnvelope, sealWith } from "./standalone/seal.ts";
export { decodeBase64url } from "./wire/base64url.ts";
export { assertData } from "./wire/data.ts";
export { decodeFrame, type Wire, type WireFrame } from "./wire/frame.ts";
export { frames } from "./wire/memory.ts";
