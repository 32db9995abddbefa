import { base64url } from "jose";
import type { AccessToken, AccessTokens } from "./access-tokens.ts";
import { sha256 } from "./digest.ts";
import { refuse } from "./errors.ts";
import type { Account, Checked } from "./options.ts";
import type { Lasting, RevocationFeed } from "./revocations.ts";
import type { IssuerStore, RefreshFamily } from "./store.ts";

/** RFC 6749 section 5.1. */
export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: "Bearer" | "DPoP";
  /** Seconds. */
  readonly expires_in: number;
  readonly scope?: string;
  readonly refresh_token?: string;
}

export interface SignInOptions {
  readonly clientId: string;
  /** Words with a space between. Default: everything the account has. */
  readonly scope?: string | undefined;
  /** RFC 7638 thumbprint of the key that the tokens are bound to. Default: bearer tokens. */
  readonly thumbprint?: string | undefined;
  /** `iat` of the access token (NumericDate), for tests that need one that has expired. Default: now. */
  readonly issuedAt?: number | undefined;
}

interface RefreshRequest extends Pick<SignInOptions, "clientId" | "scope" | "thumbprint"> {
  readonly refreshToken: string;
}

/** Live access tokens of one sign-in; with one more the oldest is revoked. */
const MOST_ACCESS_TOKENS = 16;

/** The family's part and the token's own, each 32 bytes. */
const REFRESH_TOKEN = /^([A-Za-z0-9_-]{43})\.[A-Za-z0-9_-]{43}$/;

interface Parts {
  readonly options: Checked;
  readonly store: IssuerStore;
  readonly tokens: AccessTokens;
  readonly feed: RevocationFeed;
}

/** Gives tokens out and takes them back: RFC 6749, rotation by RFC 9700 section 4.14.2, revocation by RFC 7009. */
export class Grants {
  readonly #o: Checked;
  readonly #store: IssuerStore;
  readonly #tokens: AccessTokens;
  readonly #feed: RevocationFeed;
  /** Sign-ins under way, whose family a revocation does not find yet. */
  readonly #beginning = new Set<{ readonly subject: string; revoked: boolean }>();

  constructor({ options, store, tokens, feed }: Parts) {
    this.#o = options;
    this.#store = store;
    this.#tokens = tokens;
    this.#feed = feed;
  }

  async signIn(subject: string, options: SignInOptions): Promise<TokenResponse> {
    const beginning = { subject, revoked: false };
    this.#beginning.add(beginning);
    try {
      return await this.#signIn(subject, options, beginning);
    } finally {
      this.#beginning.delete(beginning);
    }
  }

