// Heads, numbers, strings and tags that CBOR has and Sealwire has not.
import { type Bytes, utf8 } from "../kit/bytes.ts";
import { cbor, float64, head, type Raw } from "../kit/cbor.ts";
import { bytes, dat, encode, map, PAIRS, PLAIN, type Req, raw, text } from "./claims-cbor-samples.ts";
import { CLAIMS, EXP, MAX } from "./claims-sheet.ts";
import type { Group } from "./file.ts";

export function heads(group: Group): void {
  const refuse = (name: string, from: string, mutation: string, value: Bytes, more: readonly string[] = []): unknown =>
    group.refuse(name, from, mutation, ["cbor:shortest", ...more], bytes(value), CLAIMS);
  const relaxed = ["cbor:dat-relaxed"];
  const indefinite = (major: number, ...parts: Bytes[]): Raw => raw((major << 5) | 31, ...parts, 0xff);
  refuse(
    "indefinite-map",
    "plain",
    "claims of indefinite length",
    Buffer.concat([Buffer.of(0xbf), cbor(PLAIN).subarray(1), Buffer.of(0xff)]),
  );
  refuse("indefinite-key", "plain", "a key in chunks", map([[indefinite(3, text("seq")), 1], ...PAIRS.slice(1)]));
  refuse("indefinite-top", "plain", "top in chunks", encode({ top: indefinite(3, text("chat"), text(".say")) }));
  refuse("indefinite-text", "text", "text of the data in chunks", dat(indefinite(3, text("he"), text("llo"))));
  refuse("indefinite-bytes", "bytes", "bytes in chunks", dat(indefinite(2, cbor(Buffer.of(0, 255)))));
  refuse("indefinite-array", "nested", "an array of indefinite length in the data", dat(indefinite(4, cbor(1))));
  refuse(
    "indefinite-inner-map",
    "map-16",
    "a map of indefinite length in the data",
    dat(indefinite(5, text("a"), cbor(1))),
  );
  refuse(
    "indefinite-unknown",
    "unknown",
    "an array of indefinite length in an unknown claim",
    encode({ x: indefinite(4) }),
  );
  refuse(
    "long-map",
    "plain",
    "the length of the claims in a byte of its own: the relaxation holds inside dat",
    map(PAIRS, head(5, 4, 1)),
    relaxed,
  );
  refuse("long-map-16", "plain", "the length of the claims in two bytes", map(PAIRS, head(5, 4, 2)), relaxed);
  refuse(
    "long-key",
    "plain",
    "the length of a key in a byte of its own",
    map([[raw(text("seq", 1)), 1], ...PAIRS.slice(1)]),
  );
  refuse("long-top", "plain", "the length of top in a byte of its own", encode({ top: raw(text("chat.say", 1)) }));
  refuse("long-seq-8", "plain", "seq 1 in a byte of its own", encode({ seq: raw(head(0, 1, 1)) }));
  refuse("long-seq-16", "seq-24", "seq 24 in two bytes", encode({ seq: raw(head(0, 24, 2)) }));
  refuse("long-seq-32", "seq-24", "seq 24 in four bytes", encode({ seq: raw(head(0, 24, 4)) }));
  refuse("long-seq-64", "seq-24", "seq 24 in eight bytes", encode({ seq: raw(head(0, 24, 8)) }));
  refuse("long-exp", "plain", "exp in eight bytes", encode({ exp: raw(head(0, EXP, 8)) }));
  refuse(
    "long-ref",
    "ref",
    "the length of a pair in a byte of its own",
    encode({ ref: raw(head(4, 2, 1), cbor(7), cbor(0)) }),
  );
  refuse(
    "long-bytes",
    "bytes",
    "the length of the bytes in a byte of its own",
    dat(raw(head(2, 2, 1), Buffer.of(0, 255))),
  );
  refuse(
    "long-text",
    "text",
    "the length of text in the data in a byte of its own",
    dat(raw(text("hello", 1))),
    relaxed,
  );
  refuse(
    "long-array",
    "nested",
    "the length of an array in the data in a byte of its own",
    dat(raw(head(4, 1, 1), cbor(1))),
    relaxed,
  );
  refuse("long-integer", "integer-23", "23 in the data in a byte of its own", dat(raw(head(0, 23, 1))), relaxed);
  refuse("long-negative", "integer-minus-24", "-24 in the data in a byte of its own", dat(raw(head(1, 23, 1))));
  refuse(
    "long-integer-64",
    "integer-4294967295",
    "2^32-1 in the data in eight bytes",
    dat(raw(head(0, 2 ** 32 - 1, 8))),
  );
  refuse(
    "long-inner-key",
    "map-16",
    "a key in the data not in its shortest form",
    dat(raw(head(5, 1), text("a", 1), cbor(1))),
  );
  const item = (...parts: Raw[]): Buffer => encode({ top: undefined, dat: undefined, bat: parts });
  refuse(
    "long-item",
    "item",
    "the length of an item in a byte of its own",
    item(raw(head(4, 3, 1), text("a"), cbor(null), cbor(1))),
  );
  refuse(
    "long-bat",
    "item",
    "the length of a batch in a byte of its own",
    encode({ top: undefined, dat: undefined, bat: raw(head(4, 1, 1), cbor(["a", null, 1])) }),
  );
  for (const info of [28, 29, 30])
    refuse(`reserved-${info}`, "integer-23", `a head with the reserved value ${info}`, dat(raw(info)));
}

