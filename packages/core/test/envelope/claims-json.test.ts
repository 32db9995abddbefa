import { describe, it } from "vitest";
import {
  bytes,
  CLAIMS,
  claims,
  expectDelivered,
  expectFatal,
  type Make,
  members,
  nested,
  text,
} from "../support/messages.ts";
import type { PairOptions } from "../support/pair.ts";

type Row = readonly [name: string, make: Make];

const AT: readonly PairOptions[] = [
  { level: "aead", protocol: "sealwire.v1.text" },
  { level: "sig", protocol: "sealwire.v1.cbor" },
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

const json: Make = (puppet) => puppet.message(JSON.stringify(puppet.claims()));
const whole =
  (content: string): Make =>
  (puppet) =>
    puppet.message(content);
const raw =
  (change: (good: Buffer) => Buffer): Make =>
  (puppet) =>
    puppet.message(change(Buffer.from(JSON.stringify(puppet.claims()))));

describe("the text [json:text]", () => {
  refuses([
    ["an array", whole("[]")],
    ["a number", whole("1")],
    ["a string", whole('"x"')],
    ["null", whole("null")],
    ["nothing", whole("")],
    ["white space", whole(" ")],
    ["trailing text", raw((b) => Buffer.concat([b, Buffer.from("x")]))],
    ["a second object", raw((b) => Buffer.concat([b, b]))],
    ["cut off", raw((b) => b.subarray(0, -1))],
    ["a byte order mark", raw((b) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), b]))],
    [
      "a byte 0xff",
      text('"dat":1', '"dat":"\xff"') &&
        raw((b) => Buffer.concat([b.subarray(0, -2), Buffer.from('"\xff"}', "latin1")])),
    ],
    [
      "an overlong UTF-8 sequence",
      raw((b) => Buffer.concat([b.subarray(0, -2), Buffer.from('"\xc0\xaf"}', "latin1")])),
    ],
    ["a surrogate in UTF-8", raw((b) => Buffer.concat([b.subarray(0, -2), Buffer.from('"\xed\xa0\x80"}', "latin1")]))],
    ["single quotes", text('"top"', "'top'")],
    ["a comment", text('"dat"', '/**/"dat"')],
    ["a comma too many", text('"dat":1', '"dat":1,')],
    ["a control character in a string", text('"dat":1', '"dat":"\u0000"')],
    ["NaN", text('"dat":1', '"dat":NaN')],
    ["a bad escape", text('"dat":1', '"dat":"\\x41"')],
    ["a leading zero", text('"dat":1', '"dat":01')],
    ["a plus sign", text('"dat":1', '"dat":+1')],
  ]);
  accepts([
    ["white space between tokens", raw((b) => Buffer.from(JSON.stringify(JSON.parse(b.toString()), null, "\t"))), 1],
    [
      "members in another order",
      raw((b) => Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(b.toString())).reverse())))),
      1,
    ],
    ["as it is", json, 1],
  ]);
});

describe("duplicate names [json:duplicate]", () => {
  refuses([
    ["at the top", text('"dat"', '"top":"t","dat"')],
    ["at the top, once escaped", text('"dat"', '"\\u0074op":"t","dat"')],
    ["of an unknown claim", text('"dat"', '"x":1,"x":1,"dat"')],
    ["in dat, at depth 3", text('"dat":1', '"dat":[{"a":1,"a":1}]')],
    ["in dat, escaped in two ways", text('"dat":1', '"dat":{"\\u0061":1,"\\u0061":2}')],
    ["in an unknown claim", text('"dat"', '"x":{"a":1,"b":2,"a":3},"dat"')],
  ]);
  accepts([["the same name at two depths", text('"dat":1', '"dat":{"a":{"a":1}}'), { a: { a: 1 } }]]);
});

