import { describe, expect, it } from "vitest";
import { cbor, Entries, float64, type Raw, raw } from "../support/cbor.ts";
import { until } from "../support/clock.ts";
import {
  attacked,
  bytes,
  CLAIMS,
  claims,
  expectDelivered,
  expectFatal,
  type Make,
  members,
  nested,
} from "../support/messages.ts";
import type { PairOptions } from "../support/pair.ts";
import type { Puppet } from "../support/puppet.ts";

type Row = readonly [name: string, make: Make];

const AT: readonly PairOptions[] = [
  { codec: "cbor", level: "aead", protocol: "sealwire.v1.cbor" },
  { codec: "cbor", level: "sig", protocol: "sealwire.v1.text" },
];
const at = ({ level, protocol }: PairOptions) => `${level}, ${protocol}`;

function refuses(rows: readonly Row[]): void {
  for (const options of AT)
    for (const [name, make] of rows) it(`${name}, ${at(options)}`, () => expectFatal(make, CLAIMS, options));
}

function accepts(rows: readonly (readonly [string, Make, unknown])[]): void {
  for (const options of AT) {
    for (const [name, make, data] of rows) {
      it(`${name}, ${at(options)}`, async () => {
        await expectDelivered(make, data, options);
      });
    }
  }
}

/** The right claims with entries put in front. */
const entries =
  (...more: readonly (readonly [unknown, unknown])[]): Make =>
  (puppet: Puppet) =>
    puppet.message(cbor(new Entries([...more, ...Object.entries(puppet.claims())])));
const dat = (hex: string): Make => claims({ dat: raw(hex) });
const own = (name: string, value: Raw): Row => [`${name} ${value.bytes.toString("hex")}`, claims({ [name]: value })];
const change =
  (edit: (good: Buffer) => Buffer): Make =>
  (puppet) =>
    puppet.message(edit(cbor(puppet.claims())));
const hex = (n: number) => raw(float64(n).toString("hex"));

describe("the map [cbor:map]", () => {
  refuses([
    ["an array", bytes(cbor([1]))],
    ["a text", bytes(cbor("x"))],
    ["nothing", bytes(Buffer.alloc(0))],
    ["JSON", bytes(Buffer.from("{}"))],
    ["a trailing byte", change((b) => Buffer.concat([b, Buffer.of(0)]))],
    ["two maps", change((b) => Buffer.concat([b, b]))],
    ["cut off", change((b) => b.subarray(0, -1))],
    ["a number as key", entries([1, 1])],
    ["bytes as key", entries([Buffer.from("x"), 1])],
    ["a claim twice", entries(["top", "t"])],
    ["an unknown claim twice", entries(["x", 1], ["x", 1])],
    [
      "a key twice in dat",
      claims({
        dat: new Entries([
          ["a", 1],
          ["a", 2],
        ]),
      }),
    ],
    [
      "a key twice, deep in dat",
      claims({
        dat: [
          [
            new Entries([
              ["a", 1],
              ["b", 1],
              ["a", 2],
            ]),
          ],
        ],
      }),
    ],
    ["a number as key in dat", claims({ dat: new Entries([[1, 1]]) })],
    ["a map head that promises more", change((b) => Buffer.concat([Buffer.of((b[0] as number) + 1), b.subarray(1)]))],
  ]);
  accepts([["claims in another order", (p) => p.message(cbor(new Entries(Object.entries(p.claims()).reverse()))), 1]]);
});

describe("lengths and heads [cbor:shortest]", () => {
  refuses([
    ["an indefinite map", change((b) => Buffer.concat([Buffer.of(0xbf), b.subarray(1), Buffer.of(0xff)]))],
    ["a map head of two bytes", change((b) => Buffer.concat([Buffer.of(0xb8, (b[0] as number) & 31), b.subarray(1)]))],
    ["an indefinite array in dat", dat("9f ff")],
    ["an indefinite map in dat", dat("bf ff")],
    ["an indefinite text in dat", dat("7f 61 61 ff")],
    ["indefinite bytes as dat", dat("5f 41 00 ff")],
    ["an array head of two bytes in dat", dat("98 01 00")],
    ["a text head of two bytes in dat", dat("78 01 61")],
    ["a bytes head of two bytes as dat", dat("58 01 00")],
    ["an integer in two bytes in dat", dat("18 05")],
    ["an integer in nine bytes in dat", dat("1b 00000000 00000005")],
    ["a text key in two bytes", entries([raw("78 01 78"), 1])],
    own("seq", raw("18 01")),
    own("top", raw("78 01 74")),
    ["ref as an array with a head of two bytes", claims({ ref: raw("98 02 01 00") })],
    ["bat with a head of two bytes", claims({ top: undefined, dat: undefined, bat: raw("98 01 83 61 74 f6 01") })],
  ]);
});

