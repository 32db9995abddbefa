import { describe, expect, it } from "vitest";
import type { Codec } from "../../src/registry.generated.ts";
import { assertData, measureData } from "../../src/wire/data.ts";

const codecs: readonly Codec[] = ["json", "cbor"];
const check =
  (data: unknown, codec: Codec = "json") =>
  () =>
    assertData(data, codec);
const nested = (depth: number): unknown => (depth === 1 ? [] : [nested(depth - 1)]);

const holed = [1, 0, 2];
delete holed[1];

class Point {
  x = 1;
}

describe.each(codecs)("assertData for codec %s", (codec) => {
  it.each([
    null,
    true,
    0,
    -0,
    1.5,
    -7,
    2 ** 53 - 1,
    -(2 ** 53 - 1),
    "",
    "\u{1f600}\ufeff",
    [],
    {},
    [[null]],
    { a: { b: [1, "x"] } },
    Object.assign(Object.create(null), { a: 1 }),
    { constructor: 1, toString: "x", hasOwnProperty: null, toJSON: 1 },
    new Uint8Array(3),
    Buffer.from("x"),
  ])("allows %j", (data) => {
    expect(check(data, codec)).not.toThrow();
  });

  it.each<[string, unknown, string]>([
    ["undefined", undefined, "data: undefined"],
    ["undefined as member value", { a: { b: undefined } }, "data.a.b: undefined"],
    ["a hole", holed, "data[1]: undefined"],
    ["NaN", { a: [0, Number.NaN] }, "data.a[1]: NaN"],
    ["Infinity", [Number.POSITIVE_INFINITY], "data[0]: Infinity"],
    ["-Infinity", { "a b": Number.NEGATIVE_INFINITY }, 'data["a b"]: -Infinity'],
    ["a bigint", { a: 1n }, "data.a: bigint"],
    ["a function", { a: () => 1 }, "data.a: function"],
    ["a symbol", [Symbol("s")], "data[0]: symbol"],
    ["nested bytes", { a: new Uint8Array(1) }, "data.a: bytes"],
    ["another typed array", new Float64Array(1), "data: only plain"],
    ["a Date", { at: new Date(0) }, "data.at: a toJSON"],
    ["a Map", new Map(), "data: only plain"],
    ["a Set in an array", [new Set()], "data[0]: only plain"],
    ["an instance of a class", { p: new Point() }, "data.p: only plain"],
    ["an inherited object", Object.create({ a: 1 }), "data: only plain"],
    ["an array of another class", new (class extends Array {})(), "data: only plain"],
    ["a boxed value", [Object("x")], "data[0]: only plain"],
    ["a lone surrogate", ["a\ud800"], "data[0]: a lone"],
    ["a lone surrogate as key", { "\udc00": 1 }, "data: a lone"],
    ["__proto__", JSON.parse('{"a":{"__proto__":1}}'), "data.a: the member name __proto__"],
    ["a symbol as key", { [Symbol("s")]: 1 }, "data: a symbol"],
    ["toJSON", { toJSON: () => 1 }, "data: a toJSON"],
    ["toJSON of an array", Object.assign([1], { toJSON: () => 1 }), "data: a toJSON"],
    ["members of an array", Object.assign([1], { a: 1 }), "data: an array"],
  ])("refuses %s and names the path", (_, data, message) => {
    expect(check(data, codec)).toThrowError(TypeError);
    expect(check(data, codec)).toThrowError(message);
  });

  it("leaves room for the claims around: 31 levels as dat, 29 in a batch", () => {
    expect(check(nested(31), codec)).not.toThrow();
    expect(check(nested(32), codec)).toThrowError(TypeError);
    const inBatch = { depth: 3, nodes: 0 };
    expect(() => assertData(nested(29), codec, inBatch)).not.toThrow();
    expect(() => assertData(nested(30), codec, inBatch)).toThrowError(TypeError);
  });

  it("refuses cycles", () => {
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    expect(check(cycle, codec)).toThrowError(/cycle/);
  });

  it("limits members and values", () => {
    const object = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, 0]));
    expect(check([object(256)], codec)).not.toThrow();
    expect(check([object(257)], codec)).toThrowError("data[0]: more than 256");
    const array = (n: number) => new Array(n).fill(0);
    const alone = { depth: 0, nodes: 0 };
    expect(() => assertData(array(99_999), codec, alone)).not.toThrow();
    expect(() => assertData(array(100_000), codec, alone)).toThrowError(TypeError);
  });

  it("measures how deep it is nested", () => {
    expect([1, [], { a: [1, 2], b: "x" }, [[], [[]]], new Uint8Array(9)].map((d) => measureData(d, codec))).toEqual([
      1, 2, 3, 4, 1,
    ]);
  });
});

describe("assertData", () => {
  it.each([2 ** 53, -(2 ** 53), 1e300])("refuses the integer %s with codec cbor only", (n) => {
    expect(check({ n }, "json")).not.toThrow();
    expect(check({ n }, "cbor")).toThrowError("data.n: an integer beyond 2^53-1");
  });
});
