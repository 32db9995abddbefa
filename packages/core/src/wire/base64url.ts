import { SealwireError } from "../errors.ts";
import type { Stage } from "../registry.generated.ts";
import type { Memory } from "./memory.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ONLY_ALPHABET = /^[A-Za-z0-9_-]*$/;

const VALUES = new Uint8Array(128);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** Below this many characters the table is faster than the call into Node. */
const NATIVE_FROM = 64;

// Node's Buffer where there is one. A Buffer that some page brings along may not know base64url; then the table serves.
const candidate = (globalThis as { Buffer?: typeof Buffer }).Buffer;
const NativeBuffer = candidate?.isEncoding?.("base64url") ? candidate : undefined;
// What toString("base64url") and write() call. They take any bytes, and a Buffer that is made of them first costs more.
interface Native {
  base64urlSlice?(start: number, end: number): string;
  base64urlWrite?(text: string, at: number, length: number): number;
}
const native = NativeBuffer?.prototype as Native | undefined;
const [nativeSlice, nativeWrite] = [native?.base64urlSlice, native?.base64urlWrite];

export function encodeBase64url(bytes: Uint8Array): string {
  if (nativeSlice) return nativeSlice.call(bytes, 0, bytes.length);
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += ALPHABET[group >> 18]! + ALPHABET[(group >> 12) & 63]!;
    if (i + 1 < bytes.length) text += ALPHABET[(group >> 6) & 63]!;
    if (i + 2 < bytes.length) text += ALPHABET[group & 63]!;
  }
  return text;
}

/**
 * Decodes canonical base64url: only the alphabet, no padding, no white space, zero pad bits. So bytes have one spelling.
 * `memory`: where to, if not to memory of its own.
 *
 * @throws SealwireError `E_B64`
 */
export function decodeBase64url(text: string, stage: Stage = "encoding", memory?: Memory): Uint8Array {
  const fault = findFault(text);
  if (fault !== undefined) throw new SealwireError("E_B64", { stage, detail: fault });
  const length = Math.floor((text.length * 3) / 4);
  const bytes = memory?.cut(length) ?? new Uint8Array(length);
  // Buffer alone would skip NUL, '*' and white space: the text has been checked above. It writes into our own array,
  // as Buffer.from(text) would answer with a slice of Node's shared pool.
  if (nativeWrite && text.length >= NATIVE_FROM) nativeWrite.call(bytes, text, 0, length);
  else fill(bytes, text);
  return bytes;
}

/** True if the text is canonical base64url of exactly this many characters. */
export function isBase64url(text: string, length: number): boolean {
  return text.length === length && findFault(text) === undefined;
}

function findFault(text: string): string | undefined {
  if (!ONLY_ALPHABET.test(text)) return "a character outside the base64url alphabet";
  const rest = text.length % 4;
  if (rest === 1) return "a length that no bytes encode to";
  const padBits = rest === 2 ? 0b1111 : rest === 3 ? 0b11 : 0;
  return valueAt(text, text.length - 1) & padBits ? "pad bits that are not zero" : undefined;
}

function fill(bytes: Uint8Array, text: string): void {
  for (let i = 0, at = 0; at < bytes.length; i += 4) {
    const group =
      (valueAt(text, i) << 18) | (valueAt(text, i + 1) << 12) | (valueAt(text, i + 2) << 6) | valueAt(text, i + 3);
    bytes[at++] = group >> 16;
    bytes[at++] = group >> 8;
    bytes[at++] = group;
  }
}

/** Past the end of the text 0: writes past the end of the bytes are ignored. */
function valueAt(text: string, i: number): number {
  return VALUES[text.charCodeAt(i)] ?? 0;
}
