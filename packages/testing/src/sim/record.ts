import type { CloseInfo, Sent, SessionState, Undetermined } from "@sealwire/core";
import type { Plan, Right, Side } from "./plan.ts";

/** A numbered message or request that one side handed to its session. */
export interface SentMessage {
  readonly n: number;
  readonly kind: "send" | "idempotent" | "request";
  readonly right: Right;
  /** Milliseconds. */
  readonly at: number;
  /** By what its sender was told last it may send this, or so it may with a token that it got since. */
  granted: boolean;
  /** "pending" until its promise settles; then its name, or for a request the reply, or the error. */
  outcome: "pending" | Sent | { readonly reply: unknown } | { readonly error: unknown };
}

/** A message or request that was handed to the application. `order` counts everything that is recorded in a run. */
export interface Delivered {
  readonly n: number;
  readonly right: Right;
  readonly kind: SentMessage["kind"];
  /** What took it: the handlers together, or an iterator, which give what they give in order. */
  readonly by: string;
  /** Of the server, from 0: of the sender where that is a server, else of the receiver. */
  readonly session: number;
  readonly at: number;
  readonly order: number;
  /** At a server: the token by whose rights it was handed over. */
  readonly token?: string;
}

/** The peer said that it refused a message. */
export interface Refused {
  readonly session: string;
  readonly seq: number;
  readonly index?: number;
  readonly code: string;
}

/** What one end saw of a session. */
export interface EndRecord {
  readonly sent: SentMessage[];
  /** In the order in which the application was given them. */
  readonly delivered: Delivered[];
  readonly refused: Refused[];
  readonly undetermined: Undetermined[];
  readonly states: SessionState[];
  /** How it ended; undefined while it has not. */
  closed: CloseInfo | undefined;
  /** The application of this end asked for the end. */
  asked: boolean;
}

/** The client has one session object, which may be several sessions, one after the other. */
export interface ClientRecord extends EndRecord {
  /** Their ids, and when they began, in milliseconds. */
  readonly sessions: { readonly id: string; readonly at: number }[];
  /** What `connect` rejected with, each time. */
  readonly failures: unknown[];
  /** Connections that it tried in a row without a session, at the most. */
  tries: number;
  /** What it says that it may, at the end. */
  scopes: readonly string[];
  /** When it got its last token, in milliseconds. */
  tokenAt: number;
  /** How often a session was taken up on another connection. */
  resumes: number;
  /** The names of its requests, by their number. */
  readonly requests: Map<number, Sent>;
  /** Messages of the server that were opened, also those that were refused then: `session seq`. */
  readonly opened: Set<string>;
}

/** A session as one of the servers has it. */
export interface ServerRecord extends EndRecord {
  readonly id: string;
  /** Its number, from 0, and that of the server. */
  readonly index: number;
  readonly server: number;
  /** Tokens that it had, and when it began. */
  readonly tokens: string[];
  readonly order: number;
}

/** What a revocation concerned. `order`: when it had been acknowledged. The server remembers it, and no other one. */
export interface Revoked {
  readonly server: number;
  readonly sessions: readonly number[];
  readonly tokens: ReadonlySet<string>;
  /** And every token of the client's key. */
  readonly key: boolean;
  readonly order: number;
}

export interface Fired {
  readonly what: string;
  /** Milliseconds. */
  readonly at: number;
}

/** A run, as far as the invariants look at it. */
export interface RunRecord {
  readonly plan: Plan;
  readonly client: ClientRecord;
  readonly servers: ServerRecord[];
  /** Tokens by id: whether they grant `extra`. */
  readonly tokens: Map<string, boolean>;
  /** What the server's authorization decided of the client's messages. */
  readonly decided: { readonly n: number; readonly granted: boolean }[];
  readonly revoked: Revoked[];
  /** Faults that happened. */
  fired: readonly Fired[];
  /** Codes of what either SDK told its application beside all that. */
  readonly reported: string[];
  /** Errors that nobody handled. */
  readonly unhandled: unknown[];
  /** Promises of the SDKs that have not settled. */
  unsettled: string[];
  /** What was left when nothing more happened. */
  left: { readonly timers: number; readonly sockets: number; readonly sessions: number };
  /** The run came to an end by itself. */
  ended: boolean;
}

export const endRecord = (): EndRecord => ({
  sent: [],
  delivered: [],
  refused: [],
  undetermined: [],
  states: [],
  closed: undefined,
  asked: false,
});

export const runRecord = (plan: Plan, unhandled: unknown[]): RunRecord => ({
  plan,
  client: {
    ...endRecord(),
    sessions: [],
    failures: [],
    tries: 0,
    scopes: [],
    tokenAt: 0,
    resumes: 0,
    requests: new Map(),
    opened: new Set(),
  },
  servers: [],
  tokens: new Map(),
  decided: [],
  revoked: [],
  fired: [],
  reported: [],
  unhandled,
  unsettled: [],
  left: { timers: 0, sockets: 0, sessions: 0 },
  ended: false,
});

export const other = (side: Side): Side => (side === "client" ? "server" : "client");
