/** One item of a binary frame, and where it stands, so that an attack can change exactly this item. */
export type Item =
  | { readonly kind: "uint"; readonly value: number; readonly start: number; readonly end: number }
  | {
      readonly kind: "bytes";
      readonly value: Uint8Array;
      readonly size: number;
      readonly start: number;
      readonly end: number;
    };

/**
 * Reads the array of a binary frame (CBOR, only uints and byte strings) as far as the bytes reach: the relay keeps only
 * the first part of large frames. `undefined` where it is no such array at all.
 */
export function readFrame(bytes: Uint8Array): Item[] | undefined {
  const head = readHead(bytes, 0);
  if (head?.major !== 4) return undefined;
  const items: Item[] = [];
  let at = head.end;
  for (let i = 0; i < head.value; i++) {
    const item = readHead(bytes, at);
    if (!item) break;
    if (item.major === 0) {
      items.push({ kind: "uint", value: item.value, start: at, end: item.end });
      at = item.end;
    } else if (item.major === 2) {
      const end = item.end + item.value;
      items.push({ kind: "bytes", value: bytes.subarray(item.end, end), size: item.value, start: at, end });
      at = end;
    } else return undefined;
  }
  return items;
}

/** The head of a uint (major type 0) or byte string (2), in shortest form. */
export function writeHead(major: 0 | 2, value: number): number[] {
  const top = major << 5;
  if (value < 24) return [top | value];
  if (value < 0x100) return [top | 24, value];
  if (value < 0x10000) return [top | 25, value >> 8, value & 0xff];
  return [top | 26, (value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function readHead(bytes: Uint8Array, at: number): { major: number; value: number; end: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const major = first >> 5;
  const info = first & 0x1f;
  if (info < 24) return { major, value: info, end: at + 1 };
  if (info > 27) return undefined;
  const length = 2 ** (info - 24);
  if (at + 1 + length > bytes.length) return undefined;
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + bytes[at + 1 + i]!;
  return { major, value, end: at + 1 + length };
}
