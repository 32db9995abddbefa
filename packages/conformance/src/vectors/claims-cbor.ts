// CBOR as Sealwire reads it: what a common decoder lets through.
import { type Bytes, utf8 } from "../kit/bytes.ts";
import { cbor, float64, head } from "../kit/cbor.ts";
import { bytes, dat, encode, map, PAIRS, PLAIN, type Req, raw, text } from "./claims-cbor-samples.ts";
import { heads, numbers, strings, tags } from "./claims-cbor-values.ts";
import { CLAIMS, EXP, item, MAX, type Members } from "./claims-sheet.ts";
import { Group } from "./file.ts";

const RESULT = { seq: 1, exp: EXP, items: [item("hello")] };

export function cborItem(): Group {
  const group = new Group("claims/cbor", {
    level: "L1",
    section: "envelope.md#6-codecs",
    op: "claims.read",
    context: { kind: "application", codec: "cbor", level: "aead" },
  });
  accepted(group);
  relaxed(group);
  maps(group);
  heads(group);
  numbers(group);
  strings(group);
  tags(group);
  return group;
}

function accepted(group: Group): void {
  const accept = (name: string, comment: string, req: string, value: Bytes, result: Members = RESULT): unknown =>
    group.accept(name, comment, [req], bytes(value), result);
  const one = (data: unknown): Members => ({ items: [item(data)] });
  accept("plain", "honest claims", "cbor:map", cbor(PLAIN));
  accept(
    "order",
    "the order of keys is nothing a receiver checks",
    "cbor:map",
    cbor({ dat: "hello", top: "chat.say", exp: EXP, seq: 1 }),
  );
  accept("bytes", "bytes as the whole of dat", "cbor:bytes", dat(Buffer.of(0, 255)), one({ $bytes: "00ff" }));
  accept("bytes-empty", "no bytes", "cbor:bytes", dat(Buffer.of()), one({ $bytes: "" }));
  const bat = (data: unknown): Buffer => encode({ top: undefined, dat: undefined, bat: [["a", null, data]] });
  accept("bytes-in-item", "bytes as the whole data of an item", "cbor:bytes", bat(Buffer.of(1)), {
    items: [item({ $bytes: "01" }, "a")],
  });
  accept("bytes-in-unknown", "bytes as the whole of an unknown claim", "cbor:bytes", encode({ x: Buffer.of(1) }));
  accept(
    "text",
    "text beyond ASCII, with a NUL and a byte order mark",
    "cbor:tag",
    dat("\ufeffé\u0000\u{1f512}"),
    one("\ufeffé\u0000\u{1f512}"),
  );
  const long = `\ufeff${"x".repeat(80)}`;
  accept(
    "text-long-bom",
    "a byte order mark before a long text, which a decoder may swallow",
    "cbor:tag",
    dat([long, long]),
    one([long, long]),
  );
  for (const n of [23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, MAX]) {
    accept(`integer-${n}`, "an integer in its shortest form", "cbor:number", dat(n), one(n));
    accept(`integer-minus-${n}`, "a negative integer in its shortest form", "cbor:number", dat(-n), one(-n));
  }
  accept("float", "a fraction as float64", "cbor:number", dat(0.1), one(0.1));
  accept("float-least", "a denormal float64", "cbor:number", dat(5e-324), one(5e-324));
  accept("simple", "false, true and null", "cbor:tag", dat([false, true, null]), one([false, true, null]));
  accept(
    "nested",
    "maps and arrays in dat",
    "cbor:map",
    dat({ a: { a: [{}] }, "": [] }),
    one({ a: { a: [{}] }, "": [] }),
  );
  accept(
    "inner-names",
    "constructor and prototype below depth 1",
    "claims:proto",
    dat({ constructor: { prototype: 1 } }),
    one({ constructor: { prototype: 1 } }),
  );
  accept("seq-max", "seq 2^53-1", "cbor:own-integer", encode({ seq: MAX }), { seq: MAX });
  accept("seq-24", "seq in one byte of its own", "cbor:own-integer", encode({ seq: 24 }), { seq: 24 });
  accept("iat", "iat 0", "cbor:own-integer", encode({ iat: 0 }), { iat: 0 });
  accept("ref", "a pair of integers", "cbor:own-integer", encode({ ref: [7, 0] }), {
    items: [item("hello", "chat.say", [7, 0])],
  });
  accept("unknown", "unknown claims", "claims:unknown", encode({ sub: 1, x: { y: [null] } }));
}

