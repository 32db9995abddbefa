export * from "@sealwire/core";
export { unsafeAllowInsecure } from "./address.ts";
export { connect } from "./connect.ts";
export type { ClientSession, ConnectOptions, ReconnectOptions, TokenContext } from "./options.ts";
export { createProofKeyStore, type ProofKeyStore } from "./proof-store.ts";
export { stopRefresh } from "./token-failure.ts";
