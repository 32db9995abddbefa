export type { PrivateJwk, PublicJwk } from "./crypto/backend.ts";
export {
  type EvidenceIssuer,
  type EvidenceOptions,
  type SignedEvidence,
  type VerifiedEvidence,
  verifyEvidence,
} from "./envelope/evidence.ts";
export { isSealwireError, SealwireError, type SealwireErrorOptions } from "./errors.ts";
export { generateKey, generateProofKey } from "./keys/generate.ts";
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
export type {
  AnyTopics,
  Awaitable,
  Call,
  CallTopic,
  CloseInfo,
  Denied,
  Handler,
  HandlerContext,
  Message,
  Reply,
  Req,
  RequestOptions,
  Res,
  SendOptions,
  SendTopic,
  Session,
  Topic,
  TopicMap,
} from "./session/types.ts";
export type { Data, Json } from "./wire/json.ts";
