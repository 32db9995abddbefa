import { compactDecrypt, FlattenedEncrypt } from "jose";
import { describe, expect, it } from "vitest";
import { AeadOpener, AeadSealer, nonce, StaticIv } from "../../src/crypto/aead.ts";
import { encodeBase64url } from "../../src/wire/base64url.ts";
import { concat } from "../../src/wire/bytes.ts";
import { BACKENDS, failure, hex, PAIRS, same, text, toHex } from "./backends.ts";

const KEY = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
const IV = hex("a0a1a2a3a4a5a6a7a8a9aaab");
const AAD = text("header");
const PLAIN = text("attack at dawn");

describe.each(BACKENDS)("$name: HKDF-SHA-256", ({ secret, aead, mac }) => {
  // RFC 5869 appendix A.1 to A.3
  it.each([
    {
      ikm: "0b".repeat(22),
      salt: "000102030405060708090a0b0c",
      info: "f0f1f2f3f4f5f6f7f8f9",
      okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    },
    {
      ikm: Array.from({ length: 80 }, (_, i) => i.toString(16).padStart(2, "0")).join(""),
      salt: Array.from({ length: 80 }, (_, i) => (i + 0x60).toString(16)).join(""),
      info: Array.from({ length: 80 }, (_, i) => (i + 0xb0).toString(16)).join(""),
      okm: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    },
    {
      ikm: "0b".repeat(22),
      salt: "",
      info: "",
      okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    },
  ])("RFC 5869 vector of $okm.length digits", async ({ ikm, salt, info, okm }) => {
    const bytes = await (await secret(hex(ikm))).bytes(hex(salt), hex(info), okm.length / 2);
    expect(toHex(bytes)).toBe(okm);
  });

  it("derives 32-byte keys for AEAD and MAC, the same as its bytes", async () => {
    const z = await secret(KEY.slice());
    const raw = await z.bytes(AAD, PLAIN, 32);
    const sealed = await (await z.aead(AAD, PLAIN)).seal(IV, AAD, PLAIN);
    expect(sealed).toEqual(await (await aead(raw)).seal(IV, AAD, PLAIN));
    expect(await (await z.mac(AAD, PLAIN)).sign(AAD)).toEqual(await (await mac(raw)).sign(AAD));
  });

  it("derives with each salt, whichever came before it, and whatever became of its buffer", async () => {
    const salts = [AAD, PLAIN, new Uint8Array(0)];
    const alone = await Promise.all(salts.map(async (salt) => (await secret(KEY.slice())).bytes(salt, IV, 32)));
    expect(new Set(alone.map(toHex)).size).toBe(3);
    const z = await secret(KEY.slice());
    for (const i of [0, 0, 1, 2, 0, 1]) {
      const salt = salts[i]!.slice();
      expect(await z.bytes(salt, IV, 32)).toEqual(alone[i]);
      salt.fill(0xff);
      expect(toHex(await z.bytes(salt, IV, 32)) === toHex(alone[i]!)).toBe(salt.length === 0);
    }
  });

  it("overwrites Z", async () => {
    const z = hex("ff".repeat(32));
    await secret(z);
    expect(toHex(z)).toBe("00".repeat(32));
  });
});

