import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBase64url } from "../../src/wire/base64url.ts";
import { utf8 } from "../../src/wire/bytes.ts";
import {
  compactJwe,
  compactJws,
  decodeFrame,
  decodeText,
  encodeFrame,
  encodeText,
  signingInput,
  type TextFrame,
  type WireFrame,
} from "../../src/wire/frame.ts";
import { expectCode, hex, onlyThrows, plain, toHex } from "./helpers.ts";

const bytes = fc.uint8Array({ maxLength: 300 });
const some = fc.uint8Array({ minLength: 1, maxLength: 300 });
const uint = fc.maxSafeNat();
const form0 = fc.string({ unit: "binary" }).map((rest): TextFrame => ({ form: 0, json: utf8.encode(`{${rest}`) }));
const form1 = fc.record({ form: fc.constant(1 as const), protected: some, payload: bytes, signature: bytes });
const form2 = fc.record({ form: fc.constant(2 as const), protected: some, iv: bytes, ciphertext: bytes, tag: bytes });
const form3 = fc.record({ form: fc.constant(3 as const), h: uint, seq: uint, sealed: bytes });
const form4 = fc.record({ form: fc.constant(4 as const), h: uint, payload: bytes, signature: bytes });
const textFrame: fc.Arbitrary<TextFrame> = fc.oneof(form0, form1, form2);
const frame: fc.Arbitrary<WireFrame> = fc.oneof(form0, form1, form2, form3, form4);

/** Arrays of numbers, so that views and whole buffers compare equal. */
const shape = (f: WireFrame) =>
  Object.fromEntries(
    Object.entries(f).map(([key, value]) => [key, value instanceof Uint8Array ? plain(value) : value]),
  );

describe("binary frames", () => {
  it.each<[string, WireFrame]>([
    ["8200427b7d", { form: 0, json: hex("7b7d") }],
    ["8401410142020340", { form: 1, protected: hex("01"), payload: hex("0203"), signature: hex("") }],
    [
      "860241014041024203044105",
      { form: 2, protected: hex("01"), iv: hex("02"), ciphertext: hex("0304"), tag: hex("05") },
    ],
    ["84030118184107", { form: 3, h: 1, seq: 24, sealed: hex("07") }],
    ["84041901004041ff", { form: 4, h: 256, payload: hex(""), signature: hex("ff") }],
    ["8403001b001fffffffffffff40", { form: 3, h: 0, seq: 2 ** 53 - 1, sealed: hex("") }],
  ])("%s", (encoded, expected) => {
    expect(toHex(encodeFrame(expected))).toBe(encoded);
    expect(shape(decodeFrame(hex(encoded)))).toEqual(shape(expected));
  });

  it("round-trip", () => {
    fc.assert(
      fc.property(frame, (f) => {
        expect(shape(decodeFrame(encodeFrame(f)))).toEqual(shape(f));
      }),
    );
  });

  it("decode to views of the message", () => {
    const message = hex("ff8200427b7dff").subarray(1, 6);
    const decoded = decodeFrame(message);
    expect(decoded.form === 0 && decoded.json.buffer === message.buffer).toBe(true);
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["no array", "00"],
    ["a map", "a20040"],
    ["a tagged array", "c18200427b7d"],
    ["an indefinite array", "9f00427b7dff"],
    ["9f alone", "9f"],
    ["9affffffff", "9affffffff"],
    ["an array head that is not shortest", "980200427b7d"],
    ["an empty array", "80"],
    ["too few elements", "8100"],
    ["form 0 with three elements", "83004040"],
    ["form 1 with three elements", "8301404040"],
    ["form 1 with six elements", "8601404040404040"],
    ["form 2 with five elements", "850240404040"],
    ["form 3 with three elements", "83030000"],
    ["an unknown form", "8405404040"],
    ["an unknown form with two elements", "820540"],
    ["a large form", "841b001fffffffffffff404040"],
    ["a negative form", "8220427b7d"],
    ["a form as bytes", "824100427b7d"],
    ["a form that is not shortest", "821800427b7d"],
    ["text instead of bytes", "8200627b7d"],
    ["indefinite bytes", "82005f427b7dff"],
    ["a length that is not shortest", "820058027b7d"],
    ["a length beyond the message", "820043 7b7d"],
    ["a length of 2^53-1", "82005b001fffffffffffff"],
    ["trailing bytes", "8200427b7d00"],
    ["a key that is not empty", "86024101410041024203044105"],
    ["h as bytes", "84034100014107"],
    ["negative h", "840320014107"],
    ["h that is not shortest", "8403180101 4107"],
    ["seq above 2^53-1", "8403001b002000000000000040"],
    ["seq as float", "840300fb3ff000000000000040"],
    ["a bignum as seq", "840300c2410140"],
    ["null", "8200f6"],
    ["nesting", "8181818181"],
  ])("refuse %s", (_, encoded) => {
    expectCode("E_CBOR", () => decodeFrame(hex(encoded)));
  });

  it("share memory with others where they go to the wire only, and are the same there", () => {
    const one = { form: 1, protected: hex("01"), payload: hex("02"), signature: hex("03") } as const;
    const [own, passing] = [encodeFrame(one), encodeFrame(one, true)];
    expect(toHex(passing)).toBe(toHex(own));
    expect(own.buffer.byteLength).toBeLessThan(64);
    expect(passing.buffer).toBe(encodeFrame(one, true).buffer);
  });

  it("refuse a bignum of 64 KB and deep nesting", () => {
    expectCode("E_CBOR", () => decodeFrame(new Uint8Array(65536).fill(0x81)));
    expectCode("E_CBOR", () => decodeFrame(Uint8Array.of(0x82, 0, 0xc2, 0x59, 0xff, 0xff, ...new Uint8Array(0xffff))));
  });

  it("have one encoding: what decodes after a mutation encodes to itself; only E_CBOR is thrown", () => {
    const change = fc.tuple(frame, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([f, at, bits]) => {
      const encoded = encodeFrame(f);
      encoded[at % Math.min(encoded.length, 12)]! ^= bits;
      return encoded;
    });
    const cut = fc.tuple(frame, fc.nat()).map(([f, n]) => encodeFrame(f).subarray(0, n % 40));
    const input = fc.oneof(change, cut, fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(input, (encoded) =>
        onlyThrows(["E_CBOR"], () => {
          expect(toHex(encodeFrame(decodeFrame(encoded)))).toBe(toHex(encoded));
        }),
      ),
      { numRuns: 5000 },
    );
  });

  it("cut anywhere are refused", () => {
    fc.assert(
      fc.property(frame, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (f, part) => {
        const encoded = encodeFrame(f);
        expectCode("E_CBOR", () => decodeFrame(encoded.subarray(0, Math.floor(encoded.length * part))));
      }),
    );
  });

  it("take only integers from the caller", () => {
    for (const seq of [-1, 1.5, 2 ** 53, Number.NaN])
      expect(() => encodeFrame({ form: 3, h: 0, seq, sealed: hex("") })).toThrowError(TypeError);
  });
});

