import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Encoder, type Options } from "cbor-x/index-no-eval";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CborReader, CborWriter } from "../../src/wire/cbor.ts";
import { encodeDat, readData } from "../../src/wire/dat.ts";
import { assertData } from "../../src/wire/data.ts";
import type { Data, Json } from "../../src/wire/json.ts";
import { appendixA } from "./appendix-a.ts";
import { hex, Refused, refuse, toHex } from "./helpers.ts";

const NODES = 100_000;

/** Reads the item at `offset`, whose end comes with it. */
function readAt(bytes: Uint8Array, offset = 0, depth = 1, budget = { nodes: NODES }): { data: Data; end: number } {
  const reader = new CborReader(bytes, refuse, offset);
  const data = readData(reader, depth, budget);
  return { data, end: reader.position };
}

const scan = (bytes: Uint8Array) => readAt(bytes).end;
const scanHex = (text: string) => scan(hex(text));

function read(bytes: Uint8Array): Data {
  const { data, end } = readAt(bytes);
  expect(end).toBe(bytes.length);
  return data;
}

const text = fc.string({ unit: "binary", maxLength: 90 });
const longText = fc.tuple(
  fc.constantFrom("", "\ufeff", "\ufeff\ufeff"),
  fc.string({ unit: "grapheme", minLength: 50, maxLength: 300 }),
);
const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
  text,
  longText.map((parts) => parts.join("")),
);
const { data } = fc.letrec<{ data: Json }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    scalar,
    fc.array(tie("data"), { maxLength: 30, size: "small" }),
    fc.dictionary(
      text.filter((key) => key !== "__proto__"),
      tie("data"),
      { maxKeys: 40, size: "small" },
    ),
  ) as fc.Arbitrary<Json>,
}));

const cborX = new Encoder({ useRecords: false, mapsAsObjects: true, int64AsNumber: true } as Options);

/** Values as JSON sees them: no -0, no null prototypes. */
const normal = (value: Json): unknown => JSON.parse(JSON.stringify(value));

describe("encodeDat, readData", () => {
  it("round-trip every value of the data model", () => {
    fc.assert(
      fc.property(data, (value) => {
        assertData(value, "cbor");
        expect(read(encodeDat(value))).toEqual(normal(value));
      }),
      { numRuns: 500 },
    );
  });

  it("give numbers, never bigint", () => {
    for (const n of [2 ** 31, 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53 - 1)])
      expect(read(encodeDat([n]))).toEqual([n]);
    expect(read(hex("821b0000000100000000 3b001ffffffffffffe"))).toEqual([2 ** 32, -(2 ** 53 - 1)]);
  });

  it("keep -0 as 0", () => {
    expect(toHex(encodeDat([-0]))).toBe("8100");
  });

  it("take integers written as float64, and long map heads", () => {
    expect(read(hex("82fb41f0000000000000 fb3ff0000000000000"))).toEqual([2 ** 32, 1]);
    expect(read(hex("b90001616101"))).toEqual({ a: 1 });
    expect(read(hex("ba00000001616101"))).toEqual({ a: 1 });
    expect(read(hex("bb0000000000000001616101"))).toEqual({ a: 1 });
  });

  it("rename no key and lose no byte order mark, whatever the length", () => {
    expect(read(encodeDat({ __proto_: 1, constructor: 2, "": 3 }))).toEqual({ __proto_: 1, constructor: 2, "": 3 });
    for (const mark of ["\ufeff", "\ufeff\ufeff"]) {
      for (let length = 0; length < 140; length++) {
        const marked = mark + "a".repeat(length);
        const value = { [marked]: [marked], ["a".repeat(length)]: "x", n: [1, -1, 1.5, true, null] };
        const back = read(encodeDat(value)) as object;
        expect(Object.entries(back)).toEqual(Object.entries(value));
      }
    }
  });

  it("share no memory with what was read", () => {
    const bytes = hex("4401020304");
    const { data } = readAt(Buffer.from(bytes));
    expect(data).toEqual(hex("01020304"));
    expect(Object.getPrototypeOf(data)).toBe(Uint8Array.prototype);
    expect((data as Uint8Array).buffer.byteLength).toBe(4);
  });
});