export function numbers(group: Group): void {
  const refuse = (name: string, from: string, mutation: string, value: Bytes, req: Req = "cbor:number"): unknown =>
    group.refuse(name, from, mutation, [req].flat(), bytes(value), CLAIMS);
  const own = "cbor:own-integer";
  for (const [claim, from, value] of [
    ["seq", "plain", 1],
    ["exp", "plain", EXP],
    ["iat", "iat", 0],
  ] as const) {
    refuse(`${claim}-float`, from, `${claim} as float64`, encode({ [claim]: raw(float64(value)) }), [
      own,
      "cbor:dat-relaxed",
    ]);
    refuse(`${claim}-2-53`, from, `${claim} of 2^53`, encode({ [claim]: raw(head(0, 2n ** 53n)) }), own);
    refuse(`${claim}-2-64-1`, from, `${claim} of 2^64-1`, encode({ [claim]: raw(head(0, 2n ** 64n - 1n)) }), own);
    refuse(`${claim}-bignum`, from, `${claim} as bignum`, encode({ [claim]: raw(0xc2, 0x41, 1) }), own);
  }
  refuse("exp-date", "plain", "tag 1 before exp", encode({ exp: raw(0xc1, cbor(EXP)) }), own);
  refuse("ref-float", "ref", "the number of a pair as float64", encode({ ref: [raw(float64(7)), 0] }), own);
  refuse("ref-index-float", "ref", "the index of a pair as float64", encode({ ref: [7, raw(float64(0))] }), own);
  refuse("ref-2-53", "ref", "a ref of 2^53", encode({ ref: raw(head(0, 2n ** 53n)) }), own);
  refuse("req-simple", "plain", "req as simple value 16", encode({ req: raw(0xf0) }), "cbor:tag");
  refuse("integer-2-53", `integer-${MAX}`, "2^53 in the data", dat(raw(head(0, 2n ** 53n))));
  refuse("integer-2-64-1", `integer-${MAX}`, "2^64-1 in the data", dat(raw(head(0, 2n ** 64n - 1n))));
  refuse("integer-minus-2-53", `integer-minus-${MAX}`, "-2^53 in the data", dat(raw(head(1, 2n ** 53n - 1n))));
  refuse("integer-minus-2-64", `integer-minus-${MAX}`, "-2^64 in the data", dat(raw(head(1, 2n ** 64n - 1n))));
  refuse("half", "float-integral", "1 as float16", dat(raw(0xf9, 0x3c, 0)), ["cbor:number", "cbor:dat-relaxed"]);
  refuse("single", "float-integral", "1 as float32", dat(raw(0xfa, 0x3f, 0x80, 0, 0)));
  refuse("half-fraction", "float", "a fraction as float16", dat([raw(0xf9, 0x38, 0)]));
  refuse("half-unknown", "unknown-relaxed", "float16 in an unknown claim", encode({ x: raw(0xf9, 0x3c, 0) }), [
    "cbor:number",
    "claims:unknown",
  ]);
  refuse("nan", "float", "NaN", dat(raw(float64(Number.NaN))));
  refuse("nan-half", "float", "NaN as float16", dat(raw(0xf9, 0x7e, 0)));
  refuse("infinity", "float", "infinity", dat(raw(float64(Number.POSITIVE_INFINITY))));
  refuse("infinity-negative", "float", "negative infinity, nested", dat([raw(float64(Number.NEGATIVE_INFINITY))]));
  refuse(
    "infinity-unknown",
    "unknown-relaxed",
    "infinity in an unknown claim",
    encode({ x: raw(float64(Number.POSITIVE_INFINITY)) }),
  );
  refuse("float-short", "float", "a float64 cut short", dat(0.1).subarray(0, -1), "cbor:map");
}

