export * from "@sealwire/core";
export { unsafeAllowInsecure } from "./address.ts";
export { connect } from "./connect.ts";
export type { ClientSession, ConnectOptions, TokenContext } from "./options.ts";
