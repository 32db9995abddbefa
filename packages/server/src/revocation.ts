import type { Principal } from "./principal.ts";

/** A token as a revocation names it: by `jti`, and one without by the rest, with `iat` and `exp` as NumericDate. */
export interface RevokedToken extends Pick<Principal, "issuer" | "subject"> {
  readonly tokenId?: string | undefined;
  readonly issuedAt?: number | undefined;
  readonly expiresAt: number;
}

/**
 * What is taken away (specs/lifecycle.md, section 5): a session, with the tokens that it is known to have had; a token by its
 * `jti`; every token of a subject that was issued before a time (NumericDate, by the issuer's clock); everything that rests on
 * a proof key. Without `issuer` it holds for every issuer that the server trusts.
 *
 * `issuedBefore`, default: whatever has been issued by now. The issuer's clock can be ahead by the largest
 * `tokens.clockTolerance`, so that for so long also a new token of the subject is refused (by default 30 s). An issuer can name
 * the second after its own present one instead: then a user can sign in again at once.
 *
 * `until` (NumericDate): when no token that it concerns is good any more, the latest `exp` of them; from then on it is
 * forgotten. Default: for a session the longest life of one from now on; for everything else it is remembered for as long as
 * the server runs, so that a server that revokes much needs it (limit revocations).
 */
export type Revocation = (
  | { readonly session: string; readonly tokens?: readonly RevokedToken[] }
  | { readonly tokenId: string; readonly issuer?: string }
  | { readonly subject: string; readonly issuer?: string; readonly issuedBefore?: number }
  | { readonly thumbprint: string }
) & { readonly until?: number };

/** The kinds have different members: what a member is undefined in is another kind. */
export type AnyRevocation = Partial<Record<"session" | "tokenId" | "subject" | "thumbprint" | "issuer", string>> & {
  readonly issuedBefore?: number;
  readonly tokens?: readonly RevokedToken[];
  readonly until?: number;
};

/** Who may be revoked: a session's principal, or a token's at the handshake. */
export interface Revocable extends RevokedToken {
  readonly thumbprint: string | undefined;
}

/** A token without `jti` is known by what else names it. */
export const nameOf = ({ issuer, subject, tokenId, issuedAt, expiresAt }: RevokedToken): string =>
  tokenId === undefined
    ? JSON.stringify(["token", issuer, subject, issuedAt, expiresAt])
    : JSON.stringify(["id", issuer, tokenId]);

/** Whether `revocation` is about this session. */
export function concerns(revocation: AnyRevocation, id: string, token: Revocable): boolean {
  if (revocation.session !== undefined) return revocation.session === id;
  if (revocation.thumbprint !== undefined) return revocation.thumbprint === token.thumbprint;
  if (revocation.issuer !== undefined && revocation.issuer !== token.issuer) return false;
  if (revocation.tokenId !== undefined) return revocation.tokenId === token.tokenId;
  const { issuedAt = Number.NEGATIVE_INFINITY } = token;
  return revocation.subject === token.subject && issuedAt < (revocation.issuedBefore as number);
}

const KINDS = ["session", "tokenId", "subject", "thumbprint"] as const;

const isText = (v: unknown): boolean => v === undefined || (typeof v === "string" && v !== "");
const isTime = (v: unknown): boolean => v === undefined || Number.isFinite(v);

const isToken = (v: unknown): boolean => {
  const { issuer = null, subject = null, tokenId, issuedAt, expiresAt = null } = (v ?? {}) as Record<string, unknown>;
  return isText(issuer) && isText(subject) && isText(tokenId) && isTime(issuedAt) && isTime(expiresAt);
};

/** @throws TypeError: a revocation that names nothing, or two things, would revoke something else than was meant */
export function assertRevocation(value: Revocation): void {
  const by = (value ?? {}) as Partial<Record<string, unknown>>;
  const named = KINDS.filter((kind) => by[kind] !== undefined);
  const kind = named[0] as string;
  const tokens =
    by.tokens === undefined || (kind === "session" && Array.isArray(by.tokens) && by.tokens.every(isToken));
  if (named.length !== 1 || !isText(by[kind]) || !isText(by.issuer) || !isTime(by.issuedBefore) || !isTime(by.until))
    throw new TypeError("a revocation names one session, tokenId, subject or thumbprint");
  if (!tokens) throw new TypeError("tokens of a revocation are those of a session");
}
