import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CborReader, CborWriter, MAJOR } from "../../src/wire/cbor.ts";
import { float64 } from "../support/cbor.ts";
import { appendixA, type Vector } from "./appendix-a.ts";
import { hex, plain, Refused, refuse, toHex } from "./helpers.ts";

const reader = (text: string) => new CborReader(hex(text), refuse);
const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.integer({ min: -300, max: 300 }),
);

describe("CborWriter", () => {
  it.each<[number, string]>([
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [255, "18ff"],
    [256, "190100"],
    [65535, "19ffff"],
    [65536, "1a00010000"],
    [2 ** 32 - 1, "1affffffff"],
    [2 ** 32, "1b0000000100000000"],
    [2 ** 53 - 1, "1b001fffffffffffff"],
    [-0, "00"],
    [-1, "20"],
    [-24, "37"],
    [-25, "3818"],
    [-256, "38ff"],
    [-257, "390100"],
    [-(2 ** 53 - 1), "3b001ffffffffffffe"],
  ])("writes the integer %d in shortest form", (n, expected) => {
    expect(toHex(new CborWriter().int(n).finish())).toBe(expected);
    expect(reader(expected).int()).toBe(n + 0);
  });

  it("writes the other items", () => {
    const writer = new CborWriter(0)
      .array(7)
      .map(0)
      .bytes(hex("0102"))
      .text("é")
      .simple(true)
      .simple(false)
      .simple(null);
    expect(toHex(writer.raw(float64(1.1)).raw(hex("00")).finish())).toBe("87a042010262c3a9f5f4f6fb3ff199999999999a00");
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])("throws a TypeError for uint %d", (n) => {
    expect(() => new CborWriter().uint(n)).toThrowError(TypeError);
  });

  it("throws a TypeError for what is out of range", () => {
    expect(() => new CborWriter().int(-(2 ** 53) - 2)).toThrowError(TypeError);
  });

  it("grows where the room was too small", () => {
    expect(plain(new CborWriter(1).uint(300).text("ab").finish())).toEqual([0x19, 1, 44, 0x62, 97, 98]);
  });
});

