import type { Codec, Level, Limits, Subprotocol, SuiteId } from "@sealwire/core";
import { describeFault, type Fault } from "../faults.ts";
import type { LineOptions } from "../lane.ts";

export type Side = "client" | "server";

/** Topics that everybody may use, and those that need the scope of that name, which some tokens have. */
export type Right = "free" | "extra";

/** How an end takes messages: by a handler for each topic, an iterator for each, or one for all. Requests are handled. */
export type Taking = "handlers" | "topics" | "all";

/** Something that one end does; times in milliseconds from the beginning. */
export type Action = { readonly at: number; readonly side: Side } & (
  | { readonly kind: "send" | "request"; readonly right: Right /** Characters of padding. */; readonly size: number }
  /** A client's message that may outlive its session. */
  | { readonly kind: "idempotent"; readonly right: Right; readonly size: number }
  | { readonly kind: "rekey" }
);

/** Something that happens to a machine, to the cable, or to somebody's rights. */
export type Trouble = { readonly at: number } & (
  | { readonly kind: "jump" | "pause"; readonly side: Side; readonly ms: number }
  | { readonly kind: "unplug"; readonly ms: number }
  /** The server goes away, with a farewell or without; another one is there after `ms`. */
  | { readonly kind: "restart"; readonly ms: number }
  /** `upon`: not at that time, but as soon as so many more idempotent messages were taken, of which nobody is told. */
  | { readonly kind: "crash"; readonly ms: number; readonly upon?: number }
  /** `unseen`: while the client is looking for another connection. */
  | {
      readonly kind: "revoke";
      readonly by: "session" | "tokenId" | "subject" | "thumbprint";
      readonly unseen: boolean;
    }
);

/** What the client's issuer does. */
export interface TokenPlan {
  /** Seconds that a token is good for. */
  readonly seconds: number;
  /** Milliseconds that it takes to get one. */
  readonly ms: number;
  /** For a new session the client takes the token that it has, for as long as it is good. */
  readonly cached: boolean;
  /** Whether the n-th token has the scope `extra`; the last one says it of all that follow. */
  readonly extra: readonly boolean[];
  /** What comes of a refresh: a good token, one of another subject, an error each other time, or no more tokens. */
  readonly refresh: "good" | "other" | "fails" | "stop";
}

/** Everything that a seed decides before the run. */
export interface Plan {
  readonly seed: number;
  readonly level: Level;
  readonly protocol: Subprotocol;
  readonly codec: Codec;
  readonly suite: SuiteId;
  readonly order: "strict" | "window";
  /** Seconds that a session outlives its connection, or not at all. */
  readonly resume: number | false;
  /** Servers share a store of sessions: the next one goes on with those of the one before. */
  readonly sharedSessions: boolean;
  readonly reconnect: { readonly minDelay: number; readonly maxDelay: number };
  readonly tokens: TokenPlan;
  readonly line: LineOptions;
  /** Of each connection, in the order in which they are made. */
  readonly faults: readonly (readonly Fault[])[];
  readonly troubles: readonly Trouble[];
  /** When actions begin: after the handshake on an undisturbed line, or at once. */
  readonly begin: number;
  readonly actions: readonly Action[];
  readonly taking: Readonly<Record<Side, Taking>>;
  /** Whoever takes a message sends one of its own, and wait until it is taken. */
  readonly answering: boolean;
  /** Milliseconds that it takes to handle a message, and a decision of the server's `admit`, and every other of `authorize`. */
  readonly handlerMs: number;
  readonly authorizeMs: number;
  readonly admitMs: number;
  readonly limits: Readonly<Record<Side, Partial<Limits>>>;
  /** All servers remember idempotent messages in one store, or each in its own memory. */
  readonly sharedReplay: boolean;
  readonly end: { readonly at: number; readonly by: Side };
}

/** The plan in words, a line each. */
export function describePlan(plan: Plan): string[] {
  const { level, protocol, codec, suite, order, line, limits, faults, troubles, actions, tokens, end } = plan;
  const list = (values: object) => Object.entries(values).map(([name, value]) => `${name} ${value}`);
  const { resume, sharedSessions, reconnect, taking, handlerMs, answering, authorizeMs, admitMs, sharedReplay } = plan;
  return [
    [`seed ${plan.seed}`, level, protocol, codec, suite, order].join(", "),
    list(line).join(", "),
    list({ resume, sharedSessions, ...reconnect, handlerMs, answering, authorizeMs, admitMs, sharedReplay }).join(", "),
    `taken: ${list(taking).join(", ")}`,
    `tokens: ${list(tokens).join(", ")}`,
    `client: ${list(limits.client).join(", ")}`,
    `server: ${list(limits.server).join(", ")}`,
    ...faults.flatMap((of, i) => of.map((fault) => `connection ${i + 1}: will ${describeFault(fault)}`)),
    ...troubles.map(({ at, ...trouble }) => `at ${at}: ${list(trouble).join(", ")}`),
    `${actions.length} actions; at ${end.at} the ${end.by} closes`,
  ];
}
