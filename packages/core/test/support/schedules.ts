// Every order in which two ends and two FIFO queues can go through rekeys in strict order: the model of
// specs/formal/rekey-strict.pml as data, for tests of the session itself.

/** What the test does next. A delivery takes the oldest frame on the way to that end. */
export type ScheduleEvent =
  | "client proposes"
  | "server proposes"
  | "client sends"
  | "server sends"
  | "to client"
  | "to server";

/** At most so many proposals of each end and completed rekeys; exactly so many application messages of each end. */
export interface ScheduleBounds {
  readonly proposals: number;
  readonly messages: number;
  readonly rekeys: number;
}

type Frame = "message" | "rekey" | "rekeyed" | "ack";

interface End {
  readonly sendEpoch: number;
  readonly receiveEpoch: number;
  /** Its own proposal is unanswered. */
  readonly waiting: boolean;
  readonly proposals: number;
  readonly messages: number;
  /** On the way to this end. */
  readonly inbox: readonly Frame[];
}

export interface ScheduleState {
  readonly client: End;
  readonly server: End;
}

type Name = keyof ScheduleState;

const EVENTS: readonly ScheduleEvent[] = [
  "client proposes",
  "server proposes",
  "client sends",
  "server sends",
  "to client",
  "to server",
];

const other = (name: Name): Name => (name === "client" ? "server" : "client");

export function initialState({ proposals, messages }: ScheduleBounds): ScheduleState {
  const end: End = { sendEpoch: 0, receiveEpoch: 0, waiting: false, proposals, messages, inbox: [] };
  return { client: end, server: end };
}

/** The state with one end changed and its frames on the way to the other. */
function step(state: ScheduleState, name: Name, change: Partial<End>, ...frames: Frame[]): ScheduleState {
  const peer = other(name);
  const inbox = [...state[peer].inbox, ...frames];
  return { ...state, [name]: { ...state[name], ...change }, [peer]: { ...state[peer], inbox } };
}

function propose(state: ScheduleState, name: Name, { rekeys }: ScheduleBounds): ScheduleState | undefined {
  const { proposals, waiting, sendEpoch, receiveEpoch } = state[name];
  if (proposals === 0 || waiting || sendEpoch !== receiveEpoch || sendEpoch >= rekeys) return undefined;
  return step(state, name, { proposals: proposals - 1, waiting: true }, "rekey");
}

function send(state: ScheduleState, name: Name): ScheduleState | undefined {
  const { messages } = state[name];
  return messages === 0 ? undefined : step(state, name, { messages: messages - 1 }, "message");
}

function deliver(state: ScheduleState, name: Name): ScheduleState | undefined {
  const { sendEpoch, receiveEpoch, waiting, inbox } = state[name];
  const [frame, ...rest] = inbox;
  switch (frame) {
    case undefined:
      return undefined;
    case "message":
      return step(state, name, { inbox: rest });
    case "ack":
      return step(state, name, { inbox: rest, receiveEpoch: receiveEpoch + 1 });
    case "rekeyed":
      return step(state, name, { inbox: rest, waiting: false, sendEpoch: sendEpoch + 1 }, "ack");
    case "rekey":
      // The server's proposal wins: it passes over the client's, and the client drops its own and answers.
      if (name === "server" && waiting) return step(state, name, { inbox: rest });
      return step(state, name, { inbox: rest, waiting: false, sendEpoch: sendEpoch + 1 }, "rekeyed", "ack");
  }
}

/** The state after an event, or undefined where it cannot happen. */
export function apply(state: ScheduleState, event: ScheduleEvent, bounds: ScheduleBounds): ScheduleState | undefined {
  switch (event) {
    case "client proposes":
      return propose(state, "client", bounds);
    case "server proposes":
      return propose(state, "server", bounds);
    case "client sends":
      return send(state, "client");
    case "server sends":
      return send(state, "server");
    case "to client":
      return deliver(state, "client");
    case "to server":
      return deliver(state, "server");
  }
}

/** Nothing is on the way and every message was sent. */
export function atRest({ client, server }: ScheduleState): boolean {
  return client.inbox.length + server.inbox.length + client.messages + server.messages === 0;
}

/**
 * Every schedule within the bounds that ends at rest, each once, in a fixed order, depth first. Lazy: their number
 * grows fast, and a caller that stops early pays only for what it took.
 */
export function* schedules(bounds: ScheduleBounds): Generator<ScheduleEvent[], void, undefined> {
  function* from(state: ScheduleState, path: readonly ScheduleEvent[]): Generator<ScheduleEvent[], void, undefined> {
    if (atRest(state)) yield [...path];
    for (const event of EVENTS) {
      const next = apply(state, event, bounds);
      if (next) yield* from(next, [...path, event]);
    }
  }
  yield* from(initialState(bounds), []);
}