describe("integers of the protocol [cbor:own-integer]", () => {
  const forms = (name: string, n: number): Row[] => [
    own(name, hex(n)),
    own(name, raw("20")),
    own(name, raw("f6")),
    own(name, raw("61 31")),
    own(name, raw("41 01")),
    own(name, raw("1b 00200000 00000000")),
  ];
  refuses([
    ...forms("seq", 1),
    ...forms("exp", 1_893_456_060),
    ...forms("iat", 1_893_456_000),
    ...forms("ref", 1),
    ["ref as a pair with a float", claims({ ref: [1, hex(0)] })],
    ["ref in bat as a float", claims({ top: undefined, dat: undefined, bat: [["t", hex(1), 1]] })],
  ]);
});

describe("numbers in dat [cbor:number]", () => {
  refuses([
    ["2^53", dat("1b 00200000 00000000")],
    ["2^64 - 1", dat("1b ffffffff ffffffff")],
    ["-2^53 - 1", dat("3b 00200000 00000000")],
    ["float16", dat("f9 3c00")],
    ["float32", dat("fa 3f800000")],
    ["NaN", dat("fb 7ff8000000000000")],
    ["infinity", dat("fb 7ff0000000000000")],
    ["-infinity", dat("fb fff0000000000000")],
    ["NaN in an unknown claim", entries(["x", raw("fb 7ff8000000000000")])],
  ]);
  accepts([
    ["2^53 - 1", dat("1b 001fffff ffffffff"), Number.MAX_SAFE_INTEGER],
    ["-2^53 + 1", dat("3b 001fffff fffffffe"), Number.MIN_SAFE_INTEGER],
    ["0.5", claims({ dat: 0.5 }), 0.5],
    ["1e300, a float64 in any case", claims({ dat: hex(1e300) }), 1e300],
  ]);
});

describe("bytes [cbor:bytes]", () => {
  refuses([
    ["in an array", claims({ dat: [Buffer.of(1)] })],
    ["in a map", claims({ dat: { a: Buffer.of(1) } })],
    ["in an unknown claim's array", entries(["x", [Buffer.of(1)]])],
    ["bin", claims({ dat: undefined, bin: Buffer.of(1) })],
    ["bin as a text", claims({ dat: undefined, bin: "AQ" })],
    ["as topic", claims({ top: Buffer.from("t") })],
  ]);
  const items = [["t", null, Buffer.of(1, 2)]];
  accepts([
    ["as dat", claims({ dat: Buffer.of(1, 2, 3) }), Uint8Array.of(1, 2, 3)],
    ["none at all as dat", claims({ dat: Buffer.alloc(0) }), new Uint8Array()],
    ["as an item's data", claims({ top: undefined, dat: undefined, bat: items }), Uint8Array.of(1, 2)],
    ["as an unknown claim", entries(["x", Buffer.of(1)]), 1],
  ]);
});

describe("tags, simple values, texts [cbor:tag]", () => {
  const tags = ["c0 61 61", "c2 41 01", "d8 18 41 00", "d8 1b 80", "d8 1c 80", "d9 0102 80", "d9 d9f7 00"];
  refuses([
    ...tags.map((tag): Row => [`tag ${tag} in dat`, dat(tag)]),
    ["a tag around the claims", change((b) => Buffer.concat([Buffer.of(0xd9, 0xd9, 0xf7), b]))],
    ["a tag in an unknown claim", entries(["x", raw("c1 00")])],
    ["a tag on seq", claims({ seq: raw("c1 01") })],
    ["undefined", dat("f7")],
    ["simple 16", dat("f0")],
    ["simple 99", dat("f8 63")],
    ["false in two bytes", dat("f8 14")],
    ["invalid UTF-8 in dat", dat("61 ff")],
    ["a surrogate in UTF-8", dat("63 eda080")],
    ["invalid UTF-8 as key in dat", dat("a1 61 ff 00")],
    ["invalid UTF-8 as claim", entries([raw("61 ff"), 1])],
    ["req as a number", claims({ req: 1 })],
    ["req false", claims({ req: false })],
    ["req undefined", claims({ req: raw("f7") })],
    ["reserved additional information", dat("1c")],
  ]);

  it("64 KiB of big integer are refused unread", async () => {
    const big = Buffer.concat([Buffer.from("c25a00010000", "hex"), Buffer.alloc(65_536, 0xff)]);
    await expectFatal(claims({ dat: raw(big.toString("hex")) }), CLAIMS, AT[0]);
  });
});

