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
  readonly #now: () => number;
  /** Tokens of revoked sessions, by `nameOf`, with their end. */
  readonly #tokens = new Map<string, number>();
  readonly #ids = new Set<string>();
  readonly #subjects = new Map<string, number>();
  readonly #thumbprints = new Set<string>();

  /** `now` in milliseconds. */
  constructor(capacity: number, now: () => number) {
    this.#capacity = capacity;
    this.#now = now;
  }

  /** @throws TypeError for what names nothing; SealwireError E_QUEUE_FULL if it cannot be remembered */
  add(revocation: Revocation): void {
    const by = assertRevocation(revocation);
    if (this.#size >= this.#capacity) this.#sweep();
    if (this.#size >= this.#capacity)
      throw new SealwireError("E_QUEUE_FULL", { detail: "limit revocations: sessions end, but tokens can come back" });
    if ("tokenId" in by) this.#ids.add(JSON.stringify([by.issuer ?? ANY, by.tokenId]));
    if ("thumbprint" in by) this.#thumbprints.add(by.thumbprint);
    if ("subject" in by) {
      const key = JSON.stringify([by.issuer ?? ANY, by.subject]);
      const before = by.issuedBefore ?? Math.floor(this.#now() / 1000) + 1;
      this.#subjects.set(key, Math.max(before, this.#subjects.get(key) ?? 0));
    }
  }

  /** The token of a revoked session does not open another one. */
  addToken(token: Revocable): void {
    this.#tokens.set(nameOf(token), token.expiresAt);
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
    return this.#tokens.size + this.#ids.size + this.#subjects.size + this.#thumbprints.size;
  }

  #sweep(): void {
    for (const [name, end] of this.#tokens) if (end * 1000 <= this.#now()) this.#tokens.delete(name);
  }
}

/** Whether `revocation` is about this session. */
export function concerns(revocation: Revocation, id: string, token: Revocable, now: number): boolean {
  if ("session" in revocation) return revocation.session === id;
  if ("thumbprint" in revocation) return revocation.thumbprint === token.thumbprint;
  if (revocation.issuer !== undefined && revocation.issuer !== token.issuer) return false;
  if ("tokenId" in revocation) return revocation.tokenId === token.tokenId;
  const before = revocation.issuedBefore ?? Math.floor(now / 1000) + 1;
  return revocation.subject === token.subject && (token.issuedAt ?? Number.NEGATIVE_INFINITY) < before;
}

const KINDS = ["session", "tokenId", "subject", "thumbprint"] as const;

/** @throws TypeError: a revocation that names nothing, or two things, would revoke something else than was meant */
export function assertRevocation(value: Revocation): Revocation {
  const by = (value ?? {}) as Partial<Record<string, unknown>>;
  const named = KINDS.filter((kind) => by[kind] !== undefined);
  const text = (v: unknown) => v === undefined || (typeof v === "string" && v !== "");
  const time = by.issuedBefore === undefined || Number.isFinite(by.issuedBefore);
  if (named.length !== 1 || !text(by[named[0] as string]) || !text(by.issuer) || !time) {
    throw new TypeError("a revocation names one session, tokenId, subject or thumbprint");
  }
  return value;
}
