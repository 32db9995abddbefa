import type { Model, Step } from "./interleavings.ts";
import { other, SERVER, type Side } from "./rekey-model.ts";

// The model of specs/formal/resume.pml: state for state, with its names. Sets of chains and of numbers are bit masks, as there.

/** What each end may still do. */
export interface ResumeBudget {
  readonly messages: number;
  readonly rekeys: number;
}

export interface ResumeBounds {
  /** Connections that the client gives up. */
  readonly cuts: number;
  readonly budget: readonly [ResumeBudget, ResumeBudget];
}

export type ResumeEvent =
  | { readonly does: "sends" | "proposes"; readonly side: Side }
  /** The client gives its connection up; makes an attempt with a chain; makes a full handshake instead. */
  | { readonly does: "gives up" | "starts anew" }
  | { readonly does: "tries"; readonly chain: number }
  /** The oldest frame on the way to this end of connection `k` arrives; what the client sent on `k` is lost. */
  | { readonly does: "gets"; readonly side: Side; readonly k: number }
  | { readonly does: "loses"; readonly k: number };

/** APP to ACK have a number; `resumed` of the server is ANSWER. */
export type ResumeKind = "CH" | "SH" | "NO" | "RESUMED" | "ANSWER" | "APP" | "VOID" | "RK1" | "RK2" | "ACK";

/** Kind; number or chain; `rcv` or chain. */
export type ResumeFrame = readonly [kind: ResumeKind, a: number, b: number];

/** Number used last, highest one committed, what the peer announced last; control numbers; what is left; a proposal that waits. */
interface End {
  readonly last: number;
  readonly rcv: number;
  readonly floor: number;
  readonly ctl: number;
  readonly messages: number;
  readonly rekeys: number;
  readonly wait: boolean;
}

/** Its connection; chains held, and tried in this round; result of the attempt. */
export interface ClientEnd extends End {
  readonly st: "LIVE" | "FRESH" | "HELLO" | "DERIVED" | "FULL";
  readonly cc: number;
  readonly set: number;
  readonly tried: number;
  readonly round: number;
  readonly made: number;
}

/** Its connection; the newest chain, and the one before while that is not confirmed. */
export interface ServerEnd extends End {
  readonly sc: number;
  readonly newest: number;
  readonly prev: number | undefined;
  readonly delivered: number;
}

/** Base chain, new chain and last number read, on the server's side; what is on the way. */
export interface ResumeConnection {
  readonly st: "FRESH" | "PENDING" | "LIVE" | "DEAD";
  readonly base: number;
  readonly made: number;
  readonly next: number;
  readonly c2s: readonly ResumeFrame[];
  readonly s2c: readonly ResumeFrame[];
}

export interface ResumeState {
  readonly cuts: number;
  readonly client: ClientEnd;
  readonly server: ServerEnd;
  readonly on: readonly ResumeConnection[];
}

type Next = Step<ResumeEvent, ResumeState>;

/** Names of chains. */
export const CHAINS = [0, 1, 2, 3, 4, 5, 6, 7];
const UNUSED: ResumeConnection = { st: "FRESH", base: 0, made: 0, next: 0, c2s: [], s2c: [] };
const DEAD: ResumeConnection = { ...UNUSED, st: "DEAD" };

export const bit = (set: number, i: number): boolean => ((set >> i) & 1) === 1;
const size = (set: number): number => CHAINS.filter((i) => bit(set, i)).length;

export function resumeModel({ cuts, budget }: ResumeBounds): Model<ResumeEvent, ResumeState> {
  const end = { last: 0, rcv: 0, floor: 0, ctl: 0, wait: false };
  const attempt = { tried: 0, round: 0, made: 0 };
  const unused = Array.from({ length: cuts }, () => UNUSED);
  return {
    initial: {
      cuts,
      client: { st: "LIVE", cc: 0, set: 1, ...attempt, ...end, ...budget[0] },
      server: { sc: 0, newest: 0, prev: undefined, delivered: 0, ...end, ...budget[1] },
      on: [{ ...UNUSED, st: "LIVE" }, ...unused],
    },
    steps: (state) => [...clientSteps(state), ...serverSteps(state), ...losses(state)],
  };
}

// --- the client --------------------------------------------------------------------------------------------------

