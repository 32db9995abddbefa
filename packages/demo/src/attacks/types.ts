import type { ErrorCode } from "@sealwire/core";
import type { RelayConnection } from "../relay/connection.ts";
import type { UpgradePlan } from "../relay.ts";
import type { Outcome } from "./run.ts";

export type WireName = "text" | "binary";

/** Who must refuse, with which error code in its own log, and with which close code; undefined where none is believed. */
export interface Finding {
  readonly side: "client" | "server";
  readonly code: ErrorCode;
  readonly closeCode?: number;
}

export interface Expected extends Finding {
  /** What becomes of the victim's session. */
  readonly outcome: Outcome;
}

/** What the relay has in reach when it arms an attack. */
export interface Reach {
  /** A second live connection through the same relay. */
  readonly other?: RelayConnection | undefined;
}

interface Base {
  readonly id: string;
  readonly title: string;
  /** What the attacker does, in one sentence. */
  readonly what: string;
  /** Where the wires differ in what is hit first, one expectation for each. */
  readonly expect: Finding | Readonly<Record<WireName, Finding>>;
}

/** The relay acts on a session that stands; then the victim sends `sends` messages. */
export interface SessionAttack extends Base {
  readonly on: "session";
  readonly sends: number;
  /** How many of these reach the other members, each at most once. */
  readonly delivered: number;
  readonly needsOther?: boolean;
  readonly arm: (connection: RelayConnection, reach: Reach) => void;
}

/** The relay acts on a handshake: armed before the victim connects. */
export interface HandshakeAttack extends Base {
  readonly on: "handshake";
  readonly needsOther?: boolean;
  /** Only where the client offers both wires. */
  readonly offersBoth?: boolean;
  readonly arm: (reach: Reach) => UpgradePlan;
}

/** No relay needed: a client comes with credentials that it should not be let in with. */
export interface ClientAttack extends Base {
  readonly on: "client";
  readonly credentials: "expired" | "bound-no-key" | "bound-other-key";
}

export type Attack = SessionAttack | HandshakeAttack | ClientAttack;

export function expectedOn(attack: Attack, wire: WireName): Expected {
  const finding = "side" in attack.expect ? attack.expect : attack.expect[wire];
  return { ...finding, outcome: attack.on === "session" ? outcomeOf(finding) : "none" };
}

/**
 * A connection that was lost is made again, and the session resumed on it. Where messages were touched, the session is
 * over; the client makes a new one, unless what came was no message at all (specs/session.md, section 14: 4400).
 */
function outcomeOf({ code, closeCode }: Finding): Outcome {
  if (code === "E_TRUNCATED") return "resumed";
  return closeCode === 4400 ? "ended" : "replaced";
}
