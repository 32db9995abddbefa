// A CBOR writer for what Sealwire uses, in shortest form (RFC 8949 section 4.2.1), and heads for what it must refuse.
import { type Bytes, utf8 } from "./bytes.ts";

/** A value whose encoding is given: what an honest encoder would not write. */
export class Raw {
  readonly bytes: Bytes;
  constructor(bytes: Bytes) {
    this.bytes = bytes;
  }
}

/** A head with an argument of `width` bytes (0: in the head itself); by default the shortest. */
export function head(major: number, n: number | bigint, width?: 0 | 1 | 2 | 4 | 8): Buffer {
  const value = BigInt(n);
  const size = width ?? (value < 24n ? 0 : value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8);
  if (size === 0) return Buffer.of((major << 5) | Number(value));
  const argument = Buffer.alloc(8);
  argument.writeBigUInt64BE(value);
  const info = { 1: 24, 2: 25, 4: 26, 8: 27 }[size];
  return Buffer.concat([Buffer.of((major << 5) | info), argument.subarray(8 - size)]);
}

export function float64(n: number): Buffer {
  const out = Buffer.alloc(9, 0xfb);
  out.writeDoubleBE(n, 1);
  return out;
}

/** Maps keep the order of their members, and members that are undefined are left out. */
export function cbor(value: unknown): Buffer {
  if (value instanceof Raw) return Buffer.from(value.bytes);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (value === null) return Buffer.of(0xf6);
  if (typeof value === "boolean") return Buffer.of(value ? 0xf5 : 0xf4);
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return float64(value);
    return value < 0 ? head(1, BigInt(-1) - BigInt(value)) : head(0, value === 0 ? 0 : value);
  }
  if (typeof value === "string") return Buffer.concat([head(3, utf8(value).length), utf8(value)]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const members = Object.entries(value as object).filter(([, v]) => v !== undefined);
  return Buffer.concat([head(5, members.length), ...members.flatMap(([k, v]) => [cbor(k), cbor(v)])]);
}
