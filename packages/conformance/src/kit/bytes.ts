// Building blocks of the vectors. This folder shares no code with packages/core: what it makes, core must agree with.
import { createHash } from "node:crypto";

export type Bytes = Uint8Array;

export const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");
export const hex = (bytes: Bytes): string => Buffer.from(bytes).toString("hex");
export const unhex = (text: string): Buffer => Buffer.from(text, "hex");
export const b64u = (bytes: Bytes): string => Buffer.from(bytes).toString("base64url");
export const unb64u = (text: string): Buffer => Buffer.from(text, "base64url");
export const json = (value: unknown): Buffer => utf8(typeof value === "string" ? value : JSON.stringify(value));
export const sha256 = (...parts: Bytes[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();

export const uint32 = (n: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(n);
  return out;
};

export const uint64 = (n: number | bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(n));
  return out;
};

/** lp(x) of the specification: four bytes of length, then x. */
export const lp = (x: Bytes): Buffer => Buffer.concat([uint32(x.length), x]);

/** The same bytes with one bit of the byte at `index` (negative: from the end) flipped. */
export function flip(bytes: Bytes, index = 0): Buffer {
  const out = Buffer.from(bytes);
  const at = index < 0 ? out.length + index : index;
  out[at] = (out[at] as number) ^ 1;
  return out;
}

/** 32 bytes that follow from a label: private keys and randomness of all vectors. */
export const labelled = (label: string): Buffer => sha256(utf8(`sealwire-vectors/1/${label}`));
