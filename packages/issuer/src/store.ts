import type { Awaitable } from "./options.ts";

/** Everything that came of one sign-in. Holds hashes of refresh tokens, never a token. */
export interface RefreshFamily {
  /** base64url SHA-256 of the part that all refresh tokens of the family share. */
  readonly id: string;
  /** base64url SHA-256 of the only refresh token of the family that is good. */
  readonly current: string;
  readonly subject: string;
  readonly clientId: string;
  /** What the sign-in was granted. */
  readonly scopes: readonly string[];
  /** RFC 7638 thumbprint of the key that the tokens are bound to. */
  readonly thumbprint: string | undefined;
  /** NumericDate. */
  readonly expiresAt: number;
  /** Access tokens that have not expired: `jti` and `exp`. */
  readonly accessTokens: readonly { readonly id: string; readonly expiresAt: number }[];
}

/**
 * Where an issuer keeps sign-ins and used proofs. A method that throws makes the request fail. Implementations forget
 * what has expired and are bounded; each method has to be atomic.
 */
export interface IssuerStore {
  /** False: no room. */
  add(family: RefreshFamily): Awaitable<boolean>;
  find(id: string): Awaitable<RefreshFamily | undefined>;
  /** Puts `family` in the place of the one of the same id, if that one's `current` is `expected`; otherwise false. */
  replace(family: RefreshFamily, expected: string): Awaitable<boolean>;
  /** Removes a family and returns it as it was then. */
  remove(id: string): Awaitable<RefreshFamily | undefined>;
  removeSubject(subject: string): Awaitable<void>;
  /** Records a DPoP proof until `expiresAt` (NumericDate). "known": it has been there. */
  addProof(id: string, expiresAt: number): Awaitable<"added" | "known" | "full">;
}

export interface MemoryIssuerStoreOptions {
  /** Sign-ins at most. Default: 10,000. */
  readonly families?: number;
  /** Proofs at most. Default: 100,000. */
  readonly proofs?: number;
  /** Milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
}

/** A store in this process: gone with it. What is full refuses, so that nobody can push out what others need. */
export function createMemoryIssuerStore(options: MemoryIssuerStoreOptions = {}): IssuerStore {
  const { families: mostFamilies = 10_000, proofs: mostProofs = 100_000, now = Date.now } = options;
  const families = new Map<string, RefreshFamily>();
  const proofs = new Map<string, { readonly expiresAt: number }>();
  return {
    add(family) {
      sweep(families, now());
      if (families.size >= mostFamilies) return false;
      families.set(family.id, family);
      return true;
    },
    find: (id) => families.get(id),
    replace(family, expected) {
      if (families.get(family.id)?.current !== expected) return false;
      families.set(family.id, family);
      return true;
    },
    remove(id) {
      const family = families.get(id);
      families.delete(id);
      return family;
    },
    removeSubject(subject) {
      for (const [id, family] of families) if (family.subject === subject) families.delete(id);
    },
    addProof(id, expiresAt) {
      sweep(proofs, now());
      if (proofs.has(id)) return "known";
      if (proofs.size >= mostProofs) return "full";
      proofs.set(id, { expiresAt });
      return "added";
    },
  };
}

/** Lives are equally long, so what was added first expires first. */
function sweep(entries: Map<string, { readonly expiresAt: number }>, now: number): void {
  for (const [id, { expiresAt }] of entries) {
    if (expiresAt * 1000 > now) return;
    entries.delete(id);
  }
}
