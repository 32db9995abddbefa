import type { Codec, Level, Limits, Subprotocol, SuiteId } from "@sealwire/core";
import { describeFault, type Fault, type Place } from "../faults.ts";
import { DIRECT, type LineOptions } from "../lane.ts";
import { Random } from "../random.ts";

/** Seconds in which every line of a plan has carried everything. */
export const PATIENT = 60;

/** More than all of a handshake, upgrade included. */
const HANDSHAKE_BYTES = 8000;

export type Side = "client" | "server";

/** Something that one end does; times in milliseconds from the beginning. */
export interface Action {
  readonly at: number;
  readonly side: Side;
  readonly kind: "send" | "request";
  /** Characters of padding. */
  readonly size: number;
}

/** Something that happens to a machine or to the cable. */
export type Trouble = { readonly at: number; readonly ms: number } & (
  | { readonly kind: "jump" | "pause"; readonly side: Side }
  | { readonly kind: "unplug" }
);

/** Everything that a seed decides before the run. */
export interface Plan {
  readonly seed: number;
  readonly level: Level;
  readonly protocol: Subprotocol;
  readonly codec: Codec;
  readonly suite: SuiteId;
  readonly order: "strict" | "window";
  readonly line: LineOptions;
  readonly faults: readonly Fault[];
  readonly troubles: readonly Trouble[];
  /** When actions begin: after the handshake on an undisturbed line, or at once. */
  readonly begin: number;
  readonly actions: readonly Action[];
  /** Milliseconds that a handler takes. */
  readonly handlerMs: number;
  /** Limits of both sides. */
  readonly limits: Partial<Limits>;
  readonly end: { readonly at: number; readonly by: Side };
}

/** The plan of a seed. Its parts are drawn in a fixed order: a change here is another plan for every seed. */
export function planOf(seed: number): Plan {
  const r = new Random(seed);
  const span = r.pick([200, 2000, 20_000, 90_000]);
  const line = lineOf(r);
  const begin = r.chance(0.1)
    ? 0
    : 100 + 10 * (line.latency + line.jitter) + HANDSHAKE_BYTES / (line.bytesPerSecond / 1000);
  const level = r.pick(["mac", "aead", "sig", "nest"] as const);
  return {
    seed,
    level,
    protocol: r.pick(["sealwire.v1.cbor", "sealwire.v1.text"] as const),
    codec: r.pick(["cbor", "json"] as const),
    suite: r.pick(["x25519", "p256"] as const),
    order: r.chance(0.2) ? "window" : "strict",
    line,
    begin,
    // A third of the runs is undisturbed: there nothing at all may be lost.
    ...(r.chance(1 / 3)
      ? { faults: [], troubles: [] }
      : { faults: faultsOf(r), troubles: troublesOf(r, begin + span) }),
    actions: actionsOf(r, begin, span, line),
    handlerMs: r.chance(0.3) ? r.between(1, 500) : 0,
    limits: {
      byeSeconds: r.pick([2, PATIENT, PATIENT]),
      concurrentHandlers: r.pick([1, 64]),
      receiveQueueMessages: r.pick([2, 256]),
      highWaterMark: r.pick([1000, 1_048_576]),
    },
    end: { at: begin + span + r.between(0, 3000), by: r.pick(["client", "server"] as const) },
  };
}

function lineOf(r: Random): LineOptions {
  const latency = r.pick([0, 1, 20, 150, 400]);
  return {
    latency,
    jitter: r.chance(0.5) ? r.between(0, latency) : 0,
    bytesPerSecond: r.pick([DIRECT.bytesPerSecond, 10_000_000, 100_000, 8000]),
    segmentBytes: r.pick([DIRECT.segmentBytes, DIRECT.segmentBytes, 1460, 50]),
    window: DIRECT.window,
  };
}

function actionsOf(r: Random, begin: number, span: number, line: LineOptions): Action[] {
  const count = r.between(0, 40);
  // As much as this line can carry in time: what is larger is the business of other tests.
  const most = line.segmentBytes < 100 || line.bytesPerSecond < 10_000 ? 1000 : 100_000;
  const actions = Array.from({ length: count }, (): Action => {
    const size = r.chance(0.1) ? r.between(0, most) : r.between(0, 300);
    const [side, kind] = [r.pick(["client", "server"] as const), r.chance(0.3) ? "request" : "send"] as const;
    return { at: begin + r.between(0, span), side, kind, size };
  });
  return actions.sort((a, b) => a.at - b.at);
}

function faultsOf(r: Random): Fault[] {
  return Array.from({ length: r.pick([0, 1, 1, 2, 3]) }, (): Fault => {
    const where = { direction: r.pick(["c2s", "s2c"] as const), place: placeOf(r) };
    const kind = r.pick(["reset", "silent", "fin", "repeat", "withhold", "withhold"] as const);
    if (kind === "fin") return { ...where, kind, to: r.pick(["client", "server"] as const) };
    if (kind === "repeat") return { ...where, kind, ...(r.chance(0.5) ? {} : { bytes: r.between(1, 400) }) };
    if (kind === "withhold") return { ...where, kind, ms: r.pick([10, 1000, 12_000, 130_000]) };
    return { ...where, kind };
  });
}

/** Frames 1 and 2 of a direction are the handshake. */
function placeOf(r: Random): Place {
  if (r.chance(0.2)) return { offset: r.between(0, 4000) };
  const at = r.pick(["before", "inside", "after"] as const);
  return { frame: r.between(1, r.chance(0.3) ? 3 : 30), at, part: r.fraction() };
}

function troublesOf(r: Random, span: number): Trouble[] {
  return Array.from({ length: r.pick([0, 0, 1, 2]) }, (): Trouble => {
    const at = r.between(0, span);
    const side = r.pick(["client", "server"] as const);
    const kind = r.pick(["jump", "pause", "unplug"] as const);
    if (kind === "jump") {
      return { at, kind, side, ms: r.pick([-3_600_000, -90_000, -20_000, 20_000, 90_000, 3_600_000]) };
    }
    if (kind === "pause") return { at, kind, side, ms: r.pick([5, 500, 5000, 60_000]) };
    return { at, kind, ms: r.pick([50, 3000, 40_000]) };
  });
}

/** The plan in words, a line each. */
export function describePlan(plan: Plan): string[] {
  const { level, protocol, codec, suite, order, line, limits, faults, troubles, actions, handlerMs, end } = plan;
  const list = (values: object) => Object.entries(values).map(([name, value]) => `${name} ${value}`);
  return [
    [`seed ${plan.seed}`, level, protocol, codec, suite, order].join(", "),
    [...list(line), ...list(limits), `handlers take ${handlerMs} ms`].join(", "),
    ...faults.map((fault) => `will ${describeFault(fault)}`),
    ...troubles.map(({ at, ...trouble }) => `at ${at}: ${list(trouble).join(", ")}`),
    `${actions.length} messages and requests; at ${end.at} the ${end.by} closes`,
  ];
}
