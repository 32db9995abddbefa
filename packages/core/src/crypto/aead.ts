import { SealwireError } from "../errors.ts";
import { isPromise, type Maybe } from "../maybe.ts";
import { passing } from "../wire/memory.ts";
import type { AeadKey, Apart, Awaiting, Nonces } from "./backend.ts";

export const IV_BYTES = 12;
const TWO_32 = 2 ** 32;

/**
 * The static IV of one direction under one key. Kept as three words: a session that is idle holds no buffer for it, and
 * nobody can change it.
 */
export class StaticIv implements Nonces {
  readonly #first: number;
  readonly #high: number;
  readonly #low: number;

  constructor(bytes: Uint8Array) {
    if (bytes.length !== IV_BYTES) throw new TypeError("A static IV of A256GCM has 12 bytes.");
    [this.#first, this.#high, this.#low] = [wordOf(bytes, 0), wordOf(bytes, 4), wordOf(bytes, 8)];
  }

  /** `iv XOR (0x00000000 || uint64_be(seq))`, as TLS 1.3 (RFC 8446 section 5.3) and OSCORE do it. */
  nonce(seq: number): Uint8Array {
    // Memory outside the heap: node:crypto has the engine move there what is not, and a piece of a block is there already.
    return this.write(seq, passing.cut(IV_BYTES));
  }

  /** Writes `nonce` to these 12 bytes. */
  write(seq: number, iv: Uint8Array): Uint8Array {
    writeWord(iv, 0, this.#first);
    // Bit operators work on 32 bits; seq has up to 53.
    writeWord(iv, 4, this.#high ^ Math.floor(seq / TWO_32));
    writeWord(iv, 8, this.#low ^ seq);
    return iv;
  }

  /**
   * The inverse of `nonce`.
   *
   * @throws SealwireError `E_IV` if no sequence number gives this IV
   */
  seqOf(iv: Uint8Array): number {
    if (iv.length !== IV_BYTES) throw new SealwireError("E_IV", { detail: "not 12 bytes" });
    if (wordOf(iv, 0) !== this.#first)
      throw new SealwireError("E_IV", { detail: "not the IV of this direction and epoch" });
    const [high, low] = [(wordOf(iv, 4) ^ this.#high) >>> 0, (wordOf(iv, 8) ^ this.#low) >>> 0];
    const seq = high * TWO_32 + low;
    if (!Number.isSafeInteger(seq)) throw new SealwireError("E_IV", { detail: "sequence number above 2^53 - 1" });
    return seq;
  }
}

/** Big endian, signed: what the engine keeps without a box. */
function wordOf(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return (a << 24) | (b << 16) | (c << 8) | d;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

/** `StaticIv.nonce`, for an IV that is used once. */
export function nonce(staticIv: Uint8Array, seq: number): Uint8Array {
  return new StaticIv(staticIv).nonce(seq);
}

/** `StaticIv.seqOf`, for an IV that is used once. */
export function seqOfNonce(staticIv: Uint8Array, iv: Uint8Array): number {
  return new StaticIv(staticIv).seqOf(iv);
}

type Then<T> = (bytes: Uint8Array) => Maybe<T>;

/** Seals under one key, each sequence number at most once: the same (key, nonce) twice would break AES-GCM. */
export class AeadSealer {
  readonly #key: AeadKey;
  readonly #iv: StaticIv;
  #next = 0;

  constructor(key: AeadKey, iv: StaticIv) {
    this.#key = key;
    this.#iv = iv;
  }

  /**
   * What `then` makes of ciphertext and tag behind `room` bytes for it to write. Where the cipher answers later this takes no
   * promise more.
   *
   * @throws SealwireError `E_INTERNAL` for a seq that was used or passed over, and where the cipher fails
   */
  seal<T>(seq: number, aad: Uint8Array, plaintext: Uint8Array, room: number, then: Then<T>): Maybe<T> {
    this.#use(seq);
    const key = this.#key;
    let sealed: Maybe<Uint8Array>;
    try {
      if (key.sealLater !== undefined)
        return key.sealLater(this.#iv, seq, aad, plaintext, room, { ended: then, failed: notSealed });
      sealed = key.seal(this.#iv.nonce(seq), aad, plaintext, room);
    } catch (cause) {
      return notSealed(cause);
    }
    return isPromise(sealed) ? sealed.then(then, notSealed) : then(sealed);
  }

  /** As `seal`, without a function. Undefined where the cipher answers later, and nothing was done. */
  sealNow(seq: number, aad: Uint8Array, plaintext: Uint8Array, room: number): Uint8Array | undefined {
    const key = this.#key;
    if (key.sealNow === undefined) return undefined;
    this.#use(seq);
    try {
      return key.sealNow(this.#iv, seq, aad, plaintext, room);
    } catch (cause) {
      return notSealed(cause);
    }
  }

  /** As `seal`, by the cipher's own promise alone. Undefined where the cipher has none, and nothing was done. */
  begin<T>(seq: number, aad: Uint8Array, plaintext: Uint8Array, room: number, to: Awaiting<T>): Promise<T> | undefined {
    const key = this.#key;
    if (key.sealLater === undefined) return undefined;
    this.#use(seq);
    return key.sealLater(this.#iv, seq, aad, plaintext, room, to);
  }

  get answersLater(): boolean {
    return this.#key.sealLater !== undefined;
  }

  #use(seq: number): void {
    if (!Number.isSafeInteger(seq) || seq < this.#next) {
      throw new SealwireError("E_INTERNAL", { detail: `sealing with seq ${seq} where the next is ${this.#next}` });
    }
    // Before the cipher runs: a seq whose sealing failed is used up as well.
    this.#next = seq + 1;
  }
}

/** Opens under one key. Replay and order are the caller's matter: they are decided before the cipher runs. */
export class AeadOpener {
  readonly #key: AeadKey;
  readonly #iv: StaticIv;

  constructor(key: AeadKey, iv: StaticIv) {
    this.#key = key;
    this.#iv = iv;
  }

  /**
   * What `then` makes of the text.
   *
   * @throws SealwireError `E_CRYPTO` for whatever reason it fails, without telling which
   */
  open<T>(seq: number, aad: Uint8Array, data: Uint8Array, then: Then<T>): Maybe<T> {
    const key = this.#key;
    let text: Maybe<Uint8Array>;
    try {
      if (key.openLater !== undefined)
        return key.openLater(this.#iv, seq, aad, data, { ended: then, failed: notOpened });
      text = key.open(this.#iv.nonce(seq), aad, data);
    } catch (cause) {
      return notOpened(cause);
    }
    return isPromise(text) ? text.then(then, notOpened) : then(text);
  }

  /** As `open`, without a function. Undefined where the cipher answers later, and nothing was done. */
  openNow(seq: number, aad: Uint8Array, data: Uint8Array): Uint8Array | undefined {
    try {
      return this.#key.openNow?.(this.#iv, seq, aad, data);
    } catch (cause) {
      return notOpened(cause);
    }
  }

  /** As `open`, by the cipher's own promise alone. False where the cipher has none, and nothing was done. */
  begin(seq: number, aad: Uint8Array, data: Uint8Array, to: Awaiting<void>): boolean {
    const key = this.#key;
    if (key.openLater === undefined) return false;
    void key.openLater(this.#iv, seq, aad, data, to);
    return true;
  }

  /** As `open`, in two (see `AeadKey`). Undefined where the cipher cannot do that. */
  openApart(seq: number, aad: Uint8Array, data: Uint8Array, at: number): Apart | undefined {
    try {
      return this.#key.openApart?.(this.#iv.nonce(seq), aad, data, at);
    } catch (cause) {
      return notOpened(cause);
    }
  }
}

function notSealed(cause: unknown): never {
  throw new SealwireError("E_INTERNAL", { detail: "sealing failed", cause });
}

function notOpened(cause: unknown): never {
  throw new SealwireError("E_CRYPTO", { cause });
}
