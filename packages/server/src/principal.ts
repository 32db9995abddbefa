/** Who is at the other end of a session, by an access token whose signature, issuer, audience and expiry were checked. */
export interface Principal {
  /** `iss` and `sub` of the token: a subject is unique per issuer only. */
  readonly issuer: string;
  readonly subject: string;
  readonly clientId: string | undefined;
  /** `jti` of the token. */
  readonly tokenId: string | undefined;
  readonly scopes: ReadonlySet<string>;
  /** Thumbprint of the key that the token, or the ticket, is bound to and that the client has proven to hold. */
  readonly thumbprint: string | undefined;
  /** All claims of the token. */
  readonly claims: Readonly<Record<string, unknown>>;
}
