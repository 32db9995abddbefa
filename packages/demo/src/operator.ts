import type { SessionState } from "@sealwire/core";
import { ROLES } from "./accounts.ts";
import type { DemoParts } from "./parts.ts";
import type { Line } from "./relay.ts";

/** What the operator sees, as JSON for the page. */
export interface OperatorView {
  readonly line: Line;
  /** How often the server was started. */
  readonly starts: number;
  readonly tokenSeconds: number;
  readonly roles: typeof ROLES;
  readonly users: readonly UserView[];
}

export interface UserView {
  readonly id: string;
  readonly title: string;
  /** What the account has. A session has those of its token: until the next one they can differ. */
  readonly roles: readonly string[];
  readonly barred: boolean;
  readonly sessions: readonly SessionView[];
}

export interface SessionView {
  readonly id: string;
  readonly state: SessionState;
  readonly roles: readonly string[];
  readonly expiresAt: number;
}

type Parts = Pick<DemoParts, "accounts" | "issuer" | "server" | "relay" | "tokenSeconds">;

export function operatorView({ accounts, server, relay, tokenSeconds }: Parts): OperatorView {
  const users = accounts.list().map((user): UserView => {
    const own = [...server.sealwire.sessions].filter((s) => s.principal.subject === user.id);
    const sessions = own.map(({ id, state, principal, expiresAt }): SessionView => {
      const { roles } = principal.claims;
      return { id, state, roles: Array.isArray(roles) ? roles : [], expiresAt: expiresAt.getTime() };
    });
    return { ...user, sessions };
  });
  return { line: relay.line, starts: server.starts, tokenSeconds, roles: ROLES, users };
}

/** What the operator can do, by name. Each throws RangeError for what cannot be done. */
export const OPERATIONS: Readonly<Record<string, (parts: Parts, body: Record<string, unknown>) => Promise<void>>> = {
  /** Gives a role or takes it away; counts from the user's next token. */
  async role({ accounts }, { user, role, on }) {
    accounts.setRole(String(user), String(role), on === true);
  },
  /** Ends the user's sign-ins and sessions; the account stays as it is, so that signing in again brings its roles of now. */
  async renew({ accounts, issuer }, { user }) {
    await issuer.revokeSubject(accounts.find(String(user)).id);
  },
  /** Ends them, and the issuer gives the user no more tokens. */
  async bar({ accounts, issuer }, { user }) {
    const { id } = accounts.find(String(user));
    accounts.bar(id, true);
    await issuer.revokeSubject(id);
  },
  async admit({ accounts }, { user }) {
    accounts.bar(String(user), false);
  },
  async unplug({ relay }, { how }) {
    if (how !== "cut" && how !== "silent") throw new RangeError('"how" is "cut" or "silent".');
    relay.unplug(how);
  },
  async plug({ relay }) {
    relay.plug();
  },
  async restart({ server }) {
    await server.restart();
  },
};
