import { SealwireError } from "../errors.ts";
import type { Stage } from "../registry.generated.ts";
import type { Memory } from "./memory.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ONLY_ALPHABET = /^[A-Za-z0-9_-]*$/;

const VALUES = new Uint8Array(128);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** Bytes to encode at once to compare: a long text takes memory anew from the system, which costs more than to write it. */
const PIECE = 12_288;

// Node's Buffer where there is one. A Buffer that some page brings along may not know base64url; then others serve.
const candidate = (globalThis as { Buffer?: typeof Buffer }).Buffer;
const NativeBuffer = candidate?.isEncoding?.("base64url") ? candidate : undefined;
// What toString("base64url") and write() call. They take any bytes, and a Buffer that is made of them first costs more.
interface OfBuffer {
  base64urlSlice?(start: number, end: number): string;
  base64urlWrite?(text: string, at: number, length: number): number;
}
const ofBuffer = NativeBuffer?.prototype as OfBuffer | undefined;
const [nativeSlice, nativeWrite] = [ofBuffer?.base64urlSlice, ofBuffer?.base64urlWrite];

// ECMAScript 2026; browsers have it since 2024 and 2025.
const ENCODING = { alphabet: "base64url", omitPadding: true } as const;
const DECODING = { alphabet: "base64url", lastChunkHandling: "loose" } as const;
interface OfEngine {
  toBase64?(options: typeof ENCODING): string;
  setFromBase64?(text: string, options: typeof DECODING): { readonly read: number; readonly written: number };
}
const { toBase64, setFromBase64 } = tried(Uint8Array.prototype as OfEngine);

/** Nothing where a page has brought functions of that name which know other options, as those of core-js up to 3.37 do. */
function tried(given: OfEngine): OfEngine {
  const decode = (text: string) => given.setFromBase64?.call(new Uint8Array(2), text, DECODING);
  const refused = (text: string): boolean => {
    try {
      decode(text);
      return false;
    } catch {
      return true;
    }
  };
  try {
    const [whole, spaced] = [decode("_-8"), decode("_- 8")];
    const decodes =
      whole?.read === 3 && whole.written === 2 && spaced?.written === 2 && refused("+-8") && refused("_.8");
    return decodes && given.toBase64?.call(Uint8Array.of(255, 239), ENCODING) === "_-8" ? given : {};
  } catch {
    return {};
  }
}

/** Characters, or bytes to encode, below which the table is faster than a call out of the script. */
const NATIVE_FROM = nativeWrite ? 40 : 24;

export function encodeBase64url(bytes: Uint8Array): string {
  if (nativeSlice) return nativeSlice.call(bytes, 0, bytes.length);
  if (toBase64 && bytes.length >= NATIVE_FROM) return toBase64.call(bytes, ENCODING);
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
  const length = Math.floor((text.length * 3) / 4);
  const bytes = memory?.cut(length) ?? new Uint8Array(length);
  if (text.length >= NATIVE_FROM && decodedNatively(bytes, text)) return bytes;
  const fault = findFault(text);
  if (fault !== undefined) throw new SealwireError("E_B64", { stage, detail: fault });
  fill(bytes, text);
  return bytes;
}

/** True if the text is canonical, and the bytes are what it says; else the table has to tell. */
function decodedNatively(bytes: Uint8Array, text: string): boolean {
  if (text.length % 4 === 1) return false;
  if (nativeWrite && nativeSlice) {
    nativeWrite.call(bytes, text, 0, bytes.length);
    // Buffer skips what is none of the alphabet and takes both alphabets: that is seen by what the bytes encode to.
    const same = (at: number) =>
      nativeSlice.call(bytes, at, Math.min(at + PIECE, bytes.length)) ===
      text.slice((at / 3) * 4, ((at + PIECE) / 3) * 4);
    for (let at = 0; at < bytes.length; at += PIECE) if (!same(at)) return false;
    return true;
  }
  if (setFromBase64 === undefined) return false;
  try {
    // It skips white space and padding, each of which leaves it short of a byte; anything else that is wrong it refuses.
    const { read, written } = setFromBase64.call(bytes, text, DECODING);
    return read === text.length && written === bytes.length && !hasPadBits(text);
  } catch {
    return false;
  }
}

/** True if the text is canonical base64url of exactly this many characters. */
export function isBase64url(text: string, length: number): boolean {
  return text.length === length && findFault(text) === undefined;
}

function findFault(text: string): string | undefined {
  if (!ONLY_ALPHABET.test(text)) return "a character outside the base64url alphabet";
  if (text.length % 4 === 1) return "a length that no bytes encode to";
  return hasPadBits(text) ? "pad bits that are not zero" : undefined;
}

function hasPadBits(text: string): boolean {
  const rest = text.length % 4;
  const padBits = rest === 2 ? 0b1111 : rest === 3 ? 0b11 : 0;
  return (valueAt(text, text.length - 1) & padBits) !== 0;
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