describe("text", () => {
  it("is compact JOSE or bare JSON", () => {
    const jws = {
      form: 1,
      protected: utf8.encode("{}"),
      payload: utf8.encode("foo"),
      signature: hex("fbfffe"),
    } as const;
    const jwe = {
      form: 2,
      protected: utf8.encode("{}"),
      iv: hex("00"),
      ciphertext: utf8.encode("foo"),
      tag: hex("ff"),
    } as const;
    expect([encodeText(jws), compactJws(jws)]).toEqual(["e30.Zm9v.-__-", "e30.Zm9v.-__-"]);
    expect([encodeText(jwe), compactJwe(jwe)]).toEqual(["e30..AA.Zm9v._w", "e30..AA.Zm9v._w"]);
    expect(encodeText({ form: 0, json: utf8.encode('{"é":1}') })).toBe('{"é":1}');
    expect(shape(decodeText("e30.Zm9v.-__-"))).toEqual(shape(jws));
    expect(shape(decodeText("e30..AA.Zm9v._w"))).toEqual(shape(jwe));
  });

  it("leaves the syntax of JSON to others", () => {
    expect(shape(decodeText('{not "json"'))).toEqual({ form: 0, json: plain(utf8.encode('{not "json"')) });
  });

  it("maps one to one to the binary wire", () => {
    fc.assert(
      fc.property(textFrame, (f) => {
        const text = encodeText(f);
        const fromText = decodeText(text);
        expect(shape(fromText)).toEqual(shape(f));
        expect(toHex(encodeFrame(fromText))).toBe(toHex(encodeFrame(f)));
        expect(encodeText(decodeFrame(encodeFrame(fromText)) as TextFrame)).toBe(text);
      }),
    );
  });

  it("has one spelling: what decodes after a mutation encodes to itself", () => {
    const character = fc.constantFrom(..."AQgw-_.=+/ \n\0{é*");
    const change = fc.tuple(textFrame, fc.nat(), character, fc.nat({ max: 1 })).map(([f, n, c, remove]) => {
      const text = encodeText(f);
      const at = n % (text.length + 1);
      return text.slice(0, at) + c + text.slice(at + remove);
    });
    const input = fc.oneof(change, fc.string({ unit: character }), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(input, (text) =>
        onlyThrows(["E_MALFORMED", "E_B64"], () => {
          expect(encodeText(decodeText(text))).toBe(text);
        }),
      ),
      { numRuns: 5000 },
    );
  });

  it.each([
    "",
    ".",
    "..",
    "e30",
    "e30.Zm9v",
    "e30.Zm9v.AA.AA",
    "e30..AA.AA.AA.AA",
    ".Zm9v.AA",
    "..AA.AA.AA",
    "e30.AA.AA.AA.AA",
    '"e30"',
    "[1]",
    " {}",
    "\ufeff{}",
    "null",
    '{"\ud800":1}',
    "e30.!!.AA.AA.AA",
  ])("refuses %j as malformed", (text) => {
    expectCode("E_MALFORMED", () => decodeText(text));
  });

  it.each([
    "e30=.Zm9v.AA",
    "e30.Zm9v.AA\n",
    " e30.Zm9v.AA",
    "e30.Zm+v.AA",
    "e30.Zm9v.AB",
    "e31.Zm9v.AA",
    "e30.Z.AA",
    "e30..A A.AA.AA",
  ])("refuses %j as base64url", (text) => {
    expectCode("E_B64", () => decodeText(text));
  });

  it("refuses a million dots", () => {
    expectCode("E_MALFORMED", () => decodeText(".".repeat(1_000_000)));
    expectCode("E_MALFORMED", () => decodeText(`e30${".".repeat(1_000_000)}`));
  });

  it("names the step that reads an inner object", () => {
    for (const [code, text] of [
      ["E_MALFORMED", "e30"],
      ["E_B64", "e30.=.AA"],
    ])
      expect(() => decodeText(text!, "inner")).toThrowError(expect.objectContaining({ code, stage: "inner" }));
  });

  it("does not write what is not UTF-8", () => {
    expect(() => encodeText({ form: 0, json: hex("ff") })).toThrowError(TypeError);
  });

  it("signs the text form", () => {
    fc.assert(
      fc.property(some, bytes, (header, payload) => {
        const expected = `${encodeBase64url(header)}.${encodeBase64url(payload)}`;
        expect(Buffer.from(signingInput(header, payload)).toString("latin1")).toBe(expected);
      }),
    );
  });
});