describe("CborReader", () => {
  it("undoes the writer", () => {
    const text = fc.string({ unit: "grapheme" });
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.array(safe),
        fc.uint8Array({ maxLength: 70_000 }),
        text,
        double,
        (integers, bytes, string, float) => {
          const writer = new CborWriter(1).array(integers.length);
          for (const n of integers) writer.int(n);
          const encoded = writer.map(1).text(string).bytes(bytes).raw(float64(float)).simple(null).finish();
          const read = new CborReader(encoded, refuse);
          const back = Array.from({ length: read.arrayHead() }, () => read.int());
          expect(back).toEqual(integers.map((n) => n + 0));
          expect([read.mapHead(), read.text()]).toEqual([1, string]);
          expect(toHex(read.bytes()) === toHex(bytes)).toBe(true);
          expect(Object.is(read.simpleOrFloat(), float)).toBe(true);
          expect(read.simpleOrFloat()).toBe(null);
          read.end();
        },
      ),
    );
  });

  it("takes views and copies nothing", () => {
    const input = hex("43010203");
    const view = new CborReader(input, refuse).bytes();
    expect(view.buffer).toBe(input.buffer);
  });

  it("starts at an offset, inside a view", () => {
    const read = new CborReader(hex("ffff0018ff").subarray(2), refuse, 1);
    expect([read.peek(), read.uint(), read.position]).toEqual([MAJOR.uint, 255, 3]);
    read.end();
  });

  it.each<[string, string, (r: CborReader) => unknown]>([
    ["nothing", "", (r) => r.peek()],
    ["a cut head", "19ff", (r) => r.uint()],
    ["a head of one byte that is not shortest", "1817", (r) => r.uint()],
    ["two bytes", "1900ff", (r) => r.uint()],
    ["four bytes", "1a0000ffff", (r) => r.uint()],
    ["eight bytes", "1b00000000ffffffff", (r) => r.uint()],
    ["beyond 2^53-1", "1b0020000000000000", (r) => r.uint()],
    ["far beyond", "1bffffffffffffffff", (r) => r.uint()],
    ["negative beyond", "3b001fffffffffffff", (r) => r.int()],
    ["reserved", "1c", (r) => r.uint()],
    ["a reserved map head", `bc${"00".repeat(16)}`, (r) => r.mapHead(true)],
    ["indefinite integer", "1f", (r) => r.uint()],
    ["negative as uint", "20", (r) => r.uint()],
    ["float as int", "fb3ff0000000000000", (r) => r.int()],
    ["text as bytes", "6161", (r) => r.bytes()],
    ["bytes as text", "4161", (r) => r.text()],
    ["indefinite bytes", "5f4101ff", (r) => r.bytes()],
    ["indefinite text", "7f6161ff", (r) => r.text()],
    ["indefinite array", "9fff", (r) => r.arrayHead()],
    ["indefinite array of one byte", "9f", (r) => r.arrayHead()],
    ["indefinite map", "bfff", (r) => r.mapHead()],
    ["bytes longer than the rest", "4301", (r) => r.bytes()],
    ["bytes of 4 GiB", "5affffffff00", (r) => r.bytes()],
    ["text of 2^53-1 bytes", "7b001fffffffffffff", (r) => r.text()],
    ["array of 4 G elements", "9affffffff", (r) => r.arrayHead()],
    ["map of 4 G entries", "baffffffff", (r) => r.mapHead()],
    ["map of two entries in three bytes", "a2000000", (r) => r.mapHead()],
    ["map head that is not shortest", "b90000", (r) => r.mapHead()],
    ["invalid UTF-8", "62c0ae", (r) => r.text()],
    ["undefined", "f7", (r) => r.simpleOrFloat()],
    ["simple value in two bytes", "f814", (r) => r.simpleOrFloat()],
    ["unassigned simple value", "f0", (r) => r.simpleOrFloat()],
    ["break", "ff", (r) => r.simpleOrFloat()],
    ["float16", "f93c00", (r) => r.simpleOrFloat()],
    ["float32", "fa47c35000", (r) => r.simpleOrFloat()],
    ["NaN", "fb7ff8000000000000", (r) => r.simpleOrFloat()],
    ["-Infinity", "fbfff0000000000000", (r) => r.simpleOrFloat()],
    ["cut float64", "fb3ff00000", (r) => r.simpleOrFloat()],
    ["integer as simple", "00", (r) => r.simpleOrFloat()],
    ["trailing bytes", "00", (r) => r.end()],
  ])("refuses %s", (_, input, read) => {
    expect(() => read(reader(input))).toThrowError(Refused);
  });

  it("takes long map heads only where asked", () => {
    expect(reader("b90000").mapHead(true)).toBe(0);
    expect(reader("b900010000").mapHead(true)).toBe(1);
  });

  it("throws nothing of its own on random bytes", () => {
    const step = fc.constantFrom(
      "uint",
      "int",
      "bytes",
      "text",
      "arrayHead",
      "mapHead",
      "simpleOrFloat",
      "end" as const,
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(step), (bytes, steps) => {
        const read = new CborReader(bytes, refuse);
        try {
          for (const name of steps) read[name as "uint"]();
        } catch (error) {
          expect(error).toBeInstanceOf(Refused);
        }
        expect(read.position).toBeLessThanOrEqual(bytes.length + 1);
      }),
    );
  });
});

describe.skipIf(appendixA.length === 0)("RFC 7049 appendix A", () => {
  const isInteger = (v: Vector) => /^[0-3]/.test(v.hex) && Number.isSafeInteger(v.decoded);

  it("reads and writes every integer in range", () => {
    const integers = appendixA.filter(isInteger);
    expect(integers.length).toBe(14);
    for (const v of integers) {
      expect(reader(v.hex).int()).toBe(v.decoded);
      expect(toHex(new CborWriter().int(v.decoded as number).finish())).toBe(v.hex);
    }
  });

  it("reads and writes every text of definite length", () => {
    const texts = appendixA.filter((v) => /^6/.test(v.hex));
    expect(texts.length).toBe(7);
    for (const v of texts) {
      expect(reader(v.hex).text()).toBe(v.decoded);
      expect(toHex(new CborWriter().text(v.decoded as string).finish())).toBe(v.hex);
    }
  });
});
