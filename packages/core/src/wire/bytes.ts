import { passing } from "./memory.ts";

/** Refuses the input: throws the error of the step that reads it. `detail` names a position or a rule, never content. */
export type Fail = (detail: string) => never;

const encoder = new TextEncoder();
// ignoreBOM keeps a byte order mark in the result, so that what is parsed is what was hashed.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8: { encode(text: string): Uint8Array } = {
  encode: (text) => encoder.encode(text),
};

/** Valid UTF-8 only; a byte order mark stays visible. */
export function decodeUtf8(bytes: Uint8Array, fail: Fail): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return fail("invalid UTF-8");
  }
}

/** The bytes of a text that is known to be ASCII, such as compact JOSE. */
export function ascii(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * As `utf8`, for what is needed no longer than one message is under way: a TextEncoder makes memory of its own each time. A
 * text with other characters than ASCII has its own.
 */
export function passingUtf8(text: string): Uint8Array {
  const bytes = passing.cut(text.length);
  return encoder.encodeInto(text, bytes).read === text.length ? bytes : encoder.encode(text);
}

/** Bytes, and behind them those of a text that is known to be ASCII: its own would be memory for one more copy. */
export function followedBy(start: Uint8Array, text: string): Uint8Array {
  const whole = new Uint8Array(start.length + text.length);
  whole.set(start);
  encoder.encodeInto(text, whole.subarray(start.length));
  return whole;
}

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** ASCII to a string. Anything else is some character outside the compact alphabet, which the decoder after it refuses. */
export function compactText(bytes: Uint8Array): string {
  return lenient.decode(bytes);
}

const LONE_SURROGATE = /\p{Surrogate}/u;
// Six times as fast as the expression on long texts; browsers before 2023 do without.
const native = (String.prototype as { isWellFormed?: () => boolean }).isWellFormed;

/** False if the text holds a lone surrogate, which no UTF-8 can carry. */
export function isWellFormed(text: string): boolean {
  return native ? native.call(text) : !LONE_SURROGATE.test(text);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Writes four bytes, big endian. A view for it has the engine move a short array out of its heap. */
export function writeUint32(bytes: Uint8Array, at: number, n: number): void {
  bytes[at] = n >>> 24;
  bytes[at + 1] = n >>> 16;
  bytes[at + 2] = n >>> 8;
  bytes[at + 3] = n;
}

/** Four bytes, big endian. */
export function uint32(n: number): Uint8Array {
  const out = new Uint8Array(4);
  writeUint32(out, 0, n);
  return out;
}

/** lp(x): the length of x in four bytes, then x; makes a concatenation injective. */
export const lengthPrefixed = (x: Uint8Array): Uint8Array => concat(uint32(x.length), x);

/** Byte equality of public values. Not constant time: tags and MACs are compared by the crypto backend. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
