export type { PrivateJwk, PublicJwk } from "./crypto/backend.ts";
export type { CryptoKeyPair } from "./crypto/keypair.ts";
export {
  type EvidenceIssuer,
  type EvidenceOptions,
  type SignedEvidence,
  type VerifiedEvidence,
  verifyEvidence,
} from "./envelope/evidence.ts";
export { isSealwireError, SealwireError, type SealwireErrorOptions } from "./errors.ts";
export {
  type GeneratedKey,
  type GeneratedRecipientKey,
  generateKey,
  generateProofKey,
  generateRecipientKey,
  proofKeyThumbprint,
} from "./keys/generate.ts";
export type { Jwks as JWKS } from "./keys/keyset.ts";
export {
  CLOSE_CODES,
  type CloseCodeInfo,
  type Codec,
  DEFAULT_LIMITS,
  ERRORS,
  type ErrorCode,
  type ErrorInfo,
  type Level,
  type Limits,
  type SignatureAlg,
  STEPS,
  type Stage,
  type Subprotocol,
  type SuiteId,
} from "./registry.generated.ts";
export {
  type ReplayStoreContractCase,
  type ReplayStoreContractOptions,
  type ReplayStoreSubject,
  replayStoreContract,
} from "./replay/contract.ts";
export {
  createMemoryReplayStore,
  type MemoryReplayStore,
  type MemoryReplayStoreOptions,
} from "./replay/memory-store.ts";
export { type ReplayEntry, type ReplayStore, type ReplayVerdict, replayKey } from "./replay/store.ts";
export { ReplayWindow } from "./replay/window.ts";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./session/standard-schema.ts";
export { defineTopics, type TopicOption, type TopicSchema, type Topics, type TopicsOf } from "./session/topics.ts";
export type {
  AnyTopics,
  Awaitable,
  Call,
  CallTopic,
  CloseInfo,
  Denied,
  EpochNumbers,
  Handler,
  HandlerContext,
  Message,
  MessageOrder,
  Received,
  Reply,
  Req,
  RequestOptions,
  Res,
  SendOptions,
  SendTopic,
  Sent,
  Session,
  SessionState,
  Topic,
  TopicMap,
  Transformed,
  Undetermined,
  WindowReport,
} from "./session/types.ts";
export { inspect, type Unverified } from "./standalone/inspect.ts";
export { type OpenedEnvelope, type OpenOptions, open, unsafeAllowReplay } from "./standalone/open.ts";
export { type EnvelopeContent, type SealOptions, seal } from "./standalone/seal.ts";
export type { IssuerKeys, KeyResolver, ResolvedKey } from "./standalone/trust.ts";
export type { Data, Json } from "./wire/json.ts";
