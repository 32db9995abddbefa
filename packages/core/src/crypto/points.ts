// Public points are checked here before any library sees them: WebKit imports P-256 points that are off the curve and
// derives from them, and lets small-order X25519 points through (invalid-curve attack). No secret is involved, so that
// BigInt, which is not constant time, is good enough.

// FIPS 186-5 / SEC 2: y² = x³ - 3x + b over GF(p).
const P256_P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

const P25519 = 2n ** 255n - 19n;
/** Bit 255 of an encoding: ignored in a u-coordinate (RFC 7748 section 5), the sign of x in Ed25519 (RFC 8032 section 5.1.2). */
const LOW_255_BITS = 2n ** 255n - 1n;

/** u-coordinates of order 1, 2, 4 and 8 on the curve and on its twist, reduced mod p: p and p + 1 are 0 and 1 again. */
const X25519_SMALL_ORDER: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
  P25519 - 1n,
]);

/** y-coordinates of order 1, 2, 4 and 8; either sign of x. */
const ED25519_SMALL_ORDER: ReadonlySet<bigint> = new Set([
  1n,
  P25519 - 1n,
  0n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/** True for coordinates of 32 bytes each, below p, of a point on P-256. The point at infinity has no coordinates. */
export function validateP256(x: Uint8Array, y: Uint8Array): boolean {
  if (x.length !== 32 || y.length !== 32) return false;
  const [bx, by] = [bigEndian(x), bigEndian(y)];
  if (bx >= P256_P || by >= P256_P) return false;
  return (by * by - (bx * bx - 3n) * bx - P256_B) % P256_P === 0n;
}

/** True for 32 bytes that are none of the small-order points. Other non-canonical encodings pass (RFC 7748 section 5). */
export function validateX25519(u: Uint8Array): boolean {
  return u.length === 32 && !X25519_SMALL_ORDER.has((littleEndian(u) & LOW_255_BITS) % P25519);
}

/**
 * True for 32 bytes with y below p that are none of the small-order points, under which one signature fits many messages.
 * Whether x exists is left to verification, which is false without it: the square root would cost more than the signature.
 */
export function validateEd25519(x: Uint8Array): boolean {
  if (x.length !== 32) return false;
  const y = littleEndian(x) & LOW_255_BITS;
  return y < P25519 && !ED25519_SMALL_ORDER.has(y);
}

/** What is read of: a view of other bytes would have the engine move a short array out of its heap. */
const BYTES = new Uint8Array(32);
const view = new DataView(BYTES.buffer);

/** Of 32 bytes, as `littleEndian`. */
function bigEndian(bytes: Uint8Array): bigint {
  BYTES.set(bytes);
  const high = (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
  return (high << 128n) | (view.getBigUint64(16) << 64n) | view.getBigUint64(24);
}

function littleEndian(bytes: Uint8Array): bigint {
  BYTES.set(bytes);
  const high = (view.getBigUint64(24, true) << 64n) | view.getBigUint64(16, true);
  return (high << 128n) | (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
}