describe("readData", () => {
  it("reads the item at the offset and nothing after it", () => {
    expect(readAt(hex("ff820102ff"), 1)).toEqual({ data: [1, 2], end: 4 });
  });

  it("takes bytes only as the whole item", () => {
    expect(scanHex("4101")).toBe(2);
    for (const item of ["814101", "a161614101", "a1410101"]) expect(() => scanHex(item)).toThrowError(Refused);
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["indefinite array, one byte (CVE of cbor-x up to 1.6.5)", "9f"],
    ["indefinite array", "9f01ff"],
    ["indefinite map", "bf616101ff"],
    ["indefinite text", "7f6161ff"],
    ["array of 4 G elements", "9affffffff"],
    ["map of 4 G entries", "baffffffff"],
    ["text of 4 GiB", "7affffffff"],
    ["array longer than the rest", "830102"],
    ["stray break", "ff"],
    ["undefined", "f7"],
    ["simple values", "f0"],
    ["simple value in two bytes", "f814"],
    ["float16", "f93c00"],
    ["float32", "fa47c35000"],
    ["NaN", "fb7ff8000000000000"],
    ["Infinity", "81fb7ff0000000000000"],
    ["integer of 2^53", "1b0020000000000000"],
    ["negative integer below -(2^53-1)", "3b001fffffffffffff"],
    ["date tag", "c000"],
    ["tag that makes an expression", "d81b826652656745787061612b"],
    ["tags that share and cycle", "d81c81d81d00"],
    ["set", "d90102818001"],
    ["map tag", "d90103a0"],
    ["record definition", "d9dfff8400816161 01"],
    ["record reference", "d9e00080"],
    ["packed reference", "c600"],
    ["bundled strings", "d9dff98200"],
    ["self-described", "d9d9f700"],
    ["non-shortest integer", "1801"],
    ["non-shortest text head", "780161"],
    ["non-shortest array head", "980100"],
    ["integer as key", "a10102"],
    ["null as key", "a1f601"],
    ["duplicate keys", "a2616101616102"],
    ["duplicate keys, deep", "81a16178a2616101616102"],
    ["__proto__", "a1695f5f70726f746f5f5f01"],
    ["invalid UTF-8", "62c0ae"],
    ["UTF-8 of a lone surrogate", "63eda080"],
    ["invalid UTF-8 in a key", "a161ff01"],
    ["invalid UTF-8 in a long text", `7850${"61".repeat(79)}ff`],
    ["cut text", "6261"],
    ["cut float64", "fb3ff0"],
  ])("refuses %s", (_, item) => {
    expect(() => scanHex(item)).toThrowError(Refused);
  });

  it.each([64, 200])("refuses a bignum of %d KB at its tag", (kb) => {
    const size = kb * 1024;
    const bignum = new CborWriter(size + 8).raw(hex("c2")).bytes(new Uint8Array(size).fill(0xff)).finish();
    expect(() => scan(bignum)).toThrowError(Refused);
  });

  const nested = (depth: number) => hex(`${"81".repeat(depth - 1)}80`);

  it("counts the containers around: 31 levels in the claims map, 29 in a batch, 32 alone", () => {
    const at = (levels: number, depth: number) => () => readAt(nested(levels), 0, depth);
    for (const [levels, depth] of [
      [31, 1],
      [29, 3],
      [32, 0],
    ] as const) {
      expect(at(levels, depth)).not.toThrow();
      expect(at(levels + 1, depth)).toThrowError(Refused);
    }
    expect(() => scan(hex(`${"a16161".repeat(32)}00`))).toThrowError(Refused);
  });

  it("refuses endless nesting without overflow of the stack", () => {
    expect(() => scan(new Uint8Array(1_000_000).fill(0x81))).toThrowError(Refused);
  });

  it("passes 256 members and refuses 257", () => {
    const map = (n: number) => encodeDat(Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, 0])));
    expect(scan(map(256))).toBeGreaterThan(0);
    expect(() => scan(map(257))).toThrowError(Refused);
  });

  it("passes 100,000 values, refuses one more, and lowers a shared budget", () => {
    const array = (values: number) =>
      new CborWriter()
        .array(values - 1)
        .raw(new Uint8Array(values - 1))
        .finish();
    expect(scan(array(100_000))).toBeGreaterThan(0);
    expect(() => scan(array(100_001))).toThrowError(Refused);
    const budget = { nodes: 7 };
    readAt(array(4), 0, 1, budget);
    expect(budget.nodes).toBe(3);
    expect(() => readAt(array(4), 0, 1, budget)).toThrowError(Refused);
    expect(() => readAt(hex("40"), 0, 1, { nodes: 0 })).toThrowError(Refused);
  });

  it("throws nothing of its own on random or mutated bytes; what it passes decodes to the data model", () => {
    const mutated = fc.tuple(data, fc.nat(), fc.nat({ max: 255 })).map(([value, at, byte]) => {
      const bytes = new Uint8Array(encodeDat(value));
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), (bytes) => {
        let item: ReturnType<typeof readAt>;
        try {
          item = readAt(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Refused);
          return;
        }
        expect(item.end).toBeLessThanOrEqual(bytes.length);
        // Codec json admits floats above 2^53, as the receiver does here.
        assertData(item.data, "json");
        // What is admitted means what it means to a decoder for everything, but for the byte order marks that cbor-x swallows.
        if (item.data instanceof Uint8Array || JSON.stringify(item.data).includes("\ufeff")) return;
        expect(item.data).toEqual(cborX.decode(bytes.subarray(0, item.end)));
      }),
      { numRuns: 3000 },
    );
  });
});