  async #signIn(
    subject: string,
    options: SignInOptions,
    beginning: { readonly revoked: boolean },
  ): Promise<TokenResponse> {
    const { clientId, scope, thumbprint, issuedAt = this.#now() } = options;
    const account = await this.#account(subject);
    const scopes = scopesOf(scope, account.scopes);
    const access = await this.#tokens.issue({
      claims: account.claims,
      subject,
      clientId,
      scopes,
      thumbprint,
      issuedAt,
    });
    const shared = this.#random();
    const refreshToken = `${shared}.${this.#random()}`;
    const id = await sha256(shared);
    const added = await this.#store.add({
      id,
      current: await sha256(refreshToken),
      subject,
      clientId,
      scopes,
      thumbprint,
      expiresAt: this.#now() + this.#o.refreshTokenSeconds,
      accessTokens: [{ id: access.id, expiresAt: access.expiresAt }],
    });
    if (!added) return refuse("temporarily_unavailable", "too many sign-ins at a time");
    if (beginning.revoked) {
      await this.#end(id);
      return gone("the user was revoked meanwhile");
    }
    return this.#response(access, scopes, thumbprint, refreshToken);
  }

  /** A client's tokens for itself: RFC 6749 section 4.4, without a refresh token. */
  async clientCredentials(account: Account, { clientId, scope, thumbprint }: SignInOptions): Promise<TokenResponse> {
    const scopes = scopesOf(scope, account.scopes);
    const issuedAt = this.#now();
    // RFC 9068 section 5: sub is the client where no user is involved.
    const request = { claims: account.claims, subject: clientId, clientId, scopes, thumbprint, issuedAt };
    return this.#response(await this.#tokens.issue(request), scopes, thumbprint);
  }

  async refresh(request: RefreshRequest): Promise<TokenResponse> {
    const { refreshToken, clientId, scope, thumbprint } = request;
    const shared = REFRESH_TOKEN.exec(refreshToken)?.[1];
    const family = shared === undefined ? undefined : await this.#store.find(await sha256(shared));
    if (shared === undefined || family === undefined || family.expiresAt <= this.#now()) {
      return gone("the refresh token is unknown, expired or revoked");
    }
    if (family.clientId !== clientId) return foreign();
    // Before reuse is looked for: a thief who lacks the key must not be able to end what he stole a token of.
    if (family.thumbprint !== thumbprint) return gone("the refresh token is bound to another key, or to none");
    const used = await sha256(refreshToken);
    if (family.current !== used) return await this.#reused(family);
    const account = await this.#account(family.subject);
    // What was taken away since the sign-in is gone; what was given since needs a new one.
    const left = family.scopes.filter((s) => account.scopes.includes(s));
    const scopes = scopesOf(scope, left);
    const { subject } = family;
    const issuedAt = this.#now();
    const access = await this.#tokens.issue({
      claims: account.claims,
      subject,
      clientId,
      scopes,
      thumbprint,
      issuedAt,
    });
    const next = `${shared}.${this.#random()}`;
    const accessTokens = this.#live(family.accessTokens, access);
    const rotated = { ...family, current: await sha256(next), accessTokens };
    const dropped = this.#revocationsOf(family.accessTokens.filter(({ id }) => !accessTokens.some((t) => t.id === id)));
    // While the token is good for another try.
    this.#feed.assertRoom(dropped);
    // Somebody was faster with the same token: one of the two is not its owner.
    if ((await this.#store.replace(rotated, used)) !== true) return await this.#reused(family);
    this.#feed.publish(dropped);
    return this.#response(access, scopes, thumbprint, next);
  }

  /** RFC 7009: any refresh token of a sign-in ends it. */
  async revoke(token: string, clientId: string): Promise<void> {
    const shared = REFRESH_TOKEN.exec(token)?.[1];
    if (shared !== undefined) {
      const family = await this.#store.find(await sha256(shared));
      if (family === undefined) return;
      if (family.clientId !== clientId) return foreign();
      // RFC 7009 section 2.2.1: what is answered with 503 is as it was, and comes again.
      this.#feed.assertRoom(this.#revocationsOf(family.accessTokens));
      return await this.#end(family.id);
    }
    const access = await this.#tokens.read(token);
    if (access === undefined) return;
    if (access.clientId !== clientId) return foreign();
    this.#feed.publish(this.#revocationsOf([access]));
  }

  async revokeSubject(subject: string): Promise<void> {
    for (const beginning of this.#beginning) if (beginning.subject === subject) beginning.revoked = true;
    await this.#store.removeSubject(subject);
    // iat has whole seconds: the present one has to be among those before.
    const issuedBefore = this.#now() + 1;
    const { issuer, accessTokenSeconds } = this.#o;
    this.#feed.publish([{ issuer, subject, issuedBefore, until: issuedBefore + accessTokenSeconds }]);
  }

  async #reused({ id }: RefreshFamily): Promise<never> {
    await this.#end(id);
    return gone("the refresh token was used before: everything that came of its sign-in is revoked");
  }

  async #end(id: string): Promise<void> {
    this.#feed.publish(this.#revocationsOf((await this.#store.remove(id))?.accessTokens ?? []));
  }

  #revocationsOf(tokens: RefreshFamily["accessTokens"]): readonly Lasting[] {
    const now = this.#now();
    return tokens
      .filter(({ expiresAt }) => expiresAt > now)
      .map(({ id, expiresAt }) => ({ issuer: this.#o.issuer, tokenId: id, until: expiresAt }));
  }

  #live(before: RefreshFamily["accessTokens"], { id, expiresAt }: AccessToken): RefreshFamily["accessTokens"] {
    const now = this.#now();
    return [...before.filter((t) => t.expiresAt > now), { id, expiresAt }].slice(-MOST_ACCESS_TOKENS);
  }

  async #account(subject: string): Promise<Account> {
    // A Sealwire server refuses a longer one.
    const account = subject.length > 256 ? undefined : await this.#o.accounts(subject);
    return account ?? gone("there is no such user");
  }

  #response(
    { token, expiresAt }: AccessToken,
    scopes: readonly string[],
    thumbprint: string | undefined,
    refreshToken?: string,
  ): TokenResponse {
    return {
      access_token: token,
      token_type: thumbprint === undefined ? "Bearer" : "DPoP",
      expires_in: expiresAt - this.#now(),
      ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    };
  }

  #now(): number {
    return Math.floor(this.#o.now() / 1000);
  }

  #random(): string {
    return base64url.encode(this.#o.randomBytes(32));
  }
}

const gone = (description: string): never => refuse("invalid_grant", description);
const foreign = (): never => gone("the token was issued to another client");

/** What is asked for, if all of it is granted. */
function scopesOf(asked: string | undefined, granted: readonly string[]): readonly string[] {
  if (asked === undefined) return granted;
  const scopes = [...new Set(asked.split(" ").filter((s) => s !== ""))];
  if (!scopes.every((s) => granted.includes(s))) return refuse("invalid_scope", "a scope is not granted");
  return scopes;
}
