// What the simulated network of this repository drives. Not part of the public API: it changes without notice.
export { systemClock } from "./clock.ts";
export { connectOn } from "./connect.ts";
export type { Platform } from "./platform.ts";
