import { SealwireError } from "../errors.ts";
import type { Maybe } from "../maybe.ts";
import type { AeadKey } from "./backend.ts";

const IV_BYTES = 12;
const TWO_32 = 2 ** 32;

/** `staticIv XOR (0x00000000 || uint64_be(seq))`, as TLS 1.3 (RFC 8446 section 5.3) and OSCORE do it. */
export function nonce(staticIv: Uint8Array, seq: number): Uint8Array {
  // Not slice(): that of a Buffer is a view.
  const iv = new Uint8Array(staticIv);
  // Bit operators work on 32 bits; seq has up to 53.
  const high = Math.floor(seq / TWO_32);
  for (let i = 0; i < 4; i++) {
    iv[7 - i] = (iv[7 - i] as number) ^ (high >>> (8 * i));
    iv[11 - i] = (iv[11 - i] as number) ^ (seq >>> (8 * i));
  }
  return iv;
}

/**
 * The inverse of `nonce`.
 *
 * @throws SealwireError `E_IV` if no sequence number gives this IV
 */
export function seqOfNonce(staticIv: Uint8Array, iv: Uint8Array): number {
  if (iv.length !== IV_BYTES) throw new SealwireError("E_IV", { detail: "not 12 bytes" });
  const word = (at: number): number => (viewOf(iv).getUint32(at) ^ viewOf(staticIv).getUint32(at)) >>> 0;
  if (word(0) !== 0) throw new SealwireError("E_IV", { detail: "not the IV of this direction and epoch" });
  const seq = word(4) * TWO_32 + word(8);
  if (!Number.isSafeInteger(seq)) throw new SealwireError("E_IV", { detail: "sequence number above 2^53 - 1" });
  return seq;
}

/** Seals under one key, each sequence number at most once: the same (key, nonce) twice would break AES-GCM. */
export class AeadSealer {
  readonly #key: AeadKey;
  readonly #staticIv: Uint8Array;
  #next = 0;

  constructor(key: AeadKey, staticIv: Uint8Array) {
    this.#key = key;
    this.#staticIv = checkedStaticIv(staticIv);
  }

  /**
   * Ciphertext and tag behind `room` bytes for the caller to write.
   *
   * @throws SealwireError `E_INTERNAL` for a seq that was used or passed over, and where the cipher fails
   */
  seal(seq: number, aad: Uint8Array, plaintext: Uint8Array, room?: number): Maybe<Uint8Array> {
    if (!Number.isSafeInteger(seq) || seq < this.#next) {
      throw new SealwireError("E_INTERNAL", { detail: `sealing with seq ${seq} where the next is ${this.#next}` });
    }
    // Before the cipher runs: a seq whose sealing failed is used up as well.
    this.#next = seq + 1;
    try {
      const sealed = this.#key.seal(nonce(this.#staticIv, seq), aad, plaintext, room);
      return sealed instanceof Promise ? sealed.catch(notSealed) : sealed;
    } catch (cause) {
      return notSealed(cause);
    }
  }
}

/** Opens under one key. Replay and order are the caller's matter: they are decided before the cipher runs. */
export class AeadOpener {
  readonly #key: AeadKey;
  readonly #staticIv: Uint8Array;

  constructor(key: AeadKey, staticIv: Uint8Array) {
    this.#key = key;
    this.#staticIv = checkedStaticIv(staticIv);
  }

  /** @throws SealwireError `E_CRYPTO` for whatever reason it fails, without telling which */
  open(seq: number, aad: Uint8Array, data: Uint8Array): Maybe<Uint8Array> {
    try {
      const text = this.#key.open(nonce(this.#staticIv, seq), aad, data);
      return text instanceof Promise ? text.catch(notOpened) : text;
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

/** A copy: nobody else may change it. */
function checkedStaticIv(staticIv: Uint8Array): Uint8Array {
  if (staticIv.length !== IV_BYTES) throw new TypeError("A static IV of A256GCM has 12 bytes.");
  return new Uint8Array(staticIv);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
