import { ERRORS, type ErrorCode, type Stage } from "./registry.generated.ts";

export interface SealwireErrorOptions {
  /** Local detail for logs of this side. Never sent to the peer; never a secret, token, key or message body. */
  readonly detail?: string;
  /** The step of the receive pipeline that failed. Default: the code's only step, or its first. */
  readonly stage?: Stage;
  readonly fatal?: boolean;
  readonly closeCode?: number;
  /** Sequence number of the message that the error is about. */
  readonly ref?: number;
  /** True where the peer reported the error and this side did not find it. */
  readonly remote?: boolean;
  readonly cause?: unknown;
}

/**
 * What a peer, a token or the network did wrong. Mistakes of the calling program are `TypeError`s.
 *
 * `code` is one of a closed set (specs/registry/errors.json); `message` says what happened and how to mend it.
 * No secret, token, key or message body stands in any field.
 */
export class SealwireError extends Error {
  override readonly name = "SealwireError";
  readonly code: ErrorCode;
  readonly stage: Stage;
  readonly closeCode: number | undefined;
  readonly fatal: boolean;
  readonly ref: number | undefined;
  readonly remote: boolean;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, options: SealwireErrorOptions = {}) {
    const info = ERRORS[code];
    const detail = options.detail === undefined ? "" : ` (${options.detail})`;
    super(
      `${code}: ${info.text}${detail} ${info.mend}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.stage = options.stage ?? (info.steps[0] as Stage);
    this.fatal = options.fatal ?? info.fatal;
    this.closeCode = options.closeCode ?? (this.fatal ? (info.close ?? undefined) : undefined);
    this.ref = options.ref;
    this.remote = options.remote ?? false;
    this.detail = options.detail;
  }
}

/** What reaches an end without a code is a defect of this side. */
export const asError = (error: unknown): SealwireError =>
  error instanceof SealwireError ? error : new SealwireError("E_INTERNAL", { cause: error });

/** True if `e` is a SealwireError, and, where `code` is given, one with this code. */
export function isSealwireError<C extends ErrorCode>(e: unknown, code?: C): e is SealwireError & { readonly code: C } {
  return e instanceof SealwireError && (code === undefined || e.code === code);
}

/** For what belongs to no connection, envelopes that stand alone and evidence: there is nothing that a refusal could end. */
export function notFatal(error: unknown): unknown {
  if (!(error instanceof SealwireError) || !error.fatal) return error;
  const { code, stage, detail, cause } = error;
  return new SealwireError(code, { stage, fatal: false, ...(detail === undefined ? {} : { detail }), cause });
}
