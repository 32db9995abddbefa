import { SealwireError } from "../errors.ts";

/** An envelope belongs to no connection: there is nothing that its refusal could end. */
export function notFatal(error: unknown): unknown {
  if (!(error instanceof SealwireError) || !error.fatal) return error;
  const { code, stage, detail, cause } = error;
  return new SealwireError(code, { stage, fatal: false, ...(detail === undefined ? {} : { detail }), cause });
}

/** @throws TypeError; for callers without types */
export function assertEnvelope(envelope: unknown): asserts envelope is string | Uint8Array {
  if (typeof envelope !== "string" && !(envelope instanceof Uint8Array)) {
    throw new TypeError("an envelope is a string or a Uint8Array");
  }
}
