// What the conformance suite and the simulated network of this repository drive. Not part of the public API: it changes
// without notice.
export { systemClock } from "./clock.ts";
export type { Platform } from "./platform.ts";
export { createServerOn } from "./server-on.ts";
export { tokenVerifier } from "./tokens.ts";
