import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ascii, concat, decodeUtf8, equal, isWellFormed, utf8 } from "../../src/wire/bytes.ts";
import { hex, plain, Refused, refuse } from "./helpers.ts";

describe("bytes", () => {
  it("keeps a byte order mark", () => {
    expect(decodeUtf8(hex("efbbbf61"), refuse)).toBe("\ufeffa");
  });

  it.each(["80", "c0ae", "c3", "eda080", "f8888080", "f4908080", "61ff"])("refuses %s as UTF-8", (bad) => {
    expect(() => decodeUtf8(hex(bad), refuse)).toThrowError(Refused);
  });

  it("round-trips UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decodeUtf8(utf8.encode(text), refuse)).toBe(text);
      }),
    );
  });

  it("encodes ASCII", () => {
    expect(plain(ascii("a.Z_"))).toEqual([97, 46, 90, 95]);
  });

  it("tells lone surrogates", () => {
    expect(isWellFormed("a\u{1f600}é")).toBe(true);
    for (const text of ["\ud800", "a\udc00", "\udc00\ud800"]) expect(isWellFormed(text)).toBe(false);
  });

  it("joins and compares", () => {
    expect(plain(concat(hex("01"), hex(""), hex("0203")))).toEqual([1, 2, 3]);
    expect(equal(hex("0102"), hex("0102"))).toBe(true);
    expect(equal(hex("0102"), hex("0103"))).toBe(false);
    expect(equal(hex("0102"), hex("010200"))).toBe(false);
    expect(equal(hex("010200"), hex("0102"))).toBe(false);
  });
});
