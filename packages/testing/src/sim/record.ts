import type { CloseInfo } from "@sealwire/core";
import type { Plan, Side } from "./plan.ts";

/** A numbered message or request that one side handed to its session. */
export interface Sent {
  readonly n: number;
  readonly kind: "send" | "request";
  /** "pending" until its promise settles; "ok", or for a request the number in its reply, or the error. */
  outcome: "pending" | "ok" | { readonly reply: unknown } | { readonly error: unknown };
}

/** What one side saw. */
export interface SideRecord {
  readonly sent: Sent[];
  /** Numbers of the peer's messages and requests, in the order in which handlers were called. */
  readonly delivered: number[];
  /** How often the peer said that it refused a message of this side. */
  denied: number;
  /** How its session ended; undefined while it has not, and where it never had one. */
  closed: CloseInfo | undefined;
  /** It had a session. */
  established: boolean;
}

/** A run, as far as the invariants look at it. */
export interface RunRecord {
  readonly plan: Plan;
  readonly client: SideRecord;
  readonly server: SideRecord;
  /** What `connect` rejected with. */
  connectError: unknown;
  /** Faults that happened. */
  fired: readonly string[];
  /** Errors that nobody handled. */
  readonly unhandled: unknown[];
  /** Promises of the SDKs that have not settled. */
  unsettled: string[];
  /** What was left when nothing more happened. */
  left: { readonly timers: number; readonly sockets: number; readonly sessions: number };
  /** The run came to an end by itself. */
  ended: boolean;
}

export const other = (side: Side): Side => (side === "client" ? "server" : "client");