function* clientSteps(s: ResumeState): Generator<Next, void, undefined> {
  const { st, cc, set, tried, rekeys, messages, wait, rcv } = s.client;
  if (st === "LIVE" && messages > 0) {
    const sent = number(client(s, { messages: messages - 1 }), 0, "APP");
    yield { event: { does: "sends", side: 0 }, state: sent };
  }
  if (st === "LIVE" && rekeys > 0 && !wait && size(set) === 1) {
    const proposed = number(client(s, { rekeys: rekeys - 1, wait: true }), 0, "RK1");
    yield { event: { does: "proposes", side: 0 }, state: proposed };
  }
  if (cc < s.cuts && st !== "FULL") {
    // A late CH changes nothing.
    const left = connection(s, cc, st === "HELLO" ? DEAD : { s2c: [] });
    const anew = { tried: 0, round: 0, wait: false, made: 0 };
    yield { event: { does: "gives up" }, state: client(left, { cc: cc + 1, st: "FRESH", ...anew }) };
  }
  if (st === "FRESH" && size(set) === 4)
    yield { event: { does: "starts anew" }, state: client(connection(s, cc, { s2c: [] }), { st: "FULL" }) };
  else if (st === "FRESH") {
    const again = (set & ~tried) === 0;
    const before = again ? 0 : tried;
    const round = s.client.round + (again ? 1 : 0);
    if (round > 1) throw new Error("no chain in common");
    for (const chain of CHAINS.filter((i) => bit(set & ~before, i))) {
      const next = client(s, { round, tried: before | (1 << chain), st: "HELLO" });
      yield { event: { does: "tries", chain }, state: toServer(next, ["CH", chain, rcv]) };
    }
  }
  const [frame, ...s2c] = s.on[cc]?.s2c ?? [];
  if (frame !== undefined)
    yield { event: { does: "gets", side: 0, k: cc }, state: clientGets(connection(s, cc, { s2c }), frame) };
}

function clientGets(s: ResumeState, [kind, a, b]: ResumeFrame): ResumeState {
  const { cc, set, made, floor, rcv } = s.client;
  if (kind === "NO") return client(connection(s, cc, UNUSED), { st: "FRESH", made: 0 });
  if (kind === "SH") {
    const derived = client(s, { floor: b, made: a, st: "DERIVED", set: set | (1 << a) });
    return toServer(derived, ["RESUMED", 0, rcv]);
  }
  if (kind === "ANSWER") {
    const resumed = client(s, { set: 1 << made, st: "LIVE", tried: 0, round: 0, made: 0 });
    return again(resumed, 0, floor);
  }
  const got = client(s, { rcv: a });
  if (kind === "RK1") {
    const chain = fresh(got);
    const answered = number(client(got, { wait: false, made: chain, set: set | (1 << chain) }), 0, "RK2", chain);
    return number(answered, 0, "ACK");
  }
  if (kind === "RK2") return number(client(got, { wait: false, made: b, set: set | (1 << b) }), 0, "ACK");
  return kind === "ACK" ? client(got, { set: 1 << made, made: 0 }) : got;
}

// --- the server --------------------------------------------------------------------------------------------------

function* serverSteps(s: ResumeState): Generator<Next, void, undefined> {
  const { sc, messages, rekeys, wait, prev } = s.server;
  if (s.on[sc]?.st === "LIVE" && messages > 0) {
    const sent = number(server(s, { messages: messages - 1 }), SERVER, "APP");
    yield { event: { does: "sends", side: SERVER }, state: sent };
  }
  if (s.on[sc]?.st === "LIVE" && rekeys > 0 && !wait && prev === undefined) {
    const proposed = number(server(s, { rekeys: rekeys - 1, wait: true }), SERVER, "RK1");
    yield { event: { does: "proposes", side: SERVER }, state: proposed };
  }
  for (const [k, { st, c2s }] of s.on.entries()) {
    const [frame, ...rest] = c2s;
    if (frame === undefined || st === "DEAD") continue;
    const state = serverGets(connection(s, k, { c2s: rest }), k, frame);
    yield { event: { does: "gets", side: SERVER, k }, state };
  }
}