export function strings(group: Group): void {
  const refuse = (name: string, from: string, mutation: string, value: Bytes, req: string): unknown =>
    group.refuse(name, from, mutation, [req], bytes(value), CLAIMS);
  refuse("bytes-nested", "bytes", "bytes in an array", dat([Buffer.of(0, 255)]), "cbor:bytes");
  refuse("bytes-member", "bytes", "bytes in a map", dat({ a: Buffer.of(0, 255) }), "cbor:bytes");
  refuse(
    "bytes-item-nested",
    "bytes-in-item",
    "bytes in an array in the data of an item",
    encode({ top: undefined, dat: undefined, bat: [["a", null, [Buffer.of(1)]]] }),
    "cbor:bytes",
  );
  refuse(
    "bytes-unknown-nested",
    "bytes-in-unknown",
    "bytes in an array in an unknown claim",
    encode({ x: [Buffer.of(1)] }),
    "cbor:bytes",
  );
  refuse("bytes-top", "plain", "top as bytes", encode({ top: utf8("chat.say") }), "cbor:bytes");
  refuse("bytes-pad", "plain", "pad as bytes", encode({ pad: Buffer.of(0) }), "cbor:bytes");
  refuse(
    "bin",
    "bytes",
    "bin in place of dat: it exists in codec json alone",
    encode({ dat: undefined, bin: "AP8" }),
    "claims:table",
  );
  refuse("bin-bytes", "bytes", "bin as bytes", encode({ dat: undefined, bin: Buffer.of(0, 255) }), "claims:table");
  const invalid: readonly (readonly [string, string, readonly number[]])[] = [
    ["continuation", "a continuation byte alone", [0x80]],
    ["truncated", "a character cut short", [0xf0, 0x9f, 0x94]],
    ["overlong", "a slash in two bytes", [0xc0, 0xaf]],
    ["surrogate", "a surrogate in three bytes", [0xed, 0xa0, 0x80]],
    ["beyond", "a character beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["ff", "a byte that UTF-8 does not have", [0xff]],
  ];
  for (const [name, mutation, content] of invalid) {
    const value = raw(head(3, content.length), Buffer.from(content));
    refuse(`utf8-${name}`, "text", mutation, dat(value), "cbor:tag");
    if (name === "surrogate")
      refuse("utf8-unknown", "unknown", `${mutation}, in an unknown claim`, encode({ x: value }), "cbor:tag");
    if (name === "overlong")
      refuse("utf8-key", "nested", `${mutation}, in a key of the data`, dat(raw(map([[value, 1]]))), "cbor:tag");
  }
}

export function tags(group: Group): void {
  const refuse = (name: string, from: string, mutation: string, value: Bytes): unknown =>
    group.refuse(name, from, mutation, ["cbor:tag"], bytes(value), CLAIMS);
  const tag = (n: number, value: unknown): Raw => raw(head(6, n), cbor(value));
  refuse("self-described", "plain", "tag 55799 before the claims", cbor(tag(55799, PLAIN)));
  const tagged: readonly (readonly [string, number, unknown])[] = [
    ["date-text", 0, "2030-01-01T00:00:00Z"],
    ["date", 1, EXP],
    ["bignum", 2, Buffer.of(1)],
    ["bignum-negative", 3, Buffer.of(1)],
    ["decimal", 4, [-1, 15]],
    ["base64", 22, Buffer.of(1)],
    ["embedded", 24, Buffer.of(1)],
    ["reference-string", 25, 0],
    ["regexp", 27, ["RegExp", "a+", ""]],
    ["shared", 28, []],
    ["shared-reference", 29, 0],
    ["uri", 32, "https://example.com"],
    ["uuid", 37, Buffer.alloc(16)],
    ["set", 258, [1, 1]],
    ["map", 259, { a: 1 }],
    ["record", 57343, [1]],
  ];
  for (const [name, number, value] of tagged)
    refuse(`tag-${name}`, "nested", `tag ${number} in the data`, dat([tag(number, value)]));
  refuse("tag-whole", "bytes", "tag 24 before the bytes of dat", dat(tag(24, Buffer.of(0, 255))));
  refuse("tag-unknown", "unknown", "tag 1 in an unknown claim", encode({ x: tag(1, 0) }));
  refuse("undefined", "simple", "undefined", dat(raw(0xf7)));
  refuse("undefined-unknown", "unknown", "undefined in an unknown claim", encode({ x: raw(0xf7) }));
  refuse("simple-0", "simple", "simple value 0", dat(raw(0xe0)));
  refuse("simple-19", "simple", "simple value 19", dat(raw(0xf3)));
  refuse("simple-255", "simple", "simple value 255", dat(raw(0xf8, 255)));
  refuse("simple-long", "simple", "false in two bytes", dat(raw(0xf8, 20)));
  refuse("stray-break", "nested", "a break in place of a value", dat([raw(0xff)]));
}
