// Strict CBOR (RFC 8949): definite lengths, shortest heads, no tags. Frames and claims are written and read by this alone.
import { decodeUtf8, type Fail, utf8 } from "./bytes.ts";

/** RFC 8949 section 3.1. */
export const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

const FLOAT64 = 0xfb;
const SIMPLE = { false: 0xf4, true: 0xf5, null: 0xf6 } as const;
const TWO_32 = 2 ** 32;
/** Least argument of a head of 1, 2, 4 and 8 bytes that is the shortest. */
const LEAST = [24, 0x100, 0x10000, TWO_32] as const;
const FLOAT_BYTES = new Uint8Array(8);
const FLOAT = new DataView(FLOAT_BYTES.buffer);
/** Bytes of the head of an array of less than 65,536 items, at most. */
const HEAD_ROOM = 3;
/** Head of a text of three bytes. */
const THREE = 0x63;
/** Up to here a loop over the characters costs less than the call of a TextEncoder or TextDecoder. */
const SHORT_TEXT = 16;

/** Bounded, whatever peers send. Of no use to anyone but the engine: equal strings are the same string already. */
const KEYS: string[] = new Array(256).fill("");

/** Bytes of the shortest head for this argument. */
export function headSize(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : argument < TWO_32 ? 5 : 9;
}

/** Writes items one after the other; what is out of range is a mistake of the caller and a TypeError. */
export class CborWriter {
  #buffer: Uint8Array;
  #length = 0;

  /** `room`: where to write, or how many bytes to set aside. What does not fit goes into memory of its own. */
  constructor(room: Uint8Array | number = 256) {
    this.#buffer = typeof room === "number" ? new Uint8Array(room) : room;
  }

  uint(value: number): this {
    return this.#head(MAJOR.uint, value);
  }

  int(value: number): this {
    return value < 0 ? this.#head(MAJOR.negative, -1 - value) : this.#head(MAJOR.uint, value);
  }

  bytes(value: Uint8Array): this {
    return this.bytesHead(value.length).raw(value);
  }

  /** The bytes themselves follow elsewhere. */
  bytesHead(length: number): this {
    return this.#head(MAJOR.bytes, length);
  }

  text(value: string): this {
    const start = this.#length;
    if (value.length <= SHORT_TEXT) {
      this.#head(MAJOR.text, value.length);
      if (this.#ascii(value)) return this;
      this.#length = start;
    }
    const encoded = utf8.encode(value);
    return this.#head(MAJOR.text, encoded.length).raw(encoded);
  }

  array(length: number): this {
    return this.#head(MAJOR.array, length);
  }

  map(length: number): this {
    return this.#head(MAJOR.map, length);
  }

  /** A text of three ASCII characters, as the number that `three` of the reader makes of it. */
  three(code: number): this {
    const at = this.#grow(4);
    const buffer = this.#buffer;
    buffer[at] = THREE;
    buffer[at + 1] = code >> 16;
    buffer[at + 2] = code >> 8;
    buffer[at + 3] = code;
    return this;
  }

  simple(value: boolean | null): this {
    const at = this.#grow(1);
    this.#buffer[at] = value === null ? SIMPLE.null : value ? SIMPLE.true : SIMPLE.false;
    return this;
  }

  /** Appends what is encoded already. */
  raw(encoded: Uint8Array): this {
    const at = this.#grow(encoded.length);
    this.#buffer.set(encoded, at);
    return this;
  }

  /** What has been written: a view, of memory that nobody else writes to. */
  finish(): Uint8Array {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Takes back what was written last, down to `length` bytes. */
  rewind(length: number): void {
    this.#length = length;
  }

  /** Sets room aside for the head of an array of less than 65,536 items, which `finishArray` writes. */
  openArray(): this {
    this.#grow(HEAD_ROOM);
    return this;
  }

  /** What has been written, where `openArray` was called at the offset `at` and `count` items have followed. */
  finishArray(at: number, count: number): Uint8Array {
    const unused = HEAD_ROOM - headSize(count);
    this.#buffer.copyWithin(unused, 0, at);
    const end = this.#length;
    this.#length = at + unused;
    this.array(count);
    this.#length = end;
    return this.#buffer.subarray(unused, end);
  }

  /** False where the text has another character. */
  #ascii(value: string): boolean {
    const at = this.#grow(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      this.#buffer[at + i] = code;
    }
    return true;
  }