/** Inside dat, the data of an item and unknown claims. */
function relaxed(group: Group): void {
  const req = ["cbor:dat-relaxed"];
  const accept = (name: string, comment: string, value: Bytes, data: unknown, more: Members = {}): unknown =>
    group.accept(name, comment, req, bytes(value), { items: [item(data)], ...more });
  const longMap = raw(0xb9, 0, 1, text("a"), 1);
  accept(
    "map-16",
    "a map of one member whose length stands in two bytes, as some encoders write every map",
    dat(longMap),
    { a: 1 },
  );
  accept("map-8", "a length in one byte", dat(raw(0xb8, 1, text("a"), 1)), { a: 1 });
  accept("map-32", "a length in four bytes", dat(raw(0xba, 0, 0, 0, 1, text("a"), 1)), { a: 1 });
  accept("map-64", "a length in eight bytes, nested", dat([raw(0xbb, head(0, 1, 8).subarray(1), text("a"), 1)]), [
    { a: 1 },
  ]);
  accept("map-empty", "no member, in two bytes", dat(raw(0xb9, 0, 0)), {});
  accept("float-integral", "an integral number as float64", dat(raw(float64(1))), 1);
  accept(
    "float-milliseconds",
    "a time in milliseconds, as some encoders write integers from 2^32 on",
    dat({ at: raw(float64(1893456000000)) }),
    { at: 1893456000000 },
  );
  accept("float-negative", "a negative one", dat([raw(float64(-7))]), [-7]);
  const bat = encode({ top: undefined, dat: undefined, bat: [["a", null, [longMap, raw(float64(2))]]] });
  group.accept("item", "both in the data of an item", req, bytes(bat), { items: [item([{ a: 1 }, 2], "a")] });
  accept("unknown-relaxed", "both in an unknown claim", encode({ x: [longMap, raw(float64(2))] }), "hello");
}

function maps(group: Group): void {
  const refuse = (name: string, from: string, mutation: string, value: Bytes, req: Req = "cbor:map"): unknown =>
    group.refuse(name, from, mutation, [req].flat(), bytes(value), CLAIMS);
  const plain = cbor(PLAIN);
  refuse("empty", "plain", "nothing at all", Buffer.of());
  refuse("array", "plain", "the map in an array", cbor([PLAIN]));
  refuse("byte-string", "plain", "the map in a byte string", cbor(plain));
  refuse("json", "plain", "JSON in place of CBOR", utf8(JSON.stringify(PLAIN)));
  refuse("pairs", "plain", "an array of pairs", cbor(PAIRS));
  refuse("trailing", "plain", "a byte after the map", Buffer.concat([plain, Buffer.of(0)]));
  refuse("second", "plain", "a second map after the first", Buffer.concat([plain, plain]));
  refuse("truncated", "plain", "the last byte removed", plain.subarray(0, -1));
  refuse("count-more", "plain", "a length one greater than the number of members", map(PAIRS, head(5, 5)));
  refuse("count-fewer", "plain", "a length one less than the number of members", map(PAIRS, head(5, 3)));
  refuse(
    "count-huge",
    "plain",
    "a length of 2^64-1",
    map(PAIRS, Buffer.concat([Buffer.of(0xbb), Buffer.alloc(8, 0xff)])),
  );
  refuse("break", "plain", "a break after the map", Buffer.concat([plain, Buffer.of(0xff)]));
  refuse("twice-seq", "plain", "seq twice, with one value", map([...PAIRS, ["seq", 1]]));
  refuse("twice-top", "plain", "top twice, the last one wins in many decoders", map([...PAIRS, ["top", "admin.kick"]]));
  refuse("twice-unknown", "unknown", "an unknown claim twice", map([...PAIRS, ["x", 1], ["x", 2]]), [
    "cbor:map",
    "claims:unknown",
  ]);
  refuse(
    "twice-in-dat",
    "nested",
    "a key of the data twice",
    dat(
      raw(
        map([
          ["a", 1],
          ["a", 2],
        ]),
      ),
    ),
  );
  refuse(
    "twice-deep",
    "nested",
    "a key twice at depth 4",
    dat([
      [
        raw(
          map([
            ["", 1],
            ["", 1],
          ]),
        ),
      ],
    ]),
  );
  for (const [name, key] of [
    ["integer", 1],
    ["negative", -1],
    ["bytes", utf8("x")],
    ["null", null],
    ["array", []],
    ["float", 1.5],
    ["true", true],
  ] as const) {
    refuse(`key-${name}`, "unknown", `a key of another type: ${name}`, map([...PAIRS, [key, 1]]));
    refuse(`inner-key-${name}`, "nested", `a key of another type in the data: ${name}`, dat(raw(map([[key, 1]]))));
  }
  const proto = "claims:proto";
  refuse("proto", "unknown", "a claim named __proto__", map([...PAIRS, ["__proto__", 1]]), proto);
  refuse("proto-in-dat", "inner-names", "__proto__ in the data", dat(raw(map([["__proto__", 1]]))), proto);
  refuse(
    "proto-in-unknown",
    "unknown",
    "__proto__ in an unknown claim",
    encode({ x: raw(map([["__proto__", 1]])) }),
    proto,
  );
  refuse("constructor", "unknown", "a claim named constructor", map([...PAIRS, ["constructor", 1]]), proto);
  refuse("prototype", "unknown", "a claim named prototype", map([...PAIRS, ["prototype", 1]]), proto);
}
