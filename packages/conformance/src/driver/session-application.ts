// The application of session.run: what the script says, and what a session asks of whoever uses it.
import type { LiveSession, SessionHooks } from "@sealwire/core/internal";
import type { Authority, Revocation, Token } from "./session-authority.ts";
import type { Init, ServerInit } from "./session-init.ts";
import type { Outcome } from "./session-outcome.ts";
import { type Message, toJson } from "./values.ts";

export interface Step {
  readonly op: "start" | "recv" | "send" | "request" | "turn" | "tick" | "close" | "drop" | "rekey" | "auth" | "revoke";
  readonly calls: readonly Step[];
  readonly protocol: string;
  readonly resume?: number;
  readonly upgradeToken?: string | null;
  readonly conn?: number;
  readonly message?: Message;
  readonly messages?: readonly Message[];
  readonly top: string;
  readonly data: unknown;
  readonly ttl?: number;
  readonly idempotent?: string;
  readonly seconds: number;
  readonly code?: number;
  readonly at: string;
  readonly by: Revocation;
}

export interface Application {
  /** Of the step that runs. */
  readonly outcome: Outcome;
  readonly session: LiveSession | undefined;
  /** Of a server. */
  readonly authority: Authority | undefined;
  /** Server: that the session goes by. */
  token: Token | undefined;
  /** An own application message was sealed, or sealed again. */
  onSealed(seq: number, claims: Uint8Array): void;
}

export function hooksOf(init: Init, app: Application): SessionHooks {
  const { authority } = app;
  const { allow = [], handlers = {} } = init;
  const { scopes = {} } = init as ServerInit;
  const inScope = (topic: string) => {
    const needed = Object.hasOwn(scopes, topic) ? scopes[topic] : undefined;
    return needed === undefined || (app.session?.scopes.includes(needed) ?? false);
  };
  // The session asks for the handler of an item right after its authorization.
  let request = false;
  return {
    heartbeat: authority !== undefined,
    rateLimited: authority !== undefined,
    batch: init.batch === true,
    authorize: ({ topic, direction, kind }) => {
      request = kind === "request";
      return (direction === "out" || allow.includes(topic)) && inScope(topic);
    },
    handler: (topic) => {
      const kind = Object.hasOwn(handlers, topic) ? handlers[topic] : undefined;
      const req = request;
      if (kind === undefined && req) return undefined;
      return (data, { message: { seq, index } }) => {
        const place = index === undefined ? { seq } : { seq, index };
        app.outcome.deliver.push({ ...place, top: topic, data: toJson(data), ...(req ? { req } : {}) });
        if (kind === "fail") throw new Error("the script's handler fails");
        return data;
      };
    },
    trace: (record) => {
      if (record.direction === "in") return;
      if (record.kind === "control") app.outcome.said(record);
      else app.onSealed(record.seq, record.claims);
    },
    soon: () => {
      app.outcome.soon = true;
    },
    ...(authority === undefined ? {} : rightsOf(authority, app)),
  };
}

/** Server: tokens that replace one another, and messages that are delivered once. */
const rightsOf = (authority: Authority, app: Application): Pick<SessionHooks, "refresh" | "once"> => ({
  refresh: async (text) => {
    app.token = await authority.renew(text, app.token as Token);
    return app.token;
  },
  once: (message) => authority.once(app.token as Token, (app.session as LiveSession).life.facts.startedAt, message),
});
