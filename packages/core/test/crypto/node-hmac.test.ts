import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NodeMac, sha256 } from "../../src/crypto/node-hmac.ts";
import { text, toHex } from "./backends.ts";

const KEY = new Uint8Array(32).map((_, i) => 255 - i);
const reference = (key: Uint8Array, data: Uint8Array, behind: string): string =>
  createHmac("sha256", key).update(data).update(behind, "latin1").digest("hex");

describe("HMAC by one-shot hashes", () => {
  it("is that of node:crypto, for any two keys in turn", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const message = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: "binary-ascii", maxLength: 300 }));
    fc.assert(
      fc.property(bytes(32), bytes(32), fc.array(message, { minLength: 1, maxLength: 4 }), (a, b, messages) => {
        const keys = [a, b].map((raw) => ({ raw, mac: new NodeMac(raw) }));
        for (const [data, behind] of messages)
          for (const { raw, mac } of keys) {
            const tag = mac.sign(data, behind);
            expect(toHex(tag)).toBe(reference(raw, data, behind));
            expect(mac.verify(data, tag, behind)).toBe(true);
          }
      }),
    );
  });

  it("is the same where the message is hashed in place, and after it", () => {
    const mac = new NodeMac(KEY);
    for (const length of [8127, 8128, 8129, 100_000, 0])
      for (const split of [0, 100, length]) {
        const [data, behind] = [
          new Uint8Array(Math.max(0, length - split)).fill(7),
          "p".repeat(Math.min(split, length)),
        ];
        expect(toHex(mac.sign(data, behind))).toBe(reference(KEY, data, behind));
      }
  });

  it("takes 32 bytes, and keeps a copy of them", () => {
    for (const length of [0, 31, 33, 64]) expect(() => new NodeMac(new Uint8Array(length))).toThrow(TypeError);
    const raw = KEY.slice();
    const mac = new NodeMac(raw);
    raw.fill(0);
    expect(toHex(mac.sign(text("a")))).toBe(reference(KEY, text("a"), ""));
  });

  it("hashes", () => {
    for (const length of [0, 1, 1000])
      expect(toHex(sha256(new Uint8Array(length)))).toBe(
        createHash("sha256").update(new Uint8Array(length)).digest("hex"),
      );
  });
});
