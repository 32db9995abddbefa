import { fail } from "../envelope/claims.ts";
import { decodeObject } from "../envelope/claims-json.ts";
import { readHeader } from "../envelope/parsed-header.ts";
import { notFatal } from "../errors.ts";
import type { Wire } from "../wire/frame.ts";
import type { Json } from "../wire/json.ts";
import { assertEnvelope } from "./refusal.ts";
import { decodeEnvelope } from "./verify.ts";

/** What somebody wrote. Nothing of it is verified: no signature, no key, no time. */
export interface Unverified {
  readonly verified: false;
  readonly form: Wire;
  readonly encrypted: boolean;
  /** The protected header, whatever it says. */
  readonly header: { readonly [member: string]: Json };
  /** The payload of a JWS; an encrypted envelope hides it. */
  readonly claims?: { readonly [claim: string]: Json };
}

/**
 * Shows what stands in an envelope, or in another JWS or JWE, for logs and for finding out which key is missing. Reads
 * within the limits of the protocol, needs no key.
 *
 * Not checked: anything. Never decide by what it shows; that is what `open` is for.
 *
 * @throws TypeError for what is neither string nor bytes; SealwireError, never fatal: E_TOO_BIG, E_MALFORMED, E_B64, E_CBOR,
 * E_HEADER, E_CLAIMS
 * @see specs/envelope.md, section 13
 */
export function inspect(envelope: string | Uint8Array): Unverified {
  assertEnvelope(envelope);
  try {
    const frame = decodeEnvelope(envelope);
    return {
      verified: false,
      form: typeof envelope === "string" ? "text" : "binary",
      encrypted: frame.form === 2,
      header: readHeader(frame.protected),
      ...(frame.form === 1 ? { claims: decodeObject(frame.payload, fail, () => false) } : {}),
    };
  } catch (error) {
    throw notFatal(error);
  }
}
