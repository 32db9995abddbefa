import { describe, expect, it, vi } from "vitest";
import { AeadOpener, AeadSealer, nonce, StaticIv, seqOfNonce } from "../../src/crypto/aead.ts";
import type { AeadKey } from "../../src/crypto/backend.ts";
import { BACKENDS, failure, hex, same, text, toHex } from "./backends.ts";

const IV = hex("a0a1a2a3a4a5a6a7a8a9aaab");
const EMPTY = new Uint8Array(0);

describe("nonce", () => {
  it.each([
    [0, "000000000000000000000000"],
    [1, "000000000000000000000001"],
    [2 ** 31, "000000000000000080000000"],
    [2 ** 32 - 1, "0000000000000000ffffffff"],
    [2 ** 32, "000000000000000100000000"],
    [2 ** 32 + 5, "000000000000000100000005"],
    [0x1_2345_6789_abcd, "00000000000123456789abcd"],
    [Number.MAX_SAFE_INTEGER, "00000000001fffffffffffff"],
  ])("of seq %d", (seq, mask) => {
    expect(toHex(nonce(new Uint8Array(12), seq))).toBe(mask);
    const xored = BigInt(`0x${toHex(IV)}`) ^ BigInt(`0x${mask}`);
    expect(toHex(nonce(IV, seq))).toBe(xored.toString(16).padStart(24, "0"));
    expect(seqOfNonce(IV, nonce(IV, seq))).toBe(seq);
  });

  it("leaves the static IV as it is, in a Buffer too", () => {
    const shared = Buffer.from(IV);
    expect(nonce(shared, 1)).toEqual(nonce(IV, 1));
    expect(toHex(shared)).toBe(toHex(IV));
    expect(seqOfNonce(shared.subarray(0), Buffer.concat([EMPTY, nonce(IV, 77)]))).toBe(77);
  });
});

describe("seqOfNonce", () => {
  it.each([
    ["11 bytes", "00".repeat(11)],
    ["13 bytes", "00".repeat(13)],
    ["no bytes", ""],
    ["a bit in the first of the top 4 bytes", "800000000000000000000001"],
    ["a bit in the last of the top 4 bytes", "000000010000000000000001"],
    ["2^53", "000000000020000000000000"],
    ["2^64 - 1", "00000000ffffffffffffffff"],
  ])("refuses %s", async (_, mask) => {
    const error = await failure(() => seqOfNonce(new Uint8Array(12), hex(mask)));
    expect(error).toMatchObject({ code: "E_IV", stage: "sequence" });
  });
});

describe.each(BACKENDS)("$name: AeadSealer", ({ aead }) => {
  it("never passes a seq to the cipher twice, nor one that was passed over", async () => {
    const sealer = new AeadSealer(await aead(new Uint8Array(32)), new StaticIv(IV));
    await sealer.seal(0, EMPTY, EMPTY, 0, same);
    await sealer.seal(5, EMPTY, EMPTY, 0, same);
    for (const seq of [5, 0, 4, -1, 5.5, Number.NaN, 2 ** 53]) {
      expect(await failure(() => sealer.seal(seq, EMPTY, EMPTY, 0, same))).toMatchObject({
        code: "E_INTERNAL",
        fatal: true,
      });
    }
    await sealer.seal(6, EMPTY, EMPTY, 0, same);
  });

  it("gives the same without a function, where the cipher answers at once; each number counts for both", async () => {
    const key = await aead(new Uint8Array(32));
    const [sealer, opener] = [new AeadSealer(key, new StaticIv(IV)), new AeadOpener(key, new StaticIv(IV))];
    const [at, room, aad] = [2 ** 32 + 3, 2, text("a")];
    const sealed = sealer.sealNow(at, aad, text("x"), room);
    expect(sealed === undefined).toBe(key.sealNow === undefined);
    expect(opener.openNow(at, aad, sealed?.subarray(room) ?? EMPTY) === undefined).toBe(key.openNow === undefined);
    // Nothing was done where there is none: the number is still good.
    if (sealed === undefined) await sealer.seal(at, EMPTY, EMPTY, 0, same);
    else {
      expect(sealed.subarray(room)).toEqual(await key.seal(nonce(IV, at), aad, text("x")));
      expect(text("x")).toEqual(new Uint8Array(opener.openNow(at, aad, sealed.subarray(room)) as Uint8Array));
      expect(await failure(() => sealer.sealNow(at, aad, text("x"), room))).toMatchObject({ code: "E_INTERNAL" });
      for (const wrong of [sealed, sealed.subarray(room, 8), EMPTY])
        expect(await failure(() => opener.openNow(at, aad, wrong))).toMatchObject({
          code: "E_CRYPTO",
          detail: undefined,
        });
      expect(await failure(() => opener.openNow(at + 1, aad, sealed.subarray(room)))).toMatchObject({
        code: "E_CRYPTO",
      });
    }
    expect(await failure(() => sealer.seal(at, EMPTY, EMPTY, 0, same))).toMatchObject({ code: "E_INTERNAL" });
  });

  it("opens with E_CRYPTO, whatever is wrong", async () => {
    const key = await aead(new Uint8Array(32));
    const sealed = await new AeadSealer(key, new StaticIv(IV)).seal(3, EMPTY, text("x"), 0, same);
    const opener = new AeadOpener(key, new StaticIv(IV));
    expect(await opener.open(3, EMPTY, sealed, same)).toEqual(text("x"));
    const wrong = [
      () => opener.open(4, EMPTY, sealed, same),
      () => opener.open(3, text("a"), sealed, same),
      () => opener.open(3, EMPTY, sealed.subarray(0, 8), same),
      () => opener.open(3, EMPTY, EMPTY, same),
    ];
    for (const run of wrong) {
      expect(await failure(run)).toMatchObject({ code: "E_CRYPTO", stage: "crypto", detail: undefined });
    }
  });
});

describe("AeadSealer", () => {
  it("uses a seq up even where the cipher fails", async () => {
    for (const seal of [
      () => Promise.reject(new Error("no")),
      () => {
        throw new Error("no");
      },
    ]) {
      const cipher = vi.fn(seal);
      const key = { seal: cipher, open: seal } as unknown as AeadKey;
      const sealer = new AeadSealer(key, new StaticIv(IV));
      expect(await failure(() => sealer.seal(1, EMPTY, EMPTY, 0, same))).toMatchObject({ code: "E_INTERNAL" });
      expect(await failure(() => sealer.seal(1, EMPTY, EMPTY, 0, same))).toMatchObject({ code: "E_INTERNAL" });
      expect(cipher).toHaveBeenCalledTimes(1);
    }
  });

  it("refuses a static IV of another length", () => {
    expect(() => new StaticIv(new Uint8Array(16))).toThrow(TypeError);
    expect(() => new StaticIv(new Uint8Array(8))).toThrow(TypeError);
  });
});