describe.skipIf(appendixA.length === 0)("RFC 7049 appendix A", () => {
  const excluded = [
    "1bffffffffffffffff",
    "3bffffffffffffffff",
    "a201020304", // beyond 2^53-1, keys that are no text
  ];
  const inModel = (item: string) =>
    !/^(?:f9|fa|f7|f0|f8|fb7ff|fbfff|c|d|4|5f|7f|9f|bf|83018202039f|83019f|826161bf)/.test(item) &&
    !excluded.includes(item);

  it.each(appendixA.map((v) => [v.hex, v] as const))("%s", (item, vector) => {
    if (inModel(item)) expect(read(hex(item))).toEqual(vector.decoded);
    // Bytes as the whole: the two of the appendix have a head of one byte.
    else if (/^4/.test(item)) expect(read(hex(item))).toEqual(hex(item).slice(1));
    else expect(() => scanHex(item)).toThrowError(Refused);
  });

  it("holds 35 items of the data model", () => {
    expect(appendixA.filter((v) => inModel(v.hex)).length).toBe(35);
  });
});

describe("the build of cbor-x", () => {
  const require = createRequire(import.meta.url);
  const entry = require.resolve("cbor-x/index-no-eval");

  it("holds no eval and no addon", () => {
    const source = readFileSync(entry, "utf8");
    expect(source).not.toMatch(/new Function|\beval\(|cbor-extract|\brequire\(/);
  });

  it("loads nothing beside itself in Node, and runs where code from strings is forbidden", () => {
    const script = `
      const { createRequire } = await import("node:module");
      const require = createRequire(${JSON.stringify(fileURLToPath(import.meta.url))});
      const { Encoder } = require("cbor-x/index-no-eval");
      const codec = new Encoder({ useRecords: false, mapsAsObjects: true });
      codec.decode(codec.encode([{ a: 1 }, { a: 2 }, { a: 3 }]));
      console.log(JSON.stringify([Object.keys(require.cache), process.report.getReport().sharedObjects.join()]));`;
    const flags = ["--disallow-code-generation-from-strings", "--input-type=module", "-e", script];
    const [modules, libraries] = JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8" })) as [
      string[],
      string,
    ];
    expect(modules).toEqual([entry]);
    expect(libraries).not.toContain("cbor-extract");
  });
});

it("what is encoded while data is read has no part in that data, which is refused", () => {
  let within: Uint8Array | undefined;
  const data = {
    get a() {
      within = encodeDat({ secret: "s" }).slice();
      return 1;
    },
  };
  expect(() => encodeDat(data)).toThrow(TypeError);
  expect(read(within as Uint8Array)).toEqual({ secret: "s" });
  expect(read(encodeDat({ b: 2 }))).toEqual({ b: 2 });
  const broken = {
    get a(): number {
      throw new RangeError("own");
    },
  };
  expect(() => encodeDat(broken)).toThrow(RangeError);
  expect(read(encodeDat([1]))).toEqual([1]);
});