  #head(major: number, value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError("CBOR: not an integer up to 2^53-1");
    const initial = major << 5;
    if (value < 24) {
      const at = this.#grow(1);
      this.#buffer[at] = initial | value;
    } else if (value < 0x100) this.#argument(initial | 24, 1, value);
    else if (value < 0x10000) this.#argument(initial | 25, 2, value);
    else if (value < TWO_32) this.#argument(initial | 26, 4, value);
    else {
      this.#argument(initial | 27, 4, Math.floor(value / TWO_32));
      const at = this.#grow(4);
      this.#bigEndian(at, 4, value % TWO_32);
    }
    return this;
  }

  #argument(initial: number, size: number, value: number): void {
    const at = this.#grow(1 + size);
    this.#buffer[at] = initial;
    this.#bigEndian(at + 1, size, value);
  }

  #bigEndian(at: number, size: number, value: number): void {
    for (let i = size - 1, rest = value; i >= 0; i--, rest >>>= 8) this.#buffer[at + i] = rest;
  }

  /** Answers with the offset at which `count` more bytes fit. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    return at;
  }
}

/** Reads items one after the other, without copying; whatever is not strict goes to `fail`. */
export class CborReader {
  /** Offset of the next item. */
  position: number;
  readonly #input: Uint8Array;
  readonly #fail: Fail;

  constructor(input: Uint8Array, fail: Fail, position = 0) {
    this.#input = input;
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
    return Number.isSafeInteger(value) ? value : this.refuse("integer beyond 2^53-1");
  }

  /** Length of bytes that follow. */
  bytesHead(): number {
    return this.#head(MAJOR.bytes);
  }

  /** A view into the input. */
  bytes(): Uint8Array {
    return this.#take(this.#head(MAJOR.bytes));
  }

  text(): string {
    const length = this.#head(MAJOR.text);
    this.#need(length);
    const short = length <= SHORT_TEXT ? this.#ascii(this.position + length) : undefined;
    return short ?? decodeUtf8(this.#take(length), this.#fail);
  }

  /** A text as it stands in KEYS, where it is short: member names come again and again, and one string serves them all. */
  key(): string {
    const bytes = this.#input;
    const start = this.position + 1;
    const length = this.#initial() - 0x60;
    if (length < 1 || length > SHORT_TEXT || start + length > bytes.length) return this.text();
    let hash = length;
    for (let i = 0; i < length; i++) hash = (hash * 31 + (bytes[start + i] as number)) | 0;
    const slot = hash & (KEYS.length - 1);
    const known = KEYS[slot] as string;
    if (known.length === length) {
      let i = 0;
      while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
      if (i === length) {
        this.position = start + length;
        return known;
      }
    }
    const text = this.text();
    // Another length: it is not ASCII.
    if (text.length === length) KEYS[slot] = text;
    return text;
  }

  /** A text of three ASCII characters as one number, the first one highest; 0 for any other item, which stays unread. */
  three(): number {
    const at = this.position;
    const bytes = this.#input;
    if (bytes[at] !== THREE || at + 4 > bytes.length) return 0;
    const code = ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    if (code & 0x808080) return 0;
    this.position = at + 4;
    return code;
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
    if (initial !== FLOAT64) return this.refuse("value of a type that is not admitted");
    this.#need(8);
    for (let i = 0; i < 8; i++) FLOAT_BYTES[i] = this.#input[this.position++] as number;
    const value = FLOAT.getFloat64(0);
    return Number.isFinite(value) ? value : this.refuse("number that is not finite");
  }

  end(): void {
    if (this.position !== this.#input.length) this.refuse("trailing bytes");
  }

  refuse(what: string): never {
    return this.#fail(`${what}, at byte ${this.position}`);
  }

  /** The text from here to `end`, if all of it is ASCII; otherwise it stays unread. */
  #ascii(end: number): string | undefined {
    const bytes = this.#input;
    let text = "";
    let seen = 0;
    let at = this.position;
    for (; at + 4 <= end; at += 4) {
      const a = bytes[at] as number;
      const b = bytes[at + 1] as number;
      const c = bytes[at + 2] as number;
      const d = bytes[at + 3] as number;
      seen |= a | b | c | d;
      text += String.fromCharCode(a, b, c, d);
    }
    for (; at < end; at++) {
      const a = bytes[at] as number;
      seen |= a;
      text += String.fromCharCode(a);
    }
    if (seen > 0x7f) return undefined;
    this.position = end;
    return text;
  }

  #initial(): number {
    return this.#input[this.position] ?? this.refuse("input ends early");
  }

  #head(major: number, longForm = false): number {
    const initial = this.#initial();
    if (initial >> 5 !== major) return this.refuse(`major type ${initial >> 5} instead of ${major}`);
    this.position++;
    const info = initial & 31;
    if (info < 24) return info;
    if (info > 27) return this.refuse("indefinite length or reserved head");
    const size = 1 << (info - 24);
    this.#need(size);
    let value = 0;
    // Not by bit operators, which end at 32 bits. What is beyond 2^53 loses bits and is refused all the same.
    for (const end = this.position + size; this.position < end; this.position++)
      value = value * 0x100 + (this.#input[this.position] as number);
    if (value < (LEAST[info - 24] as number) && !longForm) return this.refuse("head that is not the shortest");
    return value <= Number.MAX_SAFE_INTEGER ? value : this.refuse("integer beyond 2^53-1");
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
    if (length > this.#input.length - this.position) this.refuse("input ends early");
  }
}