function serverGets(s: ResumeState, k: number, [kind, a, b]: ResumeFrame): ResumeState {
  const { newest, prev, sc, rcv, delivered, wait } = s.server;
  const { st, base, made } = s.on[k] as ResumeConnection;
  const isHeld = (chain: number) => chain === newest || chain === prev;
  if (kind === "CH") {
    if (!isHeld(a)) return toClient(s, k, ["NO", 0, 0]);
    const chain = fresh(s);
    const answered = connection(s, k, { base: a, made: chain, next: rcv, st: "PENDING" });
    return toClient(answered, k, ["SH", chain, rcv]);
  }
  if (kind === "RESUMED") {
    // Compare and set.
    if (st !== "PENDING" || !isHeld(base)) return toClient(connection(s, k, DEAD), k, ["NO", 0, 0]);
    const confirmed = { newest: made, prev: undefined, wait: false, sc: k, floor: b, delivered: rcv };
    const left = server(connection(s, sc, DEAD), confirmed);
    const resumed = connection(left, k, { st: "LIVE", base: 0, made: 0 });
    return again(toClient(resumed, k, ["ANSWER", 0, rcv]), SERVER, b);
  }
  const read = connection(s, k, { next: a });
  if (a <= delivered && k > 0) return read;
  const got = server(read, { rcv: a });
  if (kind === "RK1" && !wait) {
    const chain = fresh(got);
    const answered = number(server(got, { prev: newest, newest: chain }), SERVER, "RK2", chain);
    return number(answered, SERVER, "ACK");
  }
  if (kind === "RK2") return number(server(got, { wait: false, prev: newest, newest: b }), SERVER, "ACK");
  return kind === "ACK" ? server(got, { prev: undefined }) : got;
}

/** What the client sent on a connection that it has given up may be lost from any point on. */
function* losses(s: ResumeState): Generator<Next, void, undefined> {
  for (const [k, { st, c2s }] of s.on.entries()) {
    if (k >= s.client.cc || c2s.length === 0) continue;
    yield { event: { does: "loses", k }, state: connection(s, k, st === "PENDING" ? DEAD : { c2s: [] }) };
  }
}

// --- both --------------------------------------------------------------------------------------------------------

/** A message with the next number of this end; RK2 names the chain that it makes. */
function number(s: ResumeState, side: Side, kind: ResumeKind, chain = 0): ResumeState {
  const { last, ctl } = side === SERVER ? s.server : s.client;
  const end = { last: last + 1, ctl: kind === "APP" ? ctl : ctl | (1 << (last + 1)) };
  return to(side === SERVER ? server(s, end) : client(s, end), side, [kind, last + 1, chain]);
}

/** All after `n` once more, the numbers of control messages as VOID. */
function again(s: ResumeState, side: Side, n: number): ResumeState {
  const { last, ctl } = side === SERVER ? s.server : s.client;
  let next = s;
  for (let i = n + 1; i <= last; i++) next = to(next, side, [bit(ctl, i) ? "VOID" : "APP", i, 0]);
  return next;
}

const to = (s: ResumeState, from: Side, frame: ResumeFrame): ResumeState =>
  other(from) === SERVER ? toServer(s, frame) : toClient(s, s.server.sc, frame);

function toServer(s: ResumeState, frame: ResumeFrame): ResumeState {
  const { cc } = s.client;
  return connection(s, cc, { c2s: [...(s.on[cc]?.c2s ?? []), frame] });
}

function toClient(s: ResumeState, k: number, frame: ResumeFrame): ResumeState {
  // Elsewhere nobody reads.
  if (k !== s.client.cc || s.client.st === "FULL") return s;
  return connection(s, k, { s2c: [...(s.on[k]?.s2c ?? []), frame] });
}

/** Chains that an end holds, or an attempt that is not confirmed. */
export const isUsed = ({ client: { set }, server: { newest, prev }, on }: ResumeState, chain: number): boolean =>
  bit(set, chain) ||
  chain === newest ||
  chain === prev ||
  on.some(({ st, base, made }) => st === "PENDING" && (base === chain || made === chain));

function fresh(s: ResumeState): number {
  const chain = CHAINS.find((i) => !isUsed(s, i));
  if (chain === undefined) throw new Error("more chains than the model has names for");
  return chain;
}

const client = (s: ResumeState, change: Partial<ClientEnd>): ResumeState => ({
  ...s,
  client: { ...s.client, ...change },
});

const server = (s: ResumeState, change: Partial<ServerEnd>): ResumeState => ({
  ...s,
  server: { ...s.server, ...change },
});

function connection(s: ResumeState, k: number, change: Partial<ResumeConnection>): ResumeState {
  return { ...s, on: s.on.map((one, i) => (i === k ? { ...one, ...change } : one)) };
}
