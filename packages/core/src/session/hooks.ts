import { SealwireError } from "../errors.ts";
import { chainGiven, isPromise, type Maybe } from "../maybe.ts";
import type { Data } from "../wire/json.ts";
import type { Chain } from "./chain.ts";
import type { ConnectionEnd } from "./close-info.ts";
import type { TopicChecks } from "./topics.ts";
import type { Awaitable, HandlerContext, SessionState } from "./types.ts";

export type AnyHandler = (data: Data, context: HandlerContext) => Awaitable<unknown>;

export interface AuthorizeRequest {
  readonly topic: string;
  readonly direction: "in" | "out";
  readonly kind: "message" | "request";
  readonly data: Data;
}

/** One sealed message with its claims in clear: for inspectors and demonstrations, off by default. */
export interface TraceRecord {
  readonly direction: "in" | "out";
  readonly kind: "application" | "control";
  readonly seq: number;
  /** The claims as sealed: UTF-8 JSON, or CBOR for application messages of codec cbor. */
  readonly claims: Uint8Array;
}

/** What a token grants: until when (NumericDate), and which scopes. */
export interface Grant {
  readonly expiresAt: number;
  readonly scopes: readonly string[];
}

/** A token that is good: `accept` makes it the one of this moment, and throws SealwireError where that is past. */
export interface Renewal extends Grant {
  readonly accept?: () => void;
}

/** A message that may come in several sessions. All times are NumericDates. */
export interface OnceMessage {
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly now: number;
}

/** What the SDK around the session decides. */
export interface SessionHooks {
  /** Deny by default lies with the server SDK: it always passes this. A client has no one to ask. */
  readonly authorize?: (request: AuthorizeRequest) => Awaitable<boolean>;
  /** Schemas of the only topics there are. */
  readonly topics?: TopicChecks | undefined;
  /** Handlers that serve every session of a server; a handler of the session itself goes first. */
  readonly handler?: (topic: string) => AnyHandler | undefined;
  /** Told of errors that have nowhere else to go: a handler's, a listener's, a policy's. Must not throw. */
  readonly onError?: (error: SealwireError) => void;
  /** The peer's access token of this moment, for the evidence of its signed messages. */
  readonly peerToken?: () => string;
  /** Server: checks a new token of the client, and changes nothing by itself. Rejects for one that is not acceptable. */
  readonly refresh?: (token: string) => Promise<Renewal>;
  /** Server: delivers a message with a `jti` once; false if it was delivered before. Throws SealwireError E_REPLAY_STORE. */
  readonly once?: (message: OnceMessage) => Awaitable<boolean>;
  /**
   * Client: the connection is gone; `resumable` while the session can be taken up on another one. True if a connection is
   * being made, for this session or a new one; otherwise the session ends.
   */
  readonly lost?: (info: ConnectionEnd, resumable: boolean) => boolean;
  /** Server: the chains by which this session can be found have changed. */
  readonly onChains?: (before: readonly Chain[], after: readonly Chain[]) => void;
  /** Server: whether another node goes on with the session. Asked when nobody came back to this one; must not reject. */
  readonly elsewhere?: () => Maybe<boolean>;
  /** Told of each state before the application is; "closed" is the last. Must not throw. */
  readonly onState?: (state: SessionState) => void;
  /** Client: the server asks for a new token. */
  readonly soon?: () => void;
  /** What it throws is ignored: looking on must not change what happens. */
  readonly trace?: (record: TraceRecord) => void;
  /** Pings the peer; one side does, and timers of hidden browser tabs are throttled. */
  readonly heartbeat: boolean;
  readonly rateLimited: boolean;
  readonly highWaterMark?: number;
  /** False: every message has a number of its own. Default: those that are sent in one turn share one. */
  readonly batch?: boolean;
}

/** Asks the policy. Fails closed: only `true` grants, and an error of the policy is a denial. */
export function isGranted(
  hooks: SessionHooks,
  direction: AuthorizeRequest["direction"],
  kind: AuthorizeRequest["kind"],
  topic: string,
  data: Data,
): Maybe<boolean> {
  if (hooks.authorize === undefined) return true;
  let granted: Maybe<boolean>;
  try {
    granted = chainGiven(hooks.authorize({ topic, direction, kind, data }), isTrue);
  } catch (cause) {
    return denied(hooks, topic, cause);
  }
  return isPromise(granted) ? notFailing(granted, hooks, topic) : granted;
}

/** A function of its own: one that is made where most policies answer at once would cost each message. */
const notFailing = (granted: Promise<boolean>, hooks: SessionHooks, topic: string): Promise<boolean> =>
  granted.catch((cause) => denied(hooks, topic, cause));

function denied(hooks: SessionHooks, topic: string, cause: unknown): false {
  hooks.onError?.(new SealwireError("E_DENIED", { detail: `authorize() failed for ${topic}`, cause }));
  return false;
}

const isTrue = (granted: unknown): boolean => granted === true;

/** Tells whoever looks on, who gets a copy of the claims: they are a piece of memory that holds those of others too. */
export function trace(hooks: SessionHooks, record: TraceRecord): void {
  try {
    hooks.trace?.({ ...record, claims: new Uint8Array(record.claims) });
  } catch {
    // See `trace` of the hooks.
  }
}
