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

// The model of specs/formal/rekey-strict.pml: state for state, with its names.

interface Frame {
  readonly kind: Kind;
  readonly epoch: number;
  readonly key: Owner;
  readonly by: Side | undefined;
}

interface End {
  readonly se: number;
  readonly re: number;
  readonly sk: Owner;
  /** Receive keys by epoch, those that it holds. */
  readonly rx: Readonly<Record<number, Owner>>;
  readonly waiting: boolean;
  readonly proposals: number;
  readonly messages: number;
}

export interface StrictState {
  readonly ends: readonly [End, End];
  /** On the way to each end, the oldest first. */
  readonly queues: readonly [readonly Frame[], readonly Frame[]];
}

type Next = Step<RekeyEvent, StrictState>;

export function strictModel(budget: readonly [Budget, Budget]): Model<RekeyEvent, StrictState> {
  const end = (own: Budget): End => ({ se: 0, re: 0, sk: "handshake", rx: { 0: "handshake" }, waiting: false, ...own });
  return {
    initial: { ends: [end(budget[0]), end(budget[1])], queues: [[], []] },
    steps: (state) => ([0, 1] as const).flatMap((me) => [...stepsOf(state, me)]),
  };
}

function* stepsOf(state: StrictState, side: Side): Generator<Next, void, undefined> {
  const me = state.ends[side];
  if (me.messages > 0) {
    const sent = change(state, side, { ...me, messages: me.messages - 1 }, [["app"]]);
    yield { event: { side, does: "sends" }, state: sent };
  }
  if (me.proposals > 0 && !me.waiting && me.se === me.re) {
    const proposed = change(state, side, { ...me, proposals: me.proposals - 1, waiting: true }, [["rekey", side]]);
    yield { event: { side, does: "proposes" }, state: proposed };
  }
  const [frame, ...rest] = state.queues[side];
  if (frame === undefined) return;
  const taken = withQueue(state, side, rest);
  const event = { side, does: "gets", delivers: frame.kind === "app" } as const;
  yield { event, state: receive(taken, side, frame) };
}

function receive(state: StrictState, side: Side, { kind, epoch, by }: Frame): StrictState {
  const me = state.ends[side];
  if (kind === "ack") return change(state, side, { ...me, re: epoch, rx: without(me.rx, me.re) });
  if (kind === "rekeyed") {
    // Nothing of the old epoch can follow `rekeyed`.
    const next = entered({ ...me, rx: without(me.rx, me.re), waiting: false }, side);
    return change(state, side, next, [["ack"]]);
  }
  if (kind === "app" || (side === SERVER && me.waiting)) return state;
  const answered = change(state, side, { ...me, waiting: false }, [["rekeyed", by]]);
  return change(answered, side, entered(answered.ends[side], by as Side), [["ack"]]);
}

const entered = (end: End, by: Side): End => ({
  ...end,
  se: end.se + 1,
  sk: by,
  rx: { ...end.rx, [end.se + 1]: by },
});

/** The state with this end changed and what it seals with its new keys on the way. */
function change(
  state: StrictState,
  side: Side,
  end: End,
  frames: readonly (readonly [Kind, (Side | undefined)?])[] = [],
): StrictState {
  const ends: [End, End] = [...state.ends];
  ends[side] = end;
  const peer = other(side);
  const sealed = frames.map(([kind, by]): Frame => ({ kind, by, epoch: end.se, key: end.sk }));
  return withQueue({ ...state, ends }, peer, [...state.queues[peer], ...sealed]);
}

function withQueue(state: StrictState, side: Side, queue: readonly Frame[]): StrictState {
  const queues: [readonly Frame[], readonly Frame[]] = [...state.queues];
  queues[side] = queue;
  return { ...state, queues };
}

function without(rx: End["rx"], epoch: number): End["rx"] {
  const { [epoch]: _, ...rest } = rx;
  return rest;
}

export function strictView({ ends, queues }: StrictState): RekeyView {
  const view = ({ se, re, rx, waiting }: End): EndView => {
    // A proposer reads nothing of the old epoch any more.
    const receive = re in rx ? re : re + 1;
    return { send: se, receive, proposing: waiting, underWay: waiting || se !== re };
  };
  const frames = (side: Side) => queues[side].map(({ kind, epoch }) => [epoch, kind !== "app"] as const);
  return { ends: [view(ends[0]), view(ends[1])], frames: [frames(0), frames(1)] };
}