describe("values [json:value]", () => {
  refuses([
    ["a lone high surrogate, escaped", text('"dat":1', '"dat":"\\ud800"')],
    ["a lone low surrogate, escaped", text('"dat":1', '"dat":"\\udc00x"')],
    ["surrogates in the wrong order", text('"dat":1', '"dat":"\\udc00\\ud800"')],
    ["a lone surrogate as a name", text('"dat":1', '"dat":{"\\ud800":1}')],
    ["1e400 in dat", text('"dat":1', '"dat":1e400')],
    ["-1e400 deep in dat", text('"dat":1', '"dat":[[-1e400]]')],
    ["1e400 in an unknown claim", text('"dat"', '"x":1e400,"dat"')],
  ]);
  accepts([
    ["a pair of surrogates, escaped", text('"dat":1', '"dat":"\\ud83d\\ude00"'), "😀"],
    ["digits beyond 53 bits", text('"dat":1', '"dat":9007199254740993'), 9_007_199_254_740_992],
    ["1e308 and 5e-324", text('"dat":1', '"dat":[1e308,5e-324]'), [1e308, 5e-324]],
    ["numbers that are too small", text('"dat":1', '"dat":1e-400'), 0],
  ]);
});

describe("names with a meaning in JavaScript [claims:proto]", () => {
  refuses([
    ["__proto__ as a claim", text('"dat"', '"__proto__":{"top":"x"},"dat"')],
    ["__proto__ as a claim, escaped", text('"dat"', '"__\\u0070roto__":1,"dat"')],
    ["__proto__ in dat", text('"dat":1', '"dat":{"__proto__":{"admin":true}}')],
    ["__proto__ in an element of dat", text('"dat":1', '"dat":[{"a":{"__proto__":1}}]')],
    ["__proto__ in an unknown claim", text('"dat"', '"x":{"__proto__":1},"dat"')],
    ["constructor as a claim", text('"dat"', '"constructor":1,"dat"')],
    ["prototype as a claim", text('"dat"', '"prototype":1,"dat"')],
  ]);
  const names = JSON.parse('{"constructor":{"prototype":1},"toString":2}');
  accepts([["constructor and prototype in dat", text('"dat":1', `"dat":${JSON.stringify(names)}`), names]]);
});

describe("limits [limit:claims]", () => {
  // The claims are depth 1. At sig they hold seven claims beside dat, at aead three.
  refuses([
    ["depth 33", claims({ dat: nested(32) })],
    ["depth 33 in objects", text('"dat":1', `"dat":${'{"a":'.repeat(32)}1${"}".repeat(32)}`)],
    ["depth 33 in an unknown claim", claims({ other: nested(32) })],
    ["an unknown claim nested 40 deep [claims:unknown]", claims({ other: nested(40) })],
    ["100,000 open brackets", text('"dat":1', `"dat":${"[".repeat(100_000)}`)],
    ["257 members in dat", claims({ dat: members(257) })],
    ["257 claims", claims(members(257))],
    ["100,001 values in dat", claims({ dat: Array(100_000).fill(0) })],
  ]);
  accepts([
    ["depth 32", claims({ dat: nested(31) }), nested(31)],
    ["256 members in dat", claims({ dat: members(256) }), members(256)],
    ["99,990 values in dat", claims({ dat: Array(99_990).fill(0) }), Array(99_990).fill(0)],
  ]);

  const filled = (values: number): Make => claims({ dat: Array(values - 5).fill(0) });
  it("100,000 values in all pass, 100,001 do not", async () => {
    // At aead: the object, seq, exp, top, dat, and what dat holds.
    await expectDelivered(filled(100_000), Array(99_995).fill(0));
    await expectFatal(filled(100_001), CLAIMS);
  });

  it("256 claims pass, 257 do not", async () => {
    await expectDelivered(claims(members(252)), 1);
    await expectFatal(claims(members(253)), CLAIMS);
  });
});

describe("the same rules hold in every direction", () => {
  it.each([
    ["a duplicate [json:duplicate]", text('"dat"', '"top":"t","dat"')],
    ["no JSON [json:text]", bytes(Buffer.from("x"))],
    ["depth 33 [limit:claims]", claims({ dat: nested(32) })],
  ] as const)("%s, from the server", (_, make) => expectFatal(make, CLAIMS, {}, "server"));
});
