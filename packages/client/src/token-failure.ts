import { SealwireError } from "@sealwire/core";

const STOP: unique symbol = Symbol("sealwire.stopRefresh");

/**
 * What the function of the option `token` throws where there will be no more tokens, because the user has logged out or
 * the refresh token was refused: the session goes on to the end of its last token, and no new one takes its place.
 */
export function stopRefresh(reason = "no more tokens"): Error {
  return Object.assign(new Error(reason), { [STOP]: true });
}

/** What the function of the option `token` threw: of no server, whatever it is. */
export class TokenFailure extends Error {
  override readonly cause: unknown;

  constructor(cause: unknown) {
    super("the function of the option token failed");
    this.cause = cause;
  }

  /** `stopRefresh()` was thrown. */
  get isFinal(): boolean {
    return (this.cause as { readonly [STOP]?: unknown } | null | undefined)?.[STOP] === true;
  }

  /** For `onError`. */
  get reported(): SealwireError {
    const { message: detail, cause } = this;
    return new SealwireError("E_TOKEN", { stage: "local", fatal: false, detail, cause });
  }
}
