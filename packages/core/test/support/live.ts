import { expect } from "vitest";
import type { TraceRecord } from "../../src/session/hooks.ts";
import type { CloseInfo } from "../../src/session/types.ts";
import { until } from "./clock.ts";
import { openPair, type Pair, type PairOptions } from "./pair.ts";
import type { Claims } from "./puppet.ts";

export type Role = "client" | "server";
export const ROLES = ["client", "server"] as const;
export const LEVELS = ["mac", "sig", "aead", "nest"] as const;
export const WIRES = ["sealwire.v1.cbor", "sealwire.v1.text"] as const;
export const other = (role: Role): Role => (role === "client" ? "server" : "client");

export interface Live extends Pair {
  /** What each side sealed and opened, in order: control messages too, sent ones only. */
  readonly trace: Record<Role, TraceRecord[]>;
  readonly errors: Record<Role, unknown[]>;
}

/** A pair whose sessions are established, with traces. */
export async function live(options: PairOptions = {}): Promise<Live> {
  const trace: Live["trace"] = { client: [], server: [] };
  const errors: Live["errors"] = { client: [], server: [] };
  const hooks = (role: Role) => ({
    trace: (record: TraceRecord) => trace[role].push(record),
    onError: (error: unknown) => errors[role].push(error),
  });
  const pair = await openPair({
    codec: "json",
    ...options,
    clientHooks: { ...hooks("client"), ...options.clientHooks },
    serverHooks: { ...hooks("server"), ...options.serverHooks },
  });
  await until(() => pair.client.session !== undefined && pair.server.session !== undefined, "both sessions");
  return Object.assign(pair, { trace, errors });
}

/** Claims of the control messages that a side sent. */
export function controlsOf(pair: Live, role: Role): Claims[] {
  return pair.trace[role]
    .filter((r) => r.kind === "control" && r.direction === "out")
    .map((r) => JSON.parse(Buffer.from(r.claims).toString()) as Claims);
}

/** Claims of the application messages of codec json that a side sent. */
export function sentBy(pair: Live, role: Role): Claims[] {
  return pair.trace[role]
    .filter((r) => r.kind === "application" && r.direction === "out")
    .map((r) => JSON.parse(Buffer.from(r.claims).toString()) as Claims);
}

/** The numbers that a side used, in the order in which its frames left. */
export const seqsOf = (pair: Live, role: Role): number[] =>
  pair.trace[role].filter((r) => r.direction === "out").map((r) => r.seq);

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** How a side ended. */
export async function end(pair: Pair, role: Role): Promise<CloseInfo> {
  await until(() => pair[role].info !== undefined, `the end of the ${role}`);
  return pair[role].info as CloseInfo;
}

/** Both sides are over and hold nothing: no timers are left. */
export async function released(pair: Pair): Promise<void> {
  await Promise.all([end(pair, "client"), end(pair, "server")]);
  expect(pair.clock.pending).toBe(0);
}

/** A promise to be settled by hand. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** A side that has fallen silent: nothing that it says or does gets through, its end neither. */
export function mute(pair: Pair, role: Role): void {
  const tap = pair.link.tap;
  const own = role === "client" ? "c2s" : "s2c";
  pair.link.tap = (direction, payload, index) => (direction === own ? [] : tap(direction, payload, index));
  pair.link[role].close = () => {};
  pair.link[role].terminate = () => {};
}
