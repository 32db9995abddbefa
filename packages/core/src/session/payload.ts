import { decodeObject } from "../envelope/claims-json.ts";
import type { Payload } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import { CLOSE_CODES } from "../registry.generated.ts";
import { utf8 } from "../wire/bytes.ts";
import { decodeFrame, decodeText, encodeFrame, encodeText, type Wire, type WireFrame } from "../wire/frame.ts";

/** A point in time, from the driver's clock: the wall clock for what is written down, elapsed time for durations. */
export interface Time {
  /** Milliseconds since 1970 by the wall clock. */
  readonly unix: number;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: number;
}

export const wireOf = (protocol: string): Wire => (protocol === "sealwire.v1.cbor" ? "binary" : "text");

export function encodePayload(wire: Wire, frame: WireFrame): Payload {
  if (wire === "binary") return encodeFrame(frame, true);
  return encodeText(frame as Exclude<WireFrame, { form: 3 | 4 }>);
}

/** Steps frame and encoding. */
export function decodePayload(wire: Wire, payload: Payload): WireFrame {
  if ((typeof payload === "string") !== (wire === "text")) throw new SealwireError("E_FRAME");
  return typeof payload === "string" ? decodeText(payload) : decodeFrame(payload);
}

/** Bytes on the wire. Only CH can hold other characters than ASCII; elsewhere they are refused a little later. */
export const sizeOf = (payload: Payload): number =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
  typeof payload === "string" && /[^\x00-\x7f]/.test(payload) ? utf8.encode(payload).length : payload.length;

/** The coarse name that the peer may see: never the code itself, so that a failure tells nothing about its reason. */
export function coarseName(error: SealwireError): string {
  return CLOSE_CODES[error.closeCode ?? 1011]?.name ?? "internal";
}

/** `sealwire-err` in clear: before SR only, and only a hint. */
export function clearError(wire: Wire, error: SealwireError): Payload {
  const json = utf8.encode(JSON.stringify({ typ: "sealwire-err", code: coarseName(error) }));
  return encodePayload(wire, { form: 0, json });
}

/** What a coarse name or a bare close code of the peer means here; `remote`, since the detail is known only there. */
export function remoteError(nameOrCode: string | number, detail: string): SealwireError {
  const known = Object.entries(CLOSE_CODES).find(([code, c]) => c.name === nameOrCode || Number(code) === nameOrCode);
  if (known === undefined) return new SealwireError("E_CLOSED", { detail, remote: true });
  return new SealwireError(known[1].peerError, {
    detail,
    remote: true,
    stage: "local",
    fatal: true,
    closeCode: Number(known[0]),
  });
}

/**
 * What an unauthenticated hint of the peer means before SR. Nobody may be logged out by it: "revoked" counts only where
 * it is sealed.
 */
export function hintedError(nameOrCode: string | number, detail: string): SealwireError {
  const error = remoteError(nameOrCode, detail);
  if (error.code !== "E_REVOKED") return error;
  return new SealwireError("E_CLOSED", { detail, remote: true, closeCode: error.closeCode as number });
}

/** The error that a server reports in clear before SR. Anything else in clear is not admitted. */
export function reportedError(json: Uint8Array): SealwireError {
  const refuse = (detail: string): never => {
    throw new SealwireError("E_HEADER", { detail });
  };
  const { typ, code } = decodeObject(json, refuse, () => false);
  if (typ !== "sealwire-err" || typeof code !== "string") return refuse("clear JSON in the handshake");
  return hintedError(code, "reported by the server, unauthenticated");
}
