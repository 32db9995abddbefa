import type { Limits } from "@sealwire/core";
import type { Fault, Place } from "../faults.ts";
import { DIRECT, type LineOptions } from "../lane.ts";
import { Random } from "../random.ts";
import type { Action, Plan, Right, Side, Taking, TokenPlan, Trouble } from "./plan.ts";

/** Seconds in which every line of a plan has carried everything. */
export const PATIENT = 60;

/** More than all of a handshake, upgrade included. */
const HANDSHAKE_BYTES = 8000;

/** Milliseconds after the last action in which everything comes where it belongs. */
export const CALM = 150_000;

/** What tokens grant that follow each other in a session. */
const NARROWING = [true, false, true, false];

/** What a run is about. */
type Theme = "quiet" | "cuts" | "bytes" | "rights" | "world";

/** The plan of a seed. Its parts are drawn in a fixed order: a change here is another plan for every seed. */
export function planOf(seed: number): Plan {
  const r = new Random(seed);
  const theme = r.pick<Theme>(["quiet", "cuts", "cuts", "cuts", "cuts", "bytes", "rights", "rights", "world", "world"]);
  // Where rights change, within the life of a token and at the pace of refreshes.
  const span = theme === "rights" ? r.pick([10_000, 25_000]) : r.pick([200, 2000, 10_000, 40_000]);
  const line = lineOf(r);
  const tokens = tokensOf(r, theme);
  const begin = r.chance(0.1)
    ? 0
    : tokens.ms + 700 + 10 * (line.latency + line.jitter) + HANDSHAKE_BYTES / (line.bytesPerSecond / 1000);
  const order = r.chance(0.12) ? "window" : "strict";
  // Of their own, so that what is drawn here changes nothing else.
  const application = new Random(seed, 5);
  const answering = application.chance(0.35);
  const taking = () => application.pick<Taking>(["handlers", "handlers", "topics", "all"]);
  const resume = order === "window" || r.chance(0.06) ? false : theme === "cuts" ? 120 : r.pick([5, 30, 120]);
  const crash = theme === "world" && application.chance(0.8) ? [crashOf(application)] : [];
  const drawn = {
    seed,
    level: r.pick(["mac", "aead", "sig", "nest"] as const),
    protocol: r.pick(["sealwire.v1.cbor", "sealwire.v1.text"] as const),
    codec: r.pick(["cbor", "json"] as const),
    suite: r.pick(["x25519", "p256"] as const),
    order,
    resume,
    sharedSessions: resume !== false && r.chance(theme === "world" ? 0.4 : 0.2),
    reconnect: { minDelay: r.pick([50, 50, 500]), maxDelay: r.pick([1000, 20_000]) },
    tokens,
    line,
    begin,
    faults: theme === "quiet" ? [] : faultsOf(r, theme, line.latency),
    troubles: theme === "quiet" ? [] : [...crash, ...troublesOf(r, theme, begin + span)],
    actions: actionsOf(r, theme, begin, span, line, order),
    handlerMs: r.chance(0.3) ? r.between(1, 500) : 0,
    answering,
    taking: { client: taking(), server: taking() },
    authorizeMs: r.chance(theme === "rights" ? 0.8 : 0.2) ? r.between(1, 600) : 0,
    admitMs: r.chance(theme === "rights" ? 0.8 : 0.1) ? r.between(1, 600) : 0,
    limits: limitsOf(r, theme, resume !== false, answering && application.chance(0.6)),
    sharedReplay: r.chance(0.7) || crash.length > 0,
  } as const;
  // Most runs end when all is calm again, which is when everything has to be where it belongs.
  const calm = theme === "cuts" || r.chance(0.6) ? CALM : r.between(0, 3000);
  return { ...drawn, end: { at: begin + span + calm, by: r.chance(0.7) ? "client" : "server" } };
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

function limitsOf(r: Random, theme: Theme, resumable: boolean, few: boolean): Plan["limits"] {
  const shared = {
    byeSeconds: theme === "cuts" ? PATIENT : r.pick([2, PATIENT]),
    // Without resume only the newest messages are known: all of them have to be, to be accounted for.
    retainedMessages: resumable ? Math.min(r.pick([3, 1000, 1000]), few ? 3 : 1000) : 1000,
  };
  const of = (): Partial<Limits> => ({
    ...shared,
    concurrentHandlers: r.pick([1, 64]),
    receiveQueueMessages: r.pick([2, 256]),
    highWaterMark: r.pick([1000, 1_048_576]),
    ...(r.chance(0.4) ? { rekeyMessages: r.pick([3, 10]) } : {}),
    ...(r.chance(0.1) ? { rekeySeconds: r.between(2, 20) } : {}),
    ...(r.chance(0.1) ? { queuedMessages: r.pick([1, 5]) } : {}),
  });
  return { client: of(), server: of() };
}

function tokensOf(r: Random, theme: Theme): TokenPlan {
  const short = theme === "rights" || (theme === "world" && r.chance(0.5));
  return {
    seconds: short ? r.pick([12, 12, 12, 30]) : 600,
    ms: r.chance(0.3) ? r.between(1, 3000) : 0,
    cached: r.chance(0.4),
    extra:
      theme === "quiet" ? [true] : theme === "rights" ? [r.chance(0.7), ...NARROWING] : [r.chance(0.7), r.chance(0.7)],
    refresh: theme === "rights" ? r.pick(["good", "good", "good", "good", "other", "fails", "stop"] as const) : "good",
  };
}

function actionsOf(
  r: Random,
  theme: Theme,
  begin: number,
  span: number,
  line: LineOptions,
  order: Plan["order"],
): Action[] {
  const count = r.between(0, 45);
  // As much as this line can carry in time: what is larger is the business of other tests.
  const most = line.segmentBytes < 100 || line.bytesPerSecond < 10_000 ? 1000 : 60_000;
  const actions = Array.from({ length: count }, (): Action => {
    // The first refresh of a token of twelve seconds comes then.
    const at = begin + (theme === "rights" && r.chance(0.5) ? r.between(4000, 7500) : r.between(0, span));
    const side = r.pick(["client", "server"] as const);
    if (r.chance(0.03)) return { at, side, kind: "rekey" };
    const right = r.pick<Right>(["free", "extra"]);
    const size = r.chance(0.1) ? r.between(0, most) : r.between(0, 300);
    const idempotent = side === "client" && order === "strict" && r.chance(0.3);
    return { at, side, right, size, kind: idempotent ? "idempotent" : r.pick(["send", "send", "request"] as const) };
  });
  return actions.sort((a, b) => a.at - b.at);
}

/** Several connections in a row are cut: the first of a session, those that resume it, and what follows. */
function faultsOf(r: Random, theme: Theme, latency: number): Fault[][] {
  const connections = theme === "cuts" ? r.between(1, 6) : theme === "rights" ? r.between(0, 1) : r.between(0, 4);
  return Array.from({ length: connections }, (_, i) => {
    // Most first handshakes succeed, or there would be little to resume.
    const from = i > 0 || r.chance(0.2) ? 1 : 3;
    return Array.from({ length: r.pick([1, 1, 1, 2]) }, () => faultOf(r, theme, from, latency));
  });
}

function faultOf(r: Random, theme: Theme, from: number, latency: number): Fault {
  const where = { direction: r.pick(["c2s", "s2c"] as const), place: placeOf(r, from) };
  const cut = ["reset", "reset", "lose", "lose", "silent", "fin", "withhold"] as const;
  const kind = theme === "cuts" ? r.pick(cut) : r.pick([...cut, "repeat", "repeat", "withhold"] as const);
  if (kind === "fin") return { ...where, kind, to: r.pick(["client", "server"] as const) };
  if (kind === "repeat") return { ...where, kind, ...(r.chance(0.5) ? {} : { bytes: r.between(1, 400) }) };
  // Most of these last bytes come between the two messages in which a server says what it has.
  if (kind === "lose") {
    const ms = r.chance(0.8) ? 12 * latency + r.between(1, 100) : r.pick([300, 3000]);
    const direction = r.chance(0.8) ? "c2s" : "s2c";
    return { direction, place: { frame: from + r.between(1, 10), at: "before" }, kind, ms };
  }
  if (kind === "withhold") return { ...where, kind, ms: r.pick([10, 1000, 12_000, 130_000]) };
  return { ...where, kind };
}

/** Frames 1 and 2 of a direction are the handshake, or in a resume hello and `resumed`. */
function placeOf(r: Random, from: number): Place {
  if (from === 1 && r.chance(0.1)) return { offset: r.between(0, 4000) };
  const at = r.pick(["before", "inside", "after"] as const);
  return { frame: from + r.between(0, r.pick([2, 4, 10, 20])), at, part: r.fraction() };
}

/** What was marked for it is sent again to the next server, which may know that it was delivered. */
function crashOf(r: Random): Trouble {
  return { at: 0, kind: "crash", ms: r.pick([10, 1000]), upon: r.between(1, 2) };
}

function troublesOf(r: Random, theme: Theme, span: number): Trouble[] {
  const kinds = {
    cuts: ["pause", "unplug"],
    bytes: ["pause", "unplug", "jump"],
    rights: ["pause", "unplug", "revoke", "revoke"],
    world: ["pause", "unplug", "jump", "restart", "crash", "crash", "revoke"],
    quiet: [],
  } as const;
  const of = kinds[theme] as readonly Trouble["kind"][];
  return Array.from({ length: r.pick(theme === "world" ? [1, 2, 3] : [0, 1, 1, 2]) }, () =>
    troubleOf(r, r.pick(of), r.between(0, span)),
  );
}

function troubleOf(r: Random, kind: Trouble["kind"], at: number): Trouble {
  const side = r.pick<Side>(["client", "server"]);
  switch (kind) {
    case "jump":
      return { at, kind, side, ms: r.pick([-3_600_000, -90_000, -20_000, 20_000, 90_000, 3_600_000]) };
    case "pause":
      return { at, kind, side, ms: r.pick([5, 500, 5000, 60_000]) };
    case "unplug":
      // The last one is longer than any session waits.
      return { at, kind, ms: r.pick([50, 3000, 20_000, 140_000]) };
    case "restart":
    case "crash":
      return { at, kind, ms: r.pick([10, 1000, 15_000]) };
    case "revoke":
      return { at, kind, by: r.pick(["session", "tokenId", "subject", "thumbprint"] as const), unseen: r.chance(0.6) };
  }
}
