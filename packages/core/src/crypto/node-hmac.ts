import { createHash, hash, timingSafeEqual } from "node:crypto";
import type { MacKey } from "./backend.ts";

// HMAC (RFC 2104) by one-shot hashes. An object of createHmac costs more than the hashing of a short message.

export const MAC_BYTES = 32;
/** What SHA-256 works on at once. */
const BLOCK = 64;
const [INNER, OUTER] = [0x36363636, 0x5c5c5c5c];
/** What is longer is hashed where it stands: to copy it costs more than another object. */
const LONGEST = 8192;

/** The padded key, and the message behind it. */
const inner = Buffer.alloc(LONGEST, 0x36);
const innerKey = new Int32Array(inner.buffer, 0, MAC_BYTES / 4);
/** The padded key, and the hash of the inner message. */
const outer = Buffer.alloc(BLOCK + MAC_BYTES, 0x5c);
const outerKey = new Int32Array(outer.buffer, 0, MAC_BYTES / 4);
/** What a tag is compared with. */
const computed = new Uint8Array(MAC_BYTES);

/**
 * A key of 32 bytes, as eight words: a session that is idle holds neither a buffer nor an object of OpenSSL for it. They are
 * in the order of this machine, which reads them as it wrote them.
 */
export class NodeMac implements MacKey {
  readonly #a: number;
  readonly #b: number;
  readonly #c: number;
  readonly #d: number;
  readonly #e: number;
  readonly #f: number;
  readonly #g: number;
  readonly #h: number;

  /** `raw` is the caller's to overwrite. */
  constructor(raw: Uint8Array) {
    if (raw.length !== MAC_BYTES) throw new TypeError("A key of HMAC-SHA-256 has 32 bytes here.");
    inner.set(raw);
    // No array in between, whose elements would be one more copy of the key.
    this.#a = innerKey[0] as number;
    this.#b = innerKey[1] as number;
    this.#c = innerKey[2] as number;
    this.#d = innerKey[3] as number;
    this.#e = innerKey[4] as number;
    this.#f = innerKey[5] as number;
    this.#g = innerKey[6] as number;
    this.#h = innerKey[7] as number;
    innerKey.fill(0);
  }

  sign(data: Uint8Array, text = ""): Uint8Array {
    this.begin(data, text);
    return bytesOf(finish());
  }

  verify(data: Uint8Array, tag: Uint8Array, text = ""): boolean {
    if (tag.length !== MAC_BYTES) return false;
    this.begin(data, text);
    return timingSafeEqual(write(computed, finish()), tag);
  }

  /** Up to the hash that is left to do, of what `outer` holds then. */
  private begin(data: Uint8Array, text: string): void {
    this.pad(innerKey, INNER);
    const length = BLOCK + data.length + text.length;
    write(outer, length <= LONGEST ? hashed(data, text, length) : hashedInPlace(data, text), BLOCK);
    this.pad(outerKey, OUTER);
  }

  private pad(words: Int32Array, pad: number): void {
    words[0] = this.#a ^ pad;
    words[1] = this.#b ^ pad;
    words[2] = this.#c ^ pad;
    words[3] = this.#d ^ pad;
    words[4] = this.#e ^ pad;
    words[5] = this.#f ^ pad;
    words[6] = this.#g ^ pad;
    words[7] = this.#h ^ pad;
  }
}

/** A character for each byte: a Buffer has memory outside the heap, which costs more than the hashing of a short message. */
const finish = (): string => hash("sha256", outer, "binary");

function hashed(data: Uint8Array, text: string, length: number): string {
  inner.set(data, BLOCK);
  if (text !== "") inner.write(text, BLOCK + data.length, "latin1");
  return hash("sha256", inner.subarray(0, length), "binary");
}

function hashedInPlace(data: Uint8Array, text: string): string {
  return createHash("sha256").update(inner.subarray(0, BLOCK)).update(data).update(text, "latin1").digest("binary");
}

export const sha256 = (data: Uint8Array): Uint8Array => bytesOf(hash("sha256", data, "binary"));

const bytesOf = (digest: string): Uint8Array => write(new Uint8Array(digest.length), digest);

function write(bytes: Uint8Array, digest: string, at = 0): Uint8Array {
  for (let i = 0; i < digest.length; i++) bytes[at + i] = digest.charCodeAt(i);
  return bytes;
}
