export interface Overhead {
  readonly seq: number;
  readonly frame: number;
  readonly overhead: number;
}
export const PAYLOAD: number;
export const SEQS: readonly number[];
/** `core`: MessageSealer, encodeClaims, aeadKey and macKey, from the sources or from dist. */
export function overheads(core: Record<"MessageSealer" | "encodeClaims" | "aeadKey" | "macKey", unknown>): Overhead[];
