import type { Account } from "@sealwire/issuer";

/** What a user may do. Whoever signs in may read the chat. */
export type Role = "chat.write" | "files";

export const ROLES: readonly { readonly id: Role; readonly title: string }[] = [
  { id: "chat.write", title: "Write in the chat" },
  { id: "files", title: "Send and receive files" },
];

export interface User {
  readonly id: string;
  readonly title: string;
  readonly roles: readonly Role[];
  /** The issuer gives no token. */
  readonly barred: boolean;
}

const FIRST: readonly User[] = [
  { id: "alice", title: "Alice", roles: ["chat.write", "files"], barred: false },
  { id: "bob", title: "Bob", roles: ["chat.write", "files"], barred: false },
  // Without `files`, so that the demo can show a message refused by authorization alone.
  { id: "carol", title: "Carol (chat only)", roles: ["chat.write"], barred: false },
  { id: "bot", title: "Bot", roles: ["chat.write", "files"], barred: false },
];

/** The users and what they may do. An operator changes it; the issuer asks at every sign-in and every refresh. */
export class Accounts {
  readonly #users = new Map(FIRST.map((user) => [user.id, user]));

  list(): readonly User[] {
    return [...this.#users.values()];
  }

  /** @throws RangeError for a stranger */
  find(id: string): User {
    const user = this.#users.get(id);
    if (!user) throw new RangeError(`There is no user "${id}"; known are ${[...this.#users.keys()].join(", ")}.`);
    return user;
  }

  /** Counts from the user's next token on. */
  setRole(id: string, name: string, on: boolean): void {
    const role = ROLES.find((r) => r.id === name)?.id;
    if (!role) throw new RangeError(`There is no role "${name}"; known are ${ROLES.map((r) => r.id).join(", ")}.`);
    const user = this.find(id);
    const others = user.roles.filter((r) => r !== role);
    this.#users.set(id, { ...user, roles: on ? [...others, role].sort() : others });
  }

  bar(id: string, barred: boolean): void {
    this.#users.set(id, { ...this.find(id), barred });
  }

  /** As the issuer asks for it. */
  account(subject: string): Account | undefined {
    const user = this.#users.get(subject);
    return user === undefined || user.barred ? undefined : { scopes: [], claims: { roles: user.roles } };
  }
}
