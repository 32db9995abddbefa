import { toHex, toText } from "./bytes.ts";

/** Reads claims of the codec `cbor` for display. They are this page's own and were checked by the SDK before. */
export function readClaims(bytes: Uint8Array): unknown {
  return new Reader(bytes).value();
}

class Reader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(): unknown {
    const first = this.#view.getUint8(this.#at);
    if (first === 0xfb) {
      this.#at += 9;
      return this.#view.getFloat64(this.#at - 8);
    }
    const major = first >> 5;
    const n = this.#head();
    if (major === 0) return n;
    if (major === 1) return -1 - n;
    if (major === 2) return `(${n} bytes: ${toHex(this.#take(n).subarray(0, 24))}${n > 24 ? "…" : ""})`;
    if (major === 3) return toText(this.#take(n));
    if (major === 4) return Array.from({ length: n }, () => this.value());
    if (major === 5) return Object.fromEntries(Array.from({ length: n }, () => [String(this.value()), this.value()]));
    return { 20: false, 21: true, 22: null }[n];
  }

  #head(): number {
    const info = this.#view.getUint8(this.#at++) & 0x1f;
    if (info < 24) return info;
    const size = 2 ** (info - 24);
    const at = this.#at;
    this.#at += size;
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at);
    if (size === 4) return this.#view.getUint32(at);
    return Number(this.#view.getBigUint64(at));
  }

  #take(n: number): Uint8Array {
    this.#at += n;
    return this.#bytes.subarray(this.#at - n, this.#at);
  }
}
