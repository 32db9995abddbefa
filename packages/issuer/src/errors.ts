export type OAuthErrorCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "invalid_scope"
  | "invalid_target"
  | "invalid_dpop_proof"
  | "temporarily_unavailable";

/**
 * A request that is refused: `code` is the `error` of RFC 6749 section 5.2, RFC 8707 section 2 or RFC 9449 section 5,
 * the message its `error_description`. Neither ever holds a token, a secret or anything else of the request.
 */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  readonly code: OAuthErrorCode;

  constructor(code: OAuthErrorCode, description: string) {
    super(description);
    this.code = code;
  }
}

export function refuse(code: OAuthErrorCode, description: string): never {
  throw new OAuthError(code, description);
}
