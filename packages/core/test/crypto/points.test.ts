import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { validateEd25519, validateP256, validateX25519 } from "../../src/crypto/points.ts";
import { hex } from "./backends.ts";
import { ED25519_KEY, ES256_KEY, le, OFF_CURVE, X25519_SMALL } from "./points.ts";

const P256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P25519 = 2n ** 255n - 19n;
const decode = (text: string | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? "", "base64url"));
const be = (n: bigint): Uint8Array => hex(n.toString(16).padStart(64, "0"));

describe("validateP256", () => {
  const [x, y] = [decode(ES256_KEY.x), decode(ES256_KEY.y)];

  it("admits points on the curve", () => {
    expect(validateP256(x, y)).toBe(true);
    for (let i = 0; i < 50; i++) {
      const der = generateKeyPairSync("ec", {
        namedCurve: "P-256",
        publicKeyEncoding: { format: "der", type: "spki" },
        privateKeyEncoding: { format: "der", type: "pkcs8" },
      }).publicKey;
      expect(validateP256(new Uint8Array(der.subarray(-64, -32)), new Uint8Array(der.subarray(-32)))).toBe(true);
    }
  });

  it("refuses points off the curve", () => {
    expect(validateP256(decode(OFF_CURVE.x), decode(OFF_CURVE.y))).toBe(false);
    expect(validateP256(y, x)).toBe(false);
    expect(validateP256(new Uint8Array(32), new Uint8Array(32))).toBe(false);
    for (let bit = 0; bit < 256; bit++) {
      const changed = new Uint8Array(y);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(validateP256(x, changed)).toBe(false);
    }
  });

  it("refuses coordinates of p and more, even where they are on the curve mod p", () => {
    // x = 5 is on the curve, and 5 + p fits into 32 bytes.
    const root = 0x459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbccn;
    expect(validateP256(be(5n), be(root))).toBe(true);
    expect(validateP256(be(5n), be(P256 - root))).toBe(true);
    expect(validateP256(be(5n + P256), be(root))).toBe(false);
    expect(validateP256(be(P256), be(root))).toBe(false);
    expect(validateP256(be(5n), be(2n ** 256n - 1n))).toBe(false);
  });

  it("refuses other lengths", () => {
    expect(validateP256(x.subarray(1), y)).toBe(false);
    expect(validateP256(x, new Uint8Array(33))).toBe(false);
    expect(validateP256(new Uint8Array(0), new Uint8Array(0))).toBe(false);
  });
});

describe("validateX25519", () => {
  it.each(X25519_SMALL)("refuses the small-order point %s", (u) => {
    expect(validateX25519(hex(u))).toBe(false);
  });

  it("admits others, non-canonical ones too", () => {
    for (const u of [9n, 2n, P25519 - 2n, P25519 + 2n, 2n ** 255n - 1n, 2n ** 255n + 9n]) {
      expect(validateX25519(hex(le(u)))).toBe(true);
    }
  });

  it("refuses other lengths", () => {
    for (const length of [0, 31, 33]) expect(validateX25519(new Uint8Array(length).fill(9))).toBe(false);
  });
});

describe("validateEd25519", () => {
  const sign = 2n ** 255n;
  // RFC 8032 section 5.1: -x² + y² = 1 + d x² y², d = -121665/121666. Twice a point of order 8 has y = 0, so x² = -y².
  const order8 = [
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ].map((y) => BigInt(`0x${Buffer.from(y, "hex").reverse().toString("hex")}`));

  it("knows y of order 8", () => {
    for (const y of order8) expect((-121665n * y ** 4n + 2n * 121666n * y ** 2n - 121666n) % P25519).toBe(0n);
    expect(order8[0]! + order8[1]!).toBe(P25519);
  });

  it("refuses small-order points of either sign, canonical or not", () => {
    for (const y of [0n, 1n, P25519 - 1n, ...order8]) {
      expect(validateEd25519(hex(le(y)))).toBe(false);
      expect(validateEd25519(hex(le(y + sign)))).toBe(false);
    }
  });

  it("refuses y of p and more", () => {
    for (const y of [P25519, P25519 + 1n, P25519 + 3n, 2n ** 255n - 1n]) {
      expect(validateEd25519(hex(le(y)))).toBe(false);
      expect(validateEd25519(hex(le(y + sign)))).toBe(false);
    }
  });

  it("admits keys, and refuses other lengths", () => {
    const x = decode(ED25519_KEY.x);
    expect(validateEd25519(x)).toBe(true);
    expect(validateEd25519(x.subarray(1))).toBe(false);
    expect(validateEd25519(new Uint8Array(33).fill(7))).toBe(false);
  });
});
