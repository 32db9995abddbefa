import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/wire/json.ts";
import { Refused, refuse } from "./helpers.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const parse = (text: string) => parseJson(text, refuse);

describe("parseJson", () => {
  it("agrees with JSON.parse on what JSON.stringify writes", () => {
    const value = fc.jsonValue({ maxDepth: 5, stringUnit: "binary" });
    fc.assert(
      fc.property(value, fc.constantFrom(0, 2), (json, indent) => {
        fc.pre(!JSON.stringify(json).includes('"__proto__"'));
        const text = JSON.stringify(json, null, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it("accepts nothing that JSON.parse refuses, and throws nothing of its own", () => {
    const piece = fc.constantFrom(
      ...'{}[],:"\\ut0123456789.eE+-\n\t ',
      "true",
      "null",
      '"a"',
      '":',
      "\\u0061",
      "\\ud800",
      "\u0000",
      "\u2028",
      "\ufeff",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }).map((parts) => parts.join("")),
        (text) => {
          try {
            expect(parse(text)).toEqual(JSON.parse(text));
          } catch (error) {
            expect(error).toBeInstanceOf(Refused);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  it("refuses a valid text after any one character is lost, unless JSON.parse takes it too", () => {
    const text = '{"a":[1.5e3,-0,"\\u0041\\n\u{1f600}",true,null],"b":{"":{}},"c":[]}';
    for (let i = 0; i < text.length; i++) {
      const cut = text.slice(0, i) + text.slice(i + 1);
      let accepted = true;
      try {
        parse(cut);
      } catch {
        accepted = false;
      }
      if (accepted) expect(() => JSON.parse(cut)).not.toThrow();
      expect(() => parse(text.slice(0, i))).toThrowError(Refused);
    }
  });

  it.each([
    "",
    " ",
    "{",
    "}",
    "[1,]",
    "[,1]",
    '{"a":1,}',
    "{a:1}",
    "{'a':1}",
    '{"a" 1}',
    '{"a":}',
    "[1 2]",
    "01",
    "1.",
    ".5",
    "+1",
    "-",
    "1e",
    "0x1",
    "NaN",
    "Infinity",
    "-Infinity",
    "undefined",
    "tru",
    "nul",
    "TRUE",
    '"',
    '"\t"',
    '"\n"',
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\',
    "'a'",
    "// a\n1",
    "/**/1",
    "\u00a01",
    "1\u2028",
    "\v1",
    "[1]]",
    "1 2",
    "{}{}",
    "null\0",
  ])("refuses bad grammar %j", (text) => {
    expect(() => parse(text)).toThrowError(Refused);
  });

  it.each([
    ["a byte order mark", "\ufeff{}"],
    ["duplicate names", '{"a":1,"a":1}'],
    ["duplicate names after unescaping", '{"a":1,"\\u0061":2}'],
    ["duplicate names deep inside", '{"x":[{"y":{"a":1,"b":2,"a":3}}]}'],
    ["__proto__", '{"__proto__":1}'],
    ["__proto__, escaped and deep", '[{"a":{"\\u005f_proto__":{}}}]'],
    ["a raw lone surrogate", '"\ud800"'],
    ["a raw lone surrogate as name", '{"\udc00":1}'],
    ["an escaped lone surrogate", '"\\ud800"'],
    ["an escaped lone surrogate before another character", '"\\uD83Dx\\uDE00"'],
    ["an escaped pair in the wrong order", '"\\ude00\\ud83d"'],
    ["an escaped lone surrogate as name", '{"\\udc00":1}'],
    ["half raw, half escaped", '"\ud83d\\ude00"'],
    ["overflow", "1e400"],
    ["negative overflow, deep", '{"a":[-1e309]}'],
    ["overflow by digits", "9".repeat(400)],
    ["a second value", "{} []"],
  ])("refuses %s", (_, text) => {
    expect(() => parse(text)).toThrowError(Refused);
  });

  it("refuses a name that comes again, wherever it stands among few or many", () => {
    for (const count of [1, 2, 11, 12, 13, 14, 40]) {
      const names = Array.from({ length: count }, (_, i) => `n${i}`);
      const text = (all: readonly string[]) => `{${all.map((name) => `"${name}":0`).join()}}`;
      expect(Object.keys(parse(text(names)) as object)).toEqual(names);
      for (const name of names) expect(() => parse(text([...names, name]))).toThrowError(/^duplicate member name/);
    }
  });

  it("takes what only looks dangerous", () => {
    expect(parse('{"a":{"b":1},"b":{"a":1}}')).toEqual({ a: { b: 1 }, b: { a: 1 } });
    expect(parse('"\\ud83d\\ude00"')).toBe("\u{1f600}");
    expect(parse('["__proto__","\ufeff"]')).toEqual(["__proto__", "\ufeff"]);
    expect(parse("[1e-400,9007199254740993,1e300]")).toEqual([0, 9007199254740992, 1e300]);
    expect(parse(' \r\n\t{ "a" : [ ] } ')).toEqual({ a: [] });
    expect(parse('{"constructor":1,"":2}')).toEqual({ constructor: 1, "": 2 });
  });

  it("names a position and no content", () => {
    expect(() => parse('{"secret":1,"secret":2}')).toThrowError(/^duplicate member name, at character 20$/);
  });

  describe("limits", () => {
    it("passes depth 32 and refuses 33", () => {
      expect(() => parse(nested(32))).not.toThrow();
      expect(() => parse(nested(33))).toThrowError(Refused);
      const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
      expect(() => parse(objects(32))).not.toThrow();
      expect(() => parse(objects(33))).toThrowError(Refused);
      expect(() => parseJson(nested(2), refuse, { maxDepth: 1 })).toThrowError(Refused);
    });

    it("refuses endless nesting without overflow of the stack", () => {
      expect(() => parse("[".repeat(1_000_000))).toThrowError(Refused);
      expect(() => parse('{"a":'.repeat(200_000))).toThrowError(Refused);
    });

    it("passes 256 members and refuses 257", () => {
      const object = (n: number) => `{${Array.from({ length: n }, (_, i) => `"m${i}":0`).join(",")}}`;
      expect(() => parse(object(256))).not.toThrow();
      expect(() => parse(object(257))).toThrowError(Refused);
      expect(() => parseJson(object(3), refuse, { maxMembers: 2 })).toThrowError(Refused);
    });

    it("passes 100,000 values and refuses one more", () => {
      const array = (values: number) => `[${"0,".repeat(values - 2)}0]`;
      expect(() => parse(array(100_000))).not.toThrow();
      expect(() => parse(array(100_001))).toThrowError(Refused);
      expect(() => parseJson(array(4), refuse, { maxNodes: 3 })).toThrowError(Refused);
    });

    it("reads long strings and numbers", () => {
      expect(parse(JSON.stringify("\u0001é".repeat(200_000)))).toBe("\u0001é".repeat(200_000));
      expect(parse(`0.${"1".repeat(500_000)}`)).toBeCloseTo(0.111);
    });
  });

  describe("own integers", () => {
    const own = (text: string) => () => parseJson(text, refuse, { isOwnInteger: (path) => path.join("/") === "seq" });

    it.each(["0", "1", "42", "9007199254740991"])("takes %s", (n) => {
      expect(own(`{"seq":${n}}`)()).toEqual({ seq: Number(n) });
    });

    it.each(["-0", "-1", "1.0", "1e3", "1E0", "0.5", "9007199254740992", "9999999999999999", "10000000000000000"])(
      "refuses %s",
      (n) => {
        expect(own(`{"seq":${n}}`)).toThrowError(Refused);
        expect(own(`{"dat":{"seq":${n}},"x":[${n}]}`)).not.toThrow();
      },
    );

    it("hears the whole path of every number", () => {
      const paths: string[] = [];
      parseJson('{"a":[1,{"b":2},[[3]]],"\\u0063":4}', refuse, {
        isOwnInteger: (path) => {
          paths.push(JSON.stringify(path));
          return false;
        },
      });
      expect(paths).toEqual(['["a",0]', '["a",1,"b"]', '["a",2,0,0]', '["c"]']);
    });
  });

  it("undoes JSON.stringify", () => {
    expect(parse(JSON.stringify({ a: [1, "\u2028", null], b: { c: true } }))).toEqual({
      a: [1, "\u2028", null],
      b: { c: true },
    });
  });
});
