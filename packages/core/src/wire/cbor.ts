// Strict CBOR (RFC 8949): definite lengths, shortest heads, no tags. Frames and claims are written and read by this alone.
import { decodeUtf8, type Fail, utf8 } from "./bytes.ts";

/** RFC 8949 section 3.1. */
export const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

const FLOAT64 = 0xfb;
const SIMPLE = { false: 0xf4, true: 0xf5, null: 0xf6 } as const;
const TWO_32 = 2 ** 32;

/** Writes items one after the other; what is out of range is a mistake of the caller and a TypeError. */
export class CborWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `room`: bytes set aside at first. */
  constructor(room = 256) {
    this.#buffer = new Uint8Array(room);
    this.#view = new DataView(this.#buffer.buffer);
  }

  uint(value: number): this {
    return this.#head(MAJOR.uint, value);
  }

  int(value: number): this {
    return value < 0 ? this.#head(MAJOR.negative, -1 - value) : this.#head(MAJOR.uint, value);
  }

  bytes(value: Uint8Array): this {
    return this.#head(MAJOR.bytes, value.length).raw(value);
  }

  text(value: string): this {
    const encoded = utf8.encode(value);
    return this.#head(MAJOR.text, encoded.length).raw(encoded);
  }

  array(length: number): this {
    return this.#head(MAJOR.array, length);
  }

  map(length: number): this {
    return this.#head(MAJOR.map, length);
  }

  simple(value: boolean | null): this {
    const at = this.#grow(1);
    this.#buffer[at] = value === null ? SIMPLE.null : value ? SIMPLE.true : SIMPLE.false;
    return this;
  }

  float64(value: number): this {
    if (!Number.isFinite(value)) throw new TypeError("CBOR: not a finite number");
    const at = this.#grow(9);
    this.#buffer[at] = FLOAT64;
    this.#view.setFloat64(at + 1, value);
    return this;
  }

  /** Appends what is encoded already. */
  raw(encoded: Uint8Array): this {
    const at = this.#grow(encoded.length);
    this.#buffer.set(encoded, at);
    return this;
  }

  /** A copy of what has been written. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #head(major: number, value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError("CBOR: not an integer up to 2^53-1");
    const size = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : value < TWO_32 ? 4 : 8;
    const at = this.#grow(1 + size);
    this.#buffer[at] = (major << 5) | (size === 0 ? value : 24 + Math.log2(size));
    if (size === 1) this.#buffer[at + 1] = value;
    else if (size === 2) this.#view.setUint16(at + 1, value);
    else if (size === 4) this.#view.setUint32(at + 1, value);
    else if (size === 8) {
      this.#view.setUint32(at + 1, Math.floor(value / TWO_32));
      this.#view.setUint32(at + 5, value % TWO_32);
    }
    return this;
  }

  /** Answers with the offset at which `count` more bytes fit. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** Reads items one after the other, without copying; whatever is not strict goes to `fail`. */
export class CborReader {
  /** Offset of the next item. */
  position: number;
  readonly #input: Uint8Array;
  readonly #view: DataView;
  readonly #fail: Fail;

  constructor(input: Uint8Array, fail: Fail, position = 0) {
    this.#input = input;
    this.#view = new DataView(input.buffer, input.byteOffset, input.byteLength);
    this.#fail = fail;
    this.position = position;
  }

  /** Major type of the next item, which stays unread. */
  peek(): number {
    return this.#initial() >> 5;
  }

  uint(): number {
    return this.#head(MAJOR.uint);
  }

  /** An integer with |n| up to 2^53-1. */
  int(): number {
    if (this.peek() !== MAJOR.negative) return this.uint();
    const value = -1 - this.#head(MAJOR.negative);
    return Number.isSafeInteger(value) ? value : this.#refuse("integer beyond 2^53-1");
  }

  /** A view into the input. */
  bytes(): Uint8Array {
    return this.#take(this.#head(MAJOR.bytes));
  }

  text(): string {
    return decodeUtf8(this.textBytes(), this.#fail);
  }

  /** A text as a view into the input. Not checked: whether it is UTF-8. */
  textBytes(): Uint8Array {
    return this.#take(this.#head(MAJOR.text));
  }

  arrayHead(): number {
    return this.#count(this.#head(MAJOR.array), 1);
  }

  /** `longForm`: heads that are not the shortest pass too. */
  mapHead(longForm = false): number {
    return this.#count(this.#head(MAJOR.map, longForm), 2);
  }

  /** false, true or null, or a finite float64. */
  simpleOrFloat(): boolean | null | number {
    const initial = this.#initial();
    this.position++;
    if (initial === SIMPLE.false) return false;
    if (initial === SIMPLE.true) return true;
    if (initial === SIMPLE.null) return null;
    if (initial !== FLOAT64) return this.#refuse("value of a type that is not admitted");
    this.#need(8);
    const value = this.#view.getFloat64(this.position);
    this.position += 8;
    return Number.isFinite(value) ? value : this.#refuse("number that is not finite");
  }

  end(): void {
    if (this.position !== this.#input.length) this.#refuse("trailing bytes");
  }

  #initial(): number {
    return this.#input[this.position] ?? this.#refuse("input ends early");
  }

  #head(major: number, longForm = false): number {
    const initial = this.#initial();
    if (initial >> 5 !== major) return this.#refuse(`major type ${initial >> 5} instead of ${major}`);
    this.position++;
    const info = initial & 31;
    if (info < 24) return info;
    if (info > 27) return this.#refuse("indefinite length or reserved head");
    const size = 1 << (info - 24);
    this.#need(size);
    const at = this.position;
    this.position += size;
    const value =
      size === 1
        ? this.#view.getUint8(at)
        : size === 2
          ? this.#view.getUint16(at)
          : size === 4
            ? this.#view.getUint32(at)
            : this.#view.getUint32(at) * TWO_32 + this.#view.getUint32(at + 4);
    const least = size === 1 ? 24 : 2 ** (size * 4);
    if (value < least && !longForm) return this.#refuse("head that is not the shortest");
    return value <= Number.MAX_SAFE_INTEGER ? value : this.#refuse("integer beyond 2^53-1");
  }

  /** Refuses a count that the rest of the input cannot hold, before anyone allocates for it. */
  #count(count: number, bytesEach: number): number {
    this.#need(count * bytesEach);
    return count;
  }

  #take(length: number): Uint8Array {
    this.#need(length);
    const start = this.position;
    this.position += length;
    return this.#input.subarray(start, this.position);
  }

  #need(length: number): void {
    if (length > this.#input.length - this.position) this.#refuse("input ends early");
  }

  #refuse(what: string): never {
    return this.#fail(`${what}, at byte ${this.position}`);
  }
}