describe.each(BACKENDS)("$name: AES-256-GCM", ({ aead }) => {
  it("opens what it sealed, empty texts too", async () => {
    const key = await aead(KEY);
    for (const plain of [PLAIN, new Uint8Array(0), new Uint8Array(100_000).fill(7)]) {
      const sealed = await key.seal(IV, AAD, plain);
      expect(sealed.length).toBe(plain.length + 16);
      const behind = await key.seal(IV, AAD, plain, 5);
      expect(behind).toEqual(Uint8Array.of(0, 0, 0, 0, 0, ...sealed));
      const opened = await key.open(IV, AAD, sealed);
      expect(opened).toEqual(plain);
      // Not a Buffer: its slice() is a view.
      expect([sealed.constructor, opened.constructor]).toEqual([Uint8Array, Uint8Array]);
    }
  });

  it("refuses every flipped bit of tag, text and header", async () => {
    const key = await aead(KEY);
    const sealed = await key.seal(IV, AAD, PLAIN);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = new Uint8Array(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await failure(() => key.open(IV, AAD, changed));
    }
    await failure(() => key.open(IV, text("Header"), sealed));
  });

  it.each([0, 1, 4, 8, 12, 15])("refuses a tag cut to %i bytes", async (length) => {
    const key = await aead(KEY);
    const sealed = await key.seal(IV, AAD, new Uint8Array(0));
    await failure(() => key.open(IV, AAD, sealed.subarray(0, length)));
    const long = await key.seal(IV, AAD, PLAIN);
    await failure(() => key.open(IV, AAD, long.subarray(0, PLAIN.length + length)));
  });

  it("keeps none of its arguments: they may be others as soon as it was called", async () => {
    const key = await aead(KEY);
    const seqs = [1, 2, 3, 4];
    const aadOf = (seq: number) => text(`header ${seq}`);
    const textOf = (seq: number) => text(`text ${seq}`.repeat(seq));
    const alone: Uint8Array[] = [];
    for (const seq of seqs) alone.push(await key.seal(nonce(IV, seq), aadOf(seq), textOf(seq)));
    /** All of them at once, and what they were given overwritten. */
    const together = (run: (iv: Uint8Array, aad: Uint8Array, bytes: Uint8Array) => unknown, bytes: Uint8Array[]) =>
      Promise.all(
        seqs.map((seq, i) => {
          const given = [nonce(IV, seq), aadOf(seq), (bytes[i] as Uint8Array).slice()] as const;
          const result = run(...given);
          for (const one of given) one.fill(0xff);
          return result;
        }),
      );
    expect(await together((...args) => key.seal(...args), seqs.map(textOf))).toEqual(alone);
    expect(await together((...args) => key.open(...args), alone)).toEqual(seqs.map(textOf));
  });

  it("makes JWEs (dir, A256GCM) that jose decrypts, and opens those of jose", async () => {
    const key = await aead(KEY);
    const header = encodeBase64url(text('{"alg":"dir","enc":"A256GCM"}'));
    const iv = nonce(IV, 7);
    const sealed = await key.seal(iv, text(header), PLAIN);
    const [ct, tag] = [sealed.subarray(0, -16), sealed.subarray(-16)].map(encodeBase64url);
    const { plaintext } = await compactDecrypt(`${header}..${encodeBase64url(iv)}.${ct}.${tag}`, KEY);
    expect(new Uint8Array(plaintext)).toEqual(PLAIN);

    const theirs = await new FlattenedEncrypt(PLAIN).setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(KEY);
    const from = (part: string | undefined): Uint8Array => new Uint8Array(Buffer.from(part ?? "", "base64url"));
    const data = concat(from(theirs.ciphertext), from(theirs.tag));
    expect(await key.open(from(theirs.iv), text(theirs.protected ?? ""), data)).toEqual(PLAIN);
  });
});

describe.each(BACKENDS)("$name: HMAC-SHA-256", ({ mac }) => {
  it("is that of RFC 4231 test case 2", async () => {
    const tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    expect(toHex(await (await mac(text("Jefe"))).sign(text("what do ya want for nothing?")))).toBe(tag);
  });

  it("is over the text behind the data too", async () => {
    const key = await mac(KEY);
    const tag = await key.sign(text("header.payload"));
    expect(await key.sign(text("header."), "payload")).toEqual(tag);
    expect(await key.verify(text("header."), tag, "payload")).toBe(true);
    for (const other of ["", "payloae", "payload."]) expect(await key.verify(text("header."), tag, other)).toBe(false);
  });

  it("gives tags that stay as they are", async () => {
    const key = await mac(KEY);
    const tag = await key.sign(PLAIN);
    const before = toHex(tag);
    await key.verify(AAD, await key.sign(AAD));
    expect(toHex(tag)).toBe(before);
  });

  it("verifies its tags and nothing else", async () => {
    const key = await mac(KEY);
    const tag = await key.sign(PLAIN);
    expect(await key.verify(PLAIN, tag)).toBe(true);
    expect(await key.verify(AAD, tag)).toBe(false);
    for (const length of [0, 4, 16, 31]) expect(await key.verify(PLAIN, tag.subarray(0, length))).toBe(false);
    expect(await key.verify(PLAIN, concat(tag, Uint8Array.of(0)))).toBe(false);
    for (let bit = 0; bit < 256; bit++) {
      const changed = new Uint8Array(tag);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(await key.verify(PLAIN, changed)).toBe(false);
    }
  });
});

describe.each(BACKENDS)("$name: the rest", ({ backend }) => {
  it("hashes the example of FIPS 180-2", async () => {
    const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(toHex(await backend.sha256(text("abc")))).toBe(digest);
  });

  it("gives random bytes of the length asked for", () => {
    const [a, b] = [backend.random(16), backend.random(16)];
    expect([a.length, b.length, a.constructor]).toEqual([16, 16, Uint8Array]);
    expect(a).not.toEqual(b);
  });
});

describe.each(PAIRS)("$from.name to $to.name", ({ from, to }) => {
  it("opens what the other sealed", async () => {
    const sealer = new AeadSealer(await from.aead(KEY), new StaticIv(IV));
    const opener = new AeadOpener(await to.aead(KEY), new StaticIv(IV));
    for (const seq of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const sealed = await sealer.seal(seq, AAD, PLAIN, 0, same);
      expect(await opener.open(seq, AAD, sealed, same)).toEqual(PLAIN);
    }
  });

  it("verifies MACs of the other", async () => {
    const tag = await (await from.mac(KEY)).sign(PLAIN);
    expect(await (await to.mac(KEY)).verify(PLAIN, tag)).toBe(true);
  });
});
