// What the two models of a rekey have in common: specs/formal/rekey-strict.pml and rekey-window.pml as data.

/** 0 is the client, 1 the server, as in the models. */
export type Side = 0 | 1;
export const SERVER = 1;

/** What each end may still do. */
export interface Budget {
  readonly proposals: number;
  readonly messages: number;
}

/** A proposal, a message; a frame on the way to this end that arrives (`seq` of those sent in this direction, from 1) or is lost. */
export interface RekeyEvent {
  readonly side: Side;
  readonly does: "proposes" | "sends" | "gets" | "loses";
  readonly seq?: number;
  /** What arrives is a message that the application gets. */
  readonly delivers?: boolean;
}

/** What the session shows of the state of the model. */
export interface RekeyView {
  readonly ends: readonly [EndView, EndView];
  /** On the way to each end: epoch, and whether it is control. */
  readonly frames: readonly [readonly FrameView[], readonly FrameView[]];
}

export interface EndView {
  readonly send: number;
  readonly receive: number;
  readonly proposing: boolean;
  readonly underWay: boolean;
}

export type FrameView = readonly [epoch: number, control: boolean];

export type Kind = "app" | "rekey" | "rekeyed" | "ack";

/** Keys by epoch: who proposed them; the first are those of the handshake. */
export type Owner = Side | "handshake";

export const other = (side: Side): Side => (side === 0 ? 1 : 0);

/** Every choice of budgets up to `most`, as the models choose them at first. */
export function* budgets({ proposals, messages }: Budget): Generator<readonly [Budget, Budget], void, undefined> {
  const each: Budget[] = [];
  for (let p = 0; p <= proposals; p++) for (let m = 0; m <= messages; m++) each.push({ proposals: p, messages: m });
  for (const client of each) for (const server of each) yield [client, server];
}
