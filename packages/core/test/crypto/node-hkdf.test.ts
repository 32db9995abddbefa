import { createSecretKey, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { sharedSecret } from "../../src/crypto/node.ts";
import { expand, expandKey } from "../../src/crypto/node-hkdf.ts";
import { hex, text, toHex } from "./backends.ts";

const { hashed, answers } = vi.hoisted(() => ({ hashed: new Set<Uint8Array>(), answers: [] as string[] }));

vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof import("node:crypto")>();
  return {
    ...crypto,
    hash: (algorithm: string, data: Uint8Array, encoding: "buffer") => {
      hashed.add(data);
      answers.push(encoding);
      return crypto.hash(algorithm, data, encoding);
    },
  };
});

describe("HKDF by one-shot hashes", () => {
  it("is that of node:crypto, for any two secrets in turn", async () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    // Of no bytes Node 24 derives none.
    const derivation = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 100 }), fc.boolean());
    await fc.assert(
      fc.asyncProperty(bytes(32), bytes(32), bytes(32), fc.array(derivation), async (a, b, salt, derivations) => {
        const secrets = [a, b].map((z) => ({ z: z.slice(), secret: sharedSecret(z) }));
        for (const [info, length, later] of derivations)
          for (const { z, secret } of secrets) {
            const expected = new Uint8Array(hkdfSync("sha256", z, salt, info, length));
            if (later) await undefined;
            expect(toHex(await secret.bytes(salt, info, length))).toBe(toHex(expected));
          }
      }),
    );
  });

  it("overwrites the key that it pads at the end of the turn, whatever was derived", async () => {
    const [a, b] = [createSecretKey(new Uint8Array(32).fill(1)), createSecretKey(new Uint8Array(32).fill(2))];
    hashed.clear();
    const first = expandKey(a, text("key"));
    expand(b, text("kid"), 16);
    const memory = [...hashed].map(({ buffer, byteOffset }) => new Uint8Array(buffer, byteOffset, 32));
    const heads = () => new Set(memory.map((pad) => toHex(pad)));
    // Of the second one.
    expect(heads()).toEqual(new Set(["34".repeat(32), "5e".repeat(32)]));
    await undefined;
    expect(heads()).toEqual(new Set(["36".repeat(32), "5c".repeat(32)]));
    expect(toHex(expandKey(a, text("key")))).toBe(toHex(first));
  });

  it("makes no string of 32 bytes, which may be the secret of a session for a store", () => {
    const prk = createSecretKey(hex("0b".repeat(32)));
    answers.length = 0;
    const bytes = expand(prk, text("chain"), 32);
    // That of the inner hash says nothing without the key.
    expect(answers).toEqual(["binary", "buffer"]);
    expect(bytes.constructor).toBe(Uint8Array);
    expect(toHex(bytes)).toBe(toHex(expandKey(prk, text("chain"))));
  });

  it("never takes the key of another derivation for one that cannot be read", () => {
    const [known, gone] = [createSecretKey(hex("0b".repeat(32))), createSecretKey(hex("0c".repeat(32)))];
    const key = toHex(expandKey(known, text("1")));
    vi.spyOn(gone, "export").mockImplementation(() => {
      throw new Error("gone");
    });
    // The second time as well: nothing was left behind that says it is there.
    for (let i = 0; i < 2; i++) expect(() => expandKey(gone, text("1"))).toThrow("gone");
    expect(toHex(expandKey(known, text("1")))).toBe(key);
  });

  it("refuses an info for which it has no room, whose counter would be lost", () => {
    const prk = createSecretKey(hex("0b".repeat(32)));
    expect(toHex(expand(prk, new Uint8Array(1024), 40))).toHaveLength(80);
    for (const length of [1025, 1056, 1057, 2000])
      expect(() => expand(prk, new Uint8Array(length), 40)).toThrow(RangeError);
  });

  it("gives a key to be overwritten, in memory of its own", () => {
    const prk = createSecretKey(hex("0b".repeat(32)));
    const keys = [expandKey(prk, text("1")), expandKey(prk, text("2"))];
    expect(toHex(keys[0] as Buffer)).toBe(toHex(expand(prk, text("1"), 32)));
    expect(keys[0]?.buffer).not.toBe(keys[1]?.buffer);
    expect(keys[0]?.buffer.byteLength).toBe(32);
  });
});
