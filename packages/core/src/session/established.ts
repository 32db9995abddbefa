import { expandFrame } from "../envelope/expand.ts";
import { chain, type Maybe } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import { StrictCounter } from "../replay/strict.ts";
import { ReplayWindow } from "../replay/window.ts";
import { decodeFrame, type WireFrame } from "../wire/frame.ts";
import type { Said } from "./answers.ts";
import { deriveEpoch, type Epoch, type EpochOptions } from "./epoch.ts";
import { Ledger } from "./ledger.ts";
import { SessionMachine } from "./machine.ts";
import { type Time, wireOf } from "./payload.ts";
import type { KeySchedule } from "./schedule.ts";
import type { SessionPolicy } from "./server-hello.ts";

/** What the handshake decided for the whole session, whatever connection it is on. */
export interface SessionFacts {
  readonly id: string;
  readonly policy: SessionPolicy;
  readonly keys: EpochOptions;
  /** `lim.msg` of both ends. */
  readonly messageBytes: number;
  readonly peerMessageBytes: number;
  readonly subject: string;
  /** `iat` of the SH that began it. An idempotent message that is first sent in it is issued later, and so tells that. */
  readonly startedAt: number;
  /** NumericDate in the server's time: no refresh goes beyond. Known to the server alone. */
  readonly longestEnd: number;
}

/** A session on a connection: after SR, or after `resumed` of both ends. */
export interface Established {
  readonly facts: SessionFacts;
  readonly ledger: Ledger;
  readonly machine: SessionMachine;
  readonly protocol: string;
  readonly epoch: Epoch;
  /** Granted now; a refresh replaces them. */
  readonly scopes: readonly string[];
  /** NumericDate in the server's time. */
  readonly expiresAt: number;
  /** Milliseconds from the local clock to the server's. */
  readonly offset: number;
  /** After a resume: what each end announced that it has committed; of a session from a store, refusals to say anew. */
  readonly resume?: { readonly own: number; readonly peer: number; readonly refusals?: readonly Said[] };
}

export interface EstablishOptions {
  readonly facts: SessionFacts;
  readonly protocol: string;
  readonly schedule: KeySchedule;
  readonly ctx: Uint8Array;
  readonly limits: Limits;
  readonly offset: number;
  readonly time: Time;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
}

/** Derives the traffic keys of epoch 0 and builds the machine of a new session. */
export function establish(o: EstablishOptions): Maybe<Established> {
  const { keys } = o.facts;
  return chain(deriveEpoch(keys, wireOf(o.protocol), 0, o.schedule, o.ctx), (epoch) => {
    const { res, seq } = o.facts.policy;
    const ledger = new Ledger(o.limits, res > 0, { sent: 0, acknowledged: 0, committed: 0 });
    ledger.chains = [epoch.chain];
    const received = seq === "window" ? new ReplayWindow(o.limits.replayWindow) : new StrictCounter();
    const machine = new SessionMachine({
      facts: o.facts,
      epoch,
      limits: o.limits,
      ledger,
      received,
      serverTime: serverTimeOf(keys.role, o.offset, o.time),
      elapsed: o.time.elapsed,
    });
    const { facts, protocol, scopes, expiresAt, offset } = o;
    return { facts, ledger, machine, protocol, epoch, scopes, expiresAt, offset };
  });
}

/** A client reckons the server's time by a clock that does not jump: its wall clock can be set while a session lives. */
export function serverTimeOf(role: "client" | "server", offset: number, at: Time): (time: Time) => number {
  if (role === "server") return ownTime;
  const anchor = at.unix + offset - at.elapsed;
  return ({ elapsed }) => anchor + elapsed;
}

const ownTime = ({ unix }: Time): number => unix;

/** The compact JOSE object of a frame of the binary wire, of the last epochs of this connection. */
export function expand(machine: SessionMachine, frame: Uint8Array, direction: "in" | "out"): string {
  const decoded = decodeFrame(frame);
  const n = decoded.form < 3 ? 0 : Math.floor((decoded as Extract<WireFrame, { h: number }>).h / 2);
  const entry = machine.table(n, direction);
  if (entry === undefined) throw new TypeError(`no header is known for epoch ${n}`);
  const headers: (Uint8Array | undefined)[] = [];
  [headers[2 * n], headers[2 * n + 1]] = [entry.application.json, entry.control.json];
  return expandFrame(decoded, { headers, iv: entry });
}