describe("what is taken inside dat [cbor:dat-relaxed]", () => {
  accepts([
    ["a map head of three bytes", dat("b9 0001 61 61 01"), { a: 1 }],
    ["a map head of two bytes, deep", dat("81 b8 01 61 61 01"), [{ a: 1 }]],
    ["2^40 as float64", dat("fb 4270000000000000"), 2 ** 40],
    ["1 as float64", claims({ dat: [hex(1)] }), [1]],
    [
      "in an item's data",
      claims({ top: undefined, dat: undefined, bat: [["t", null, raw("b9 0001 61 61 01")]] }),
      { a: 1 },
    ],
    ["in an unknown claim", entries(["x", raw("b9 0001 61 61 01")]), 1],
  ]);
  it("comes out as numbers, never as a type of their own", async () => {
    await expectDelivered(
      claims({ dat: [hex(2 ** 40), 2 ** 33, -(2 ** 33), -1] }),
      [2 ** 40, 2 ** 33, -(2 ** 33), -1],
      AT[0],
    );
  });
});

describe("names and limits, as in JSON", () => {
  refuses([
    ["__proto__ as a claim [claims:proto]", entries(["__proto__", 1])],
    ["constructor as a claim [claims:proto]", entries(["constructor", 1])],
    ["prototype as a claim [claims:proto]", entries(["prototype", 1])],
    ["__proto__ in dat [claims:proto]", claims({ dat: new Entries([["__proto__", 1]]) })],
    ["__proto__ in an element of dat [claims:proto]", claims({ dat: [new Entries([["__proto__", 1]])] })],
    ["depth 33 [limit:claims]", claims({ dat: nested(32) })],
    ["depth 33 in an unknown claim [limit:claims] [claims:unknown]", entries(["x", nested(32)])],
    ["257 members in dat [limit:claims]", claims({ dat: members(257) })],
    ["257 claims [limit:claims]", claims(members(257))],
    ["an array that promises 2^32 - 1 elements [limit:claims]", dat("9a ffffffff")],
  ]);
  accepts([
    ["constructor in dat [claims:proto]", claims({ dat: { constructor: 1 } }), { constructor: 1 }],
    ["depth 32 [limit:claims]", claims({ dat: nested(31) }), nested(31)],
    ["256 members in dat [limit:claims]", claims({ dat: members(256) }), members(256)],
    ["unknown claims [claims:unknown]", entries(["sub", "m"], ["psk", 7], ["x", { a: [1.5] }]), 1],
    ["no data: null [claims:no-data]", claims({ dat: undefined }), null],
  ]);

  it("100,000 values pass, 100,001 do not; 256 claims pass, 257 do not [limit:claims]", async () => {
    const filled = (values: number) => claims({ dat: Array(values - 5).fill(0) });
    await expectDelivered(filled(100_000), Array(99_995).fill(0), AT[0]);
    await expectFatal(filled(100_001), CLAIMS, AT[0]);
    await expectDelivered(claims(members(252)), 1, AT[0]);
    await expectFatal(claims(members(253)), CLAIMS, AT[0]);
    // In a batch: the map, seq, exp, bat, and an item of four with the data's own.
    const batch = (values: number) =>
      claims({ top: undefined, dat: undefined, bat: [["t", null, Array(values - 8).fill(0)]] });
    await expectDelivered(batch(100_000), Array(99_992).fill(0), AT[0]);
    await expectFatal(batch(100_001), CLAIMS, AT[0]);
  });

  it("bytes are a copy: whoever reuses the frame's memory changes nothing", async () => {
    const { puppet, got } = await attacked({ ...AT[0], level: "mac" });
    const frame = (await puppet.message(puppet.claims({ dat: Buffer.of(1, 2) }))) as Buffer;
    puppet.deliver(frame);
    await until(() => got.length === 1, "the message");
    frame.fill(0);
    expect(got).toEqual([Uint8Array.of(1, 2)]);
  });
});
