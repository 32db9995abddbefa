/** Bytes that stand in a CBOR item as they are: for what no encoder writes. */
export class Raw {
  readonly bytes: Buffer;
  constructor(hex: string) {
    this.bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  }
}

export const raw = (hex: string): Raw => new Raw(hex);

/** A CBOR encoder for tests, independent of the sources: shortest forms; a Map may hold a key twice through `entries`. */
export function cbor(value: unknown): Buffer {
  if (value instanceof Raw) return value.bytes;
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (value instanceof Entries) return Buffer.concat([head(5, value.list.length), ...value.list.flat().map(cbor)]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  switch (typeof value) {
    case "string":
      return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
    case "number":
      if (!Number.isInteger(value)) return float64(value);
      return value < 0 ? head(1, -1 - value) : head(0, value);
    case "boolean":
      return Buffer.of(value ? 0xf5 : 0xf4);
    case "object":
      return value === null ? Buffer.of(0xf6) : cbor(new Entries(Object.entries(value)));
    default:
      throw new TypeError(`cbor: ${typeof value}`);
  }
}

/** A map as a list, so that names can be of any type and stand twice. */
export class Entries {
  readonly list: readonly (readonly [unknown, unknown])[];
  constructor(list: readonly (readonly [unknown, unknown])[]) {
    this.list = list;
  }
}

export function float64(value: number): Buffer {
  const out = Buffer.alloc(9, 0xfb);
  out.writeDoubleBE(value, 1);
  return out;
}

function head(major: number, n: number): Buffer {
  const size = n < 24 ? 0 : n < 0x100 ? 1 : n < 0x10000 ? 2 : n < 2 ** 32 ? 4 : 8;
  const out = Buffer.alloc(1 + size);
  out[0] = (major << 5) | (size === 0 ? n : 24 + Math.log2(size));
  if (size === 8) out.writeBigUInt64BE(BigInt(n), 1);
  else if (size > 0) out.writeUIntBE(n, 1, size);
  return out;
}
