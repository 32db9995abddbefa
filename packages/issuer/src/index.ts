export { OAuthError, type OAuthErrorCode } from "./errors.ts";
export type { SignInOptions, TokenResponse } from "./grants.ts";
export { DEVELOPMENT_GRANT } from "./handler.ts";
export { createDevelopmentIssuer, type DevelopmentIssuer } from "./issuer.ts";
export { nodeListener } from "./node.ts";
export type { Account, DevelopmentClient, DevelopmentIssuerOptions } from "./options.ts";
export type { Revocation } from "./revocations.ts";
export {
  createMemoryIssuerStore,
  type IssuerStore,
  type MemoryIssuerStoreOptions,
  type RefreshFamily,
} from "./store.ts";
