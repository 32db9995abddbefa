/** @throws TypeError; for callers without types */
export function assertEnvelope(envelope: unknown): asserts envelope is string | Uint8Array {
  if (typeof envelope !== "string" && !(envelope instanceof Uint8Array)) {
    throw new TypeError("an envelope is a string or a Uint8Array");
  }
}
