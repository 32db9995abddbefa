import { AccessTokens } from "./access-tokens.ts";
import { Grants, type SignInOptions, type TokenResponse } from "./grants.ts";
import { createHandler } from "./handler.ts";
import { KeyRing } from "./keys.ts";
import { checkOptions, type DevelopmentIssuerOptions } from "./options.ts";
import { type Revocation, RevocationFeed } from "./revocations.ts";
import { createMemoryIssuerStore } from "./store.ts";

/**
 * FOR DEVELOPMENT AND TESTS ONLY: it gives tokens for any user to whoever asks, without a password, and its keys
 * end with the process.
 */
export interface DevelopmentIssuer {
  readonly issuer: string;
  /**
   * Answers a request to one of the endpoints, by its path: `/token`, `/revoke`, `/jwks` below the issuer's address,
   * and the metadata at `/.well-known/oauth-authorization-server` and `/.well-known/openid-configuration`. Never
   * rejects. Errors are those of RFC 6749 section 5.2, and never hold a token.
   */
  handle(request: Request): Promise<Response>;
  /**
   * The development grant without HTTP.
   * @throws OAuthError as the token endpoint answers
   */
  signIn(subject: string, options: SignInOptions): Promise<TokenResponse>;
  /**
   * Ends every sign-in of a user, and publishes that tokens issued until now are revoked.
   * @throws OAuthError temporarily_unavailable with 10,000 revocations in force: subscribers were told, later ones will not be
   */
  revokeSubject(subject: string): Promise<void>;
  /**
   * Signs with a new key from now on; the old one stays published for keyOverlapSeconds.
   * @throws Error with 16 keys published
   */
  rotateKeys(): Promise<void>;
  /**
   * Every subscription begins with the revocations of tokens that have not expired, and ends with an error when its
   * reader lags more than 10,000 behind.
   */
  revocations(): AsyncIterable<Revocation>;
}

/**
 * An issuer of access tokens for DEVELOPMENT AND TESTS ONLY. Never run it where anybody else can reach it.
 * @throws TypeError for options that cannot work
 */
export async function createDevelopmentIssuer(options: DevelopmentIssuerOptions): Promise<DevelopmentIssuer> {
  const checked = checkOptions(options);
  const { now, algorithm, keyOverlapSeconds } = checked;
  const { store = createMemoryIssuerStore({ now }), onError = () => {} } = options;
  const keys = await KeyRing.create(algorithm, keyOverlapSeconds, now);
  const feed = new RevocationFeed(now);
  const grants = new Grants({ options: checked, store, feed, tokens: new AccessTokens(checked, keys) });
  return {
    issuer: checked.issuer,
    handle: createHandler({ options: checked, store, grants, keys, onError }),
    signIn: (subject, o) => grants.signIn(subject, o),
    revokeSubject: (subject) => grants.revokeSubject(subject),
    rotateKeys: () => keys.rotate(),
    revocations: () => ({ [Symbol.asyncIterator]: () => feed.subscribe() }),
  };
}
