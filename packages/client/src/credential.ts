import { BEARER_SUBPROTOCOL, isSubprotocolToken, isTicket } from "@sealwire/core/internal";
import type { ConnectOptions, TokenContext } from "./options.ts";
import { TokenFailure } from "./token-failure.ts";

/** The credential, and what of it goes with the upgrade request. */
export interface Credential {
  readonly token: string;
  readonly url: URL;
  /** Header `Authorization`. */
  readonly authorization?: string;
  /** Offered behind the real ones, and never selected. */
  readonly subprotocol?: string;
}

/** @throws TypeError for what cannot work, before anything is asked for or sent */
export function checkCredential({ token, tokenAtUpgrade: way, proof }: ConnectOptions): void {
  if (typeof token !== "string" && typeof token !== "function") throw new TypeError("token is missing");
  if (way !== undefined && way !== "authorization" && way !== "subprotocol" && way !== "ticket")
    throw new TypeError('tokenAtUpgrade is "authorization", "subprotocol" or "ticket"');
  if (way === "ticket" && proof === undefined)
    throw new TypeError("a ticket needs the option proof: the key that it was issued for");
}

export async function credentialOf(url: URL, options: ConnectOptions, signal: AbortSignal): Promise<Credential> {
  const token = await tokenOf(options.token, "connect", signal);
  const way = options.tokenAtUpgrade;
  if (way === undefined) return { token, url };
  if (way === "authorization") return { token, url, authorization: `Bearer ${token}` };
  if (way === "subprotocol") {
    if (!isSubprotocolToken(token))
      throw new TokenFailure(new TypeError("a subprotocol carries compact JWTs or base64url only"));
    return { token, url, subprotocol: BEARER_SUBPROTOCOL + token };
  }
  // An access token here would stand in every log on the way.
  if (!isTicket(token)) throw new TokenFailure(new TypeError("a ticket is 22 to 256 characters of base64url"));
  return { token, url: new URL(`${url.search === "" ? "?" : `${url.search}&`}ticket=${token}`, url) };
}

/**
 * A function that never settles must not outlast the signal.
 * @throws TokenFailure for what it throws, and for what is no token; the reason of the signal
 */
export async function tokenOf(
  token: ConnectOptions["token"],
  reason: TokenContext["reason"],
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    stop = () => signal.removeEventListener("abort", abort);
  });
  try {
    return await Promise.race([asked(token, reason, signal), aborted]);
  } finally {
    stop();
  }
}

async function asked(
  token: ConnectOptions["token"],
  reason: TokenContext["reason"],
  signal: AbortSignal,
): Promise<string> {
  try {
    const answer: unknown = typeof token === "string" ? token : await token({ reason, signal });
    if (typeof answer !== "string" || answer === "") throw new TypeError("token is not a string, or empty");
    return answer;
  } catch (error) {
    throw new TokenFailure(error);
  }
}
