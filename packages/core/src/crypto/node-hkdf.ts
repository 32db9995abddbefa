import { hash, type KeyObject } from "node:crypto";

// HKDF-Expand (RFC 5869 section 2.3) by one-shot hashes, as HMAC in node-hmac.ts. Here OpenSSL keeps the key: it is in this
// memory, which is outside of the heap, no longer than the turn that derives from it.

const HASH_BYTES = 32;
/** What SHA-256 works on at once. */
const BLOCK = 64;
const [INNER, OUTER] = [0x36, 0x5c];
/** Bytes that `info` has at most. */
const LONGEST = 1024;

/** The padded key, and what is hashed behind it: the block before, the info and a counter. */
const inner = Buffer.alloc(BLOCK + HASH_BYTES + LONGEST + 1, INNER);
/** The padded key, and the inner hash. */
const outer = Buffer.alloc(BLOCK + HASH_BYTES, OUTER);
/** Whose key stands there. */
let padded: KeyObject | undefined;
const thisTurn = Promise.resolve();

function pad(prk: KeyObject): void {
  if (padded === prk) return;
  if (padded === undefined) void thisTurn.then(overwrite);
  const raw = prk.export();
  padded = prk;
  for (let i = 0; i < HASH_BYTES; i++) {
    inner[i] = (raw[i] as number) ^ INNER;
    outer[i] = (raw[i] as number) ^ OUTER;
  }
  raw.fill(0);
}

function overwrite(): void {
  padded = undefined;
  inner.fill(INNER, 0, HASH_BYTES);
  outer.fill(OUTER, 0, HASH_BYTES);
}

/** Leaves block `n` to be hashed, of what `outer` holds then. `at`: where the info stands. */
function begin(at: number, info: Uint8Array, n: number): void {
  if (info.length > LONGEST) throw new RangeError("HKDF: info is too long");
  inner.set(info, at);
  inner[at + info.length] = n;
  // A character for each byte: it says nothing without the key.
  outer.write(hash("sha256", inner.subarray(0, at + info.length + 1), "binary"), BLOCK, "latin1");
}

/** A key of 32 bytes, for the caller to overwrite. */
export function expandKey(prk: KeyObject, info: Uint8Array): Buffer {
  pad(prk);
  begin(BLOCK, info, 1);
  return hash("sha256", outer, "buffer");
}

/** Others than 32 bytes are no secret here: what they pass through is a string, which nobody can overwrite. */
export function expand(prk: KeyObject, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * HASH_BYTES) throw new RangeError("HKDF-SHA-256 gives up to 8160 bytes");
  // Also the secret of a session for a store.
  if (length === HASH_BYTES) {
    const { buffer, byteOffset } = expandKey(prk, info);
    return new Uint8Array(buffer, byteOffset, length);
  }
  pad(prk);
  const okm = new Uint8Array(length);
  for (let at = 0, n = 1; at < length; at += HASH_BYTES, n++) {
    begin(n === 1 ? BLOCK : BLOCK + HASH_BYTES, info, n);
    const block = hash("sha256", outer, "binary");
    if (at + HASH_BYTES < length) inner.write(block, BLOCK, "latin1");
    for (let i = 0; i < HASH_BYTES && at + i < length; i++) okm[at + i] = block.charCodeAt(i);
  }
  return okm;
}
