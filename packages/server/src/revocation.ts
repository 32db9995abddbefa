import { SealwireError } from "@sealwire/core";
import type { Principal } from "./principal.ts";

/**
 * What is taken away (specs/lifecycle.md, section 5): a session; a token by its `jti`; every token of a subject that was
 * issued before a time (NumericDate; default: now, the current second included); everything that rests on a proof key.
 * Without `issuer` it holds for every issuer that the server trusts.
 */
export type Revocation =
  | { readonly session: string }
  | { readonly tokenId: string; readonly issuer?: string }
  | { readonly subject: string; readonly issuer?: string; readonly issuedBefore?: number }
  | { readonly thumbprint: string };

/** The kinds have different members: what a member is undefined in is another kind. */
type AnyRevocation = Partial<Record<"session" | "tokenId" | "subject" | "thumbprint" | "issuer", string>> & {
  readonly issuedBefore?: number;
};

/** Who may be revoked: a session's principal, or a token's at the handshake. */
export type Revocable = Pick<Principal, "issuer" | "subject" | "tokenId" | "thumbprint"> & {
  readonly issuedAt: number | undefined;
  readonly expiresAt: number;
};

/** A token without `jti` is known by what else names it. */
const nameOf = ({ issuer, subject, tokenId, issuedAt, expiresAt }: Revocable): string =>
  tokenId === undefined
    ? JSON.stringify(["token", issuer, subject, issuedAt, expiresAt])
    : JSON.stringify(["id", issuer, tokenId]);

const ANY = "";

/**
 * What was revoked, in memory, for as long as this server runs; of tokens whose end is known, until then. A feed that
 * repeats what is in force when it is subscribed to covers restarts.
 */
export class RevocationList {
  readonly #capacity: number;
  readonly #seconds: number;
  readonly #now: () => number;
  /** Tokens of revoked sessions, by `nameOf`, with their end. */
  readonly #tokens = new Map<string, number>();
  readonly #ids = new Set<string>();
  readonly #subjects = new Map<string, number>();
  readonly #thumbprints = new Set<string>();
  /** Sessions that another server may still be asked to resume, with the latest end that they can have. */
  readonly #sessions = new Map<string, number>();

  /** `now` in milliseconds; `seconds`: the longest life of a session. */
  constructor(capacity: number, seconds: number, now: () => number) {
    this.#capacity = capacity;
    this.#seconds = seconds;
    this.#now = now;
  }

  /** `tokens`: those of the sessions that it ended. @throws SealwireError E_QUEUE_FULL if they cannot be remembered */
  add(by: AnyRevocation, tokens: readonly Revocable[]): void {
    if (this.#size + tokens.length >= this.#capacity) this.#sweep();
    if (this.#size + tokens.length >= this.#capacity)
      throw new SealwireError("E_QUEUE_FULL", { detail: "limit revocations: sessions end, but tokens can come back" });
    for (const token of tokens) this.#tokens.set(nameOf(token), token.expiresAt);
    if (by.session !== undefined) this.#sessions.set(by.session, this.#now() / 1000 + this.#seconds);
    if (by.tokenId !== undefined) this.#ids.add(JSON.stringify([by.issuer ?? ANY, by.tokenId]));
    if (by.thumbprint !== undefined) this.#thumbprints.add(by.thumbprint);
    if (by.subject !== undefined) {
      const key = JSON.stringify([by.issuer ?? ANY, by.subject]);
      const before = by.issuedBefore ?? Math.floor(this.#now() / 1000) + 1;
      this.#subjects.set(key, Math.max(before, this.#subjects.get(key) ?? 0));
    }
  }

  hasSession(id: string): boolean {
    return this.#sessions.has(id);
  }

  has(token: Revocable): boolean {
    const { issuer, subject, tokenId, thumbprint, issuedAt = Number.NEGATIVE_INFINITY } = token;
    if (this.#tokens.has(nameOf(token))) return true;
    if (thumbprint !== undefined && this.#thumbprints.has(thumbprint)) return true;
    return [issuer, ANY].some(
      (by) =>
        (tokenId !== undefined && this.#ids.has(JSON.stringify([by, tokenId]))) ||
        issuedAt < (this.#subjects.get(JSON.stringify([by, subject])) ?? Number.NEGATIVE_INFINITY),
    );
  }

  get #size(): number {
    return this.#tokens.size + this.#sessions.size + this.#ids.size + this.#subjects.size + this.#thumbprints.size;
  }

  #sweep(): void {
    for (const map of [this.#tokens, this.#sessions])
      for (const [name, end] of map) if (end * 1000 <= this.#now()) map.delete(name);
  }
}

/** Whether `revocation` is about this session. */
export function concerns(revocation: AnyRevocation, id: string, token: Revocable, now: number): boolean {
  if (revocation.session !== undefined) return revocation.session === id;
  if (revocation.thumbprint !== undefined) return revocation.thumbprint === token.thumbprint;
  if (revocation.issuer !== undefined && revocation.issuer !== token.issuer) return false;
  if (revocation.tokenId !== undefined) return revocation.tokenId === token.tokenId;
  const before = revocation.issuedBefore ?? Math.floor(now / 1000) + 1;
  return revocation.subject === token.subject && (token.issuedAt ?? Number.NEGATIVE_INFINITY) < before;
}

const KINDS = ["session", "tokenId", "subject", "thumbprint"] as const;

/** @throws TypeError: a revocation that names nothing, or two things, would revoke something else than was meant */
export function assertRevocation(value: Revocation): void {
  const by = (value ?? {}) as Partial<Record<string, unknown>>;
  const named = KINDS.filter((kind) => by[kind] !== undefined);
  const text = (v: unknown) => v === undefined || (typeof v === "string" && v !== "");
  const time = by.issuedBefore === undefined || Number.isFinite(by.issuedBefore);
  if (named.length !== 1 || !text(by[named[0] as string]) || !text(by.issuer) || !time) {
    throw new TypeError("a revocation names one session, tokenId, subject or thumbprint");
  }
}
