// ES256 with the nonce of RFC 6979, so that vectors and documents are the same in every run. Node signs with random ones.
import { createECDH, createHash, createHmac } from "node:crypto";
import type { Bytes } from "./bytes.ts";

const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const int = (bytes: Bytes): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const octets = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, "0"), "hex");
const hmac = (key: Bytes, ...parts: Bytes[]): Buffer => createHmac("sha256", key).update(Buffer.concat(parts)).digest();

/** Section 3.2 for SHA-256 and P-256, whose lengths are equal: no truncation is needed. */
function* nonces(d: bigint, hash: Bytes): Generator<bigint, never> {
  const seed = Buffer.concat([octets(d), octets(int(hash) % N)]);
  let v: Buffer = Buffer.alloc(32, 1);
  let k: Buffer = Buffer.alloc(32, 0);
  k = hmac(k, v, Buffer.of(0), seed);
  v = hmac(k, v);
  k = hmac(k, v, Buffer.of(1), seed);
  v = hmac(k, v);
  for (;;) {
    v = hmac(k, v);
    const candidate = int(v);
    if (candidate > 0n && candidate < N) yield candidate;
    k = hmac(k, v, Buffer.of(0));
    v = hmac(k, v);
  }
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base % N, e = exponent; e > 0n; e >>= 1n, b = (b * b) % N) if (e & 1n) result = (result * b) % N;
  return result;
}

/** r || s, 64 bytes. `d` is the private scalar, 32 bytes. */
export function signEs256(d: Bytes, data: Bytes): Uint8Array {
  const secret = int(d);
  const hash = createHash("sha256").update(data).digest();
  for (const k of nonces(secret, hash)) {
    const ecdh = createECDH("prime256v1");
    ecdh.setPrivateKey(octets(k));
    const r = int(ecdh.getPublicKey().subarray(1, 33)) % N;
    const s = (power(k, N - 2n) * (int(hash) + r * secret)) % N;
    if (r !== 0n && s !== 0n) return new Uint8Array(Buffer.concat([octets(r), octets(s)]));
  }
  throw new Error("unreachable");
}
