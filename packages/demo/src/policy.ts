import { type Policy, type Principal, policy } from "@sealwire/server";
import type { Role } from "./accounts.ts";

const role = (name: Role): Role => name;

/** Deny by default: what no rule grants is denied. Roles are those of the access token of the moment. */
export const authorize: Policy = policy([
  { topics: "chat.join", direction: "in", anyone: true },
  { topics: ["chat.msg", "chat.members"], direction: "out", anyone: true },
  { topics: "chat.say", direction: "in", roles: role("chat.write") },
  { topics: "file.*", roles: role("files") },
]);

export function hasRole({ claims }: Principal, name: Role): boolean {
  return Array.isArray(claims.roles) && claims.roles.includes(name);
}
