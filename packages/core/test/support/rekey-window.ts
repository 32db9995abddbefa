import type { Model, Step } from "./interleavings.ts";
import {
  type Budget,
  type EndView,
  type Kind,
  type Owner,
  other,
  type RekeyEvent,
  type RekeyView,
  SERVER,
  type Side,
} from "./rekey-model.ts";

// The model of specs/formal/rekey-window.pml with TWOKEYS: state for state, with its names.

export interface WindowBounds {
  readonly budget: readonly [Budget, Budget];
  /** W of the model. */
  readonly window: number;
  /** Application messages can be lost. */
  readonly loss: boolean;
}

interface Frame {
  readonly n: number;
  readonly kind: Kind;
  readonly epoch: number;
  readonly by: Side | undefined;
}

interface End {
  readonly de: number;
  readonly se: number;
  readonly re: number;
  readonly tx: Owner;
  readonly nk: Owner;
  /** Receive keys by epoch, those that it holds; lowest number seen by epoch. */
  readonly rx: Readonly<Record<number, Owner>>;
  readonly s: Readonly<Record<number, number>>;
  readonly top: number;
  readonly waiting: boolean;
  readonly proposals: number;
  readonly messages: number;
}

export interface WindowState {
  readonly ends: readonly [End, End];
  /** On the way to each end, and the last number sent to it. */
  readonly frames: readonly [readonly Frame[], readonly Frame[]];
  readonly last: readonly [number, number];
}

type Next = Step<RekeyEvent, WindowState>;

export function windowModel(bounds: WindowBounds): Model<RekeyEvent, WindowState> {
  const first = { de: 0, se: 0, re: 0, tx: "handshake", nk: "handshake", rx: { 0: "handshake" }, s: {} } as const;
  const end = (own: Budget): End => ({ ...first, top: 0, waiting: false, ...own });
  return {
    initial: { ends: [end(bounds.budget[0]), end(bounds.budget[1])], frames: [[], []], last: [0, 0] },
    steps: (state) => ([0, 1] as const).flatMap((me) => [...stepsOf(state, me, bounds)]),
  };
}

function* stepsOf(state: WindowState, side: Side, bounds: WindowBounds): Generator<Next, void, undefined> {
  const me = state.ends[side];
  if (me.messages > 0) {
    const sent = send(state, side, { ...me, messages: me.messages - 1 }, "app");
    yield { event: { side, does: "sends" }, state: sent };
  }
  if (me.proposals > 0 && !me.waiting && me.se === me.re && me.se === me.de) {
    const proposed = send(state, side, { ...me, proposals: me.proposals - 1, waiting: true }, "rekey", side);
    yield { event: { side, does: "proposes" }, state: proposed };
  }
  const oldest = state.frames[side].find(({ kind }) => kind !== "app")?.n;
  for (const frame of state.frames[side]) {
    const { n, kind } = frame;
    // A control message is not delayed out of the window.
    if (oldest !== undefined && n >= oldest + bounds.window) continue;
    const taken = withoutFrame(state, side, n);
    if (bounds.loss && kind === "app") yield { event: { side, does: "loses", seq: n }, state: taken };
    // It has left the window, or a whole rekey overtook it: passed over.
    if (n + bounds.window <= me.top || frame.epoch + 2 <= me.de)
      yield { event: { side, does: "gets", seq: n }, state: taken };
    else {
      const event = { side, does: "gets", seq: n, delivers: kind === "app" } as const;
      yield { event, state: receive(taken, side, frame, bounds) };
    }
  }
}

function receive(before: WindowState, side: Side, frame: Frame, { window }: WindowBounds): WindowState {
  const { n, epoch, kind, by } = frame;
  let me = before.ends[side];
  const top = Math.max(n, me.top);
  const s = { ...me.s, [epoch]: Math.min(n, me.s[epoch] ?? n) };
  const rx = Object.fromEntries(
    Object.entries(me.rx).filter(([e]) => {
      const later = s[Number(e) + 1];
      return later === undefined || top < later + window;
    }),
  );
  me = { ...me, top, s, rx, re: Math.max(epoch, me.re) };
  let state = withEnd(before, side, me);
  if (epoch === me.de && me.se < me.de) state = advance(state, side);
  me = state.ends[side];
  if (kind === "rekeyed") return advance(withEnd(state, side, derived({ ...me, waiting: false }, side)), side);
  if (kind !== "rekey" || (side === SERVER && (me.waiting || epoch < me.de))) return state;
  state = send(state, side, { ...me, waiting: false }, "rekeyed", by);
  return withEnd(state, side, derived(state.ends[side], by as Side));
}

function derived(end: End, by: Side): End {
  const { [end.de - 1]: _, ...rx } = end.rx;
  return { ...end, de: end.de + 1, nk: by, rx: { ...rx, [end.de + 1]: by } };
}

function advance(state: WindowState, side: Side): WindowState {
  const me = state.ends[side];
  return send(state, side, { ...me, se: me.de, tx: me.nk }, "ack");
}

function withEnd(state: WindowState, side: Side, end: End): WindowState {
  const ends: [End, End] = [...state.ends];
  ends[side] = end;
  return { ...state, ends };
}

function send(state: WindowState, side: Side, end: End, kind: Kind, by?: Side | undefined): WindowState {
  const peer = other(side);
  const last: [number, number] = [...state.last];
  const frames: [readonly Frame[], readonly Frame[]] = [...state.frames];
  last[peer]++;
  frames[peer] = [...frames[peer], { n: last[peer], kind, epoch: end.se, by }];
  return withEnd({ ...state, last, frames }, side, end);
}

function withoutFrame(state: WindowState, side: Side, n: number): WindowState {
  const frames: [readonly Frame[], readonly Frame[]] = [...state.frames];
  frames[side] = frames[side].filter((frame) => frame.n !== n);
  return { ...state, frames };
}

export function windowView({ ends, frames }: WindowState): RekeyView {
  const view = ({ de, se, re, waiting }: End): EndView => ({
    send: se,
    receive: re,
    proposing: waiting,
    underWay: waiting || re < de || se < de,
  });
  const onTheWay = (side: Side) => frames[side].map(({ kind, epoch }) => [epoch, kind !== "app"] as const);
  return { ends: [view(ends[0]), view(ends[1])], frames: [onTheWay(0), onTheWay(1)] };
}
