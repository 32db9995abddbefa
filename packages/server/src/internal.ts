// What the conformance suite of this repository drives. Not part of the public API: it changes without notice.
export { tokenVerifier } from "./tokens.ts";
