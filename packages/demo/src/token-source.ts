import { stopRefresh, type TokenContext } from "@sealwire/client";
import { exportJWK, SignJWT } from "jose";

/** Where tokens come from. The grant type is that of the development issuer: it asks for no password. */
export interface TokenEndpoint {
  readonly url: string;
  readonly grant: string;
  readonly clientId: string;
}

interface Issued {
  readonly access_token: string;
  readonly refresh_token: string;
}

/**
 * One sign-in of a user, as the SDK's option `token` asks for it: signs in for the first access token, and gets every
 * further one with the refresh token, which the issuer rotates. With `proof` its tokens are bound to that key.
 */
export class TokenSource {
  readonly #endpoint: TokenEndpoint;
  readonly #user: string;
  readonly #proof: CryptoKeyPair | undefined;
  #refreshToken: string | undefined;

  constructor(endpoint: TokenEndpoint, user: string, proof?: CryptoKeyPair) {
    this.#endpoint = endpoint;
    this.#user = user;
    this.#proof = proof;
  }

  /** @throws what `stopRefresh` makes, where the issuer will give no more tokens */
  async get({ reason, signal }: TokenContext): Promise<string> {
    if (this.#refreshToken !== undefined) {
      const refreshed = await this.#ask({ grant_type: "refresh_token", refresh_token: this.#refreshToken }, signal);
      if (refreshed) return this.#take(refreshed);
      // The sign-in was ended by the issuer. A new session is a new sign-in; the one that is open is over.
      this.#refreshToken = undefined;
      if (reason === "refresh") throw stopRefresh(`The sign-in of ${this.#user} was ended by the issuer.`);
    }
    const signedIn = await this.#ask({ grant_type: this.#endpoint.grant, subject: this.#user }, signal);
    if (!signedIn) throw stopRefresh(`The issuer gives ${this.#user} no token.`);
    return this.#take(signedIn);
  }

  #take({ access_token, refresh_token }: Issued): string {
    this.#refreshToken = refresh_token;
    return access_token;
  }

  /** Undefined where the answer is a lasting no (RFC 6749 section 5.2, `invalid_grant`). */
  async #ask(grant: Record<string, string>, signal: AbortSignal): Promise<Issued | undefined> {
    const { url, clientId } = this.#endpoint;
    const body = new URLSearchParams({ client_id: clientId, ...grant });
    const headers: HeadersInit = this.#proof ? { dpop: await dpopProof(this.#proof, url) } : {};
    const response = await fetch(url, { method: "POST", body, headers, signal });
    const answer = (await response.json()) as Issued & { error?: string; error_description?: string };
    if (response.ok) return answer;
    if (answer.error === "invalid_grant") return undefined;
    throw new Error(
      `The issuer answered ${answer.error ?? response.status}: ${answer.error_description ?? "no reason"}`,
    );
  }
}

/** RFC 9449 section 4.2: shows the token endpoint the key that the tokens are to be bound to. */
async function dpopProof({ privateKey, publicKey }: CryptoKeyPair, url: string): Promise<string> {
  return new SignJWT({ htm: "POST", htu: url, jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: await exportJWK(publicKey) })
    .setIssuedAt()
    .sign(privateKey);
}
