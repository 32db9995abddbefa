export { SimClock } from "./clock.ts";
export type { Direction, Fault, Place } from "./faults.ts";
export type { TestPrincipal } from "./issuer.ts";
export type { LineOptions } from "./lane.ts";
export { EventLog } from "./log.ts";
export { type Host, type NetworkOptions, SimNetwork } from "./network.ts";
export { Random } from "./random.ts";
export type { SimSocket } from "./socket.ts";
export { Timeline } from "./timeline.ts";
