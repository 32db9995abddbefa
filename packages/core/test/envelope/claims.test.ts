import { describe, it } from "vitest";
import { CLAIMS, claims, expectDelivered, expectFatal, LEVELS, type Make, text, WIRES } from "../support/messages.ts";
import type { PairOptions } from "../support/pair.ts";

type Row = readonly [name: string, make: Make];
type Level = (typeof LEVELS)[number];

/** Refused on each level; the wires take turns, since claims are the same on both. */
function refuses(rows: readonly Row[], levels: readonly Level[] = LEVELS): void {
  for (const level of levels) {
    for (const [i, [name, make]] of rows.entries()) {
      it(`${name}, ${level}`, () => expectFatal(make, CLAIMS, { level, protocol: WIRES[i % 2]! }));
    }
  }
}

function accepts(rows: readonly (readonly [string, Make, data?: unknown])[], levels: readonly Level[] = LEVELS): void {
  for (const level of levels) {
    for (const [i, [name, make, data = 1]] of rows.entries()) {
      const options: PairOptions = { level, protocol: WIRES[i % 2]! };
      it(`${name}, ${level}`, async () => {
        await expectDelivered(make, data, options);
      });
    }
  }
}

const set = (name: string, value: unknown): Row => [
  `${name} = ${JSON.stringify(value)?.slice(0, 30)}`,
  claims({ [name]: value }),
];
const only = (value: object): object => ({ top: undefined, dat: undefined, ...value });
const bat = (name: string, value: unknown, more: object = {}): Row => [
  name,
  claims(only({ bat: value, ...more }) as never),
];

describe("seq, exp, iat, top [claims:table]", () => {
  refuses([
    set("seq", undefined),
    set("seq", 0),
    set("seq", -1),
    set("seq", "1"),
    set("seq", 1.5),
    set("seq", null),
    set("seq", [1]),
    set("exp", undefined),
    set("exp", "1893456060"),
    set("exp", 1_893_456_060.5),
    set("exp", -1),
    set("exp", null),
    set("iat", "1893456000"),
    set("iat", null),
    set("iat", -1),
    set("iat", 1.5),
    ["exp = iat - 1 [time:exp-before-iat]", claims({ iat: 1_893_456_061, exp: 1_893_456_060 })],
    set("top", undefined),
    set("top", ""),
    set("top", "a topic"),
    set("top", "grüße"),
    set("top", "x".repeat(129)),
    set("top", 1),
    set("top", null),
    set("req", false),
    set("req", 1),
    set("req", "true"),
    set("req", null),
    set("rcv", 0),
  ]);
});

describe("the form of integers [json:integer]", () => {
  const forms = (name: string, from: RegExp): Row[] =>
    ["1.0", "1e3", "1E3", "-0", "01", "9007199254740992", "9007199254740993", "10000000000000000", "+1"].map((n) => [
      `${name} ${n}`,
      text(from, `"${name}":${n}`),
    ]);
  refuses([...forms("seq", /"seq":\d+/), ...forms("exp", /"exp":\d+/)], ["aead", "sig"]);
  refuses(
    [
      ["iat 1.0", text('"exp"', '"iat":1.0,"exp"')],
      ["ref 1.0", text('"dat"', '"ref":1.0,"dat"')],
      ["ref [1.0,0]", text('"dat"', '"ref":[1.0,0],"dat"')],
      ["ref in bat 1.0", text('"top":"t","dat":1', '"bat":[["t",1.0,1]]')],
    ],
    ["aead", "mac"],
  );
  accepts(
    [
      ["in dat", text('"dat":1', '"dat":[1.0,1e3,-0,10000000000000000]'), [1, 1000, -0, 1e16]],
      ["in an unknown claim", text('"dat"', '"other":[1.0,1e3,-0],"dat"')],
    ],
    ["aead", "sig"],
  );
});

describe("claims that belong to other levels or objects [claims:table]", () => {
  const kid = "A".repeat(22);
  refuses([set("iss", "x"), set("aud", "x"), set("bnd", kid)], ["mac", "aead"]);
  refuses([set("iss", null), set("aud", null), set("bnd", null)], ["mac", "aead"]);
  refuses(
    [
      set("iss", undefined),
      set("aud", undefined),
      set("bnd", undefined),
      set("iat", undefined),
      set("aud", ["https://server.example"]),
      set("aud", ""),
      set("iss", "x".repeat(257)),
      set("iss", "with space"),
      set("iss", 1),
      set("bnd", 1),
      ["bnd of 21 characters [b64:member]", claims({ bnd: "A".repeat(21) })],
      ["bnd with pad bits [b64:member]", claims({ bnd: `${"A".repeat(21)}B` })],
      ["bnd with padding [b64:member]", claims({ bnd: `${kid}==` })],
    ],
    ["sig", "nest"],
  );
  refuses([set("pad", "xx")], ["mac", "sig"]);
  refuses([set("pad", 1), set("pad", null), set("pad", ["x"])], ["aead", "nest"]);
  accepts([["pad", claims({ pad: "x".repeat(100) })]], ["aead", "nest"]);
  accepts([["iat", claims({ iat: 1_893_456_000 })]], ["mac", "aead"]);
});

describe("dat and bin [claims:table]", () => {
  refuses([
    ["both", claims({ bin: "AA" })],
    ["bin as a number", claims({ dat: undefined, bin: 1 })],
    ["bin null", claims({ dat: undefined, bin: null })],
    ["bin with padding [b64:member]", claims({ dat: undefined, bin: "AA==" })],
    ["bin of a length that no bytes have [b64:member]", claims({ dat: undefined, bin: "AAAAA" })],
    ["bin with pad bits [b64:member]", claims({ dat: undefined, bin: "AB" })],
    ["bin with white space [b64:member]", claims({ dat: undefined, bin: "AA AA" })],
    ["bin in plain base64 [b64:member]", claims({ dat: undefined, bin: "+/+/" })],
  ]);
  accepts([
    ["neither: null [claims:no-data]", claims({ dat: undefined }), null],
    ["bin", claims({ dat: undefined, bin: "AQID" }), Uint8Array.of(1, 2, 3)],
    ["empty bin", claims({ dat: undefined, bin: "" }), new Uint8Array()],
    ["dat null", claims({ dat: null }), null],
    [
      "a topic of 128 characters of every kind, beside it",
      claims({ iat: 1_893_456_000, dat: { "a.B_9:/-": [] } }),
      { "a.B_9:/-": [] },
    ],
  ]);
});

describe("ref [req:ref-shape]", () => {
  const shapes = [0, -1, 1.5, "1", [], [1], [1, 2, 3], [0, 0], [1, -1], [1, 256], ["1", 0], [1, null], true, null, {}];
  const rows: Row[] = [...shapes.map((ref) => set("ref", ref)), ["ref beside req", claims({ req: true, ref: 1 })]];
  for (const level of ["aead", "sig"] as const) {
    // Three messages were sent: it is the shape that is wrong, not the number.
    for (const [name, make] of rows) it(`${name}, ${level}`, () => expectFatal(make, CLAIMS, { level }, "client", 3));
  }
  refuses(
    [
      ["ref 1, where nothing was sent [req:ref-unsent]", claims({ ref: 1 })],
      ["ref [1, 0], where nothing was sent [req:ref-unsent]", claims({ ref: [1, 0] })],
      ["ref 2^53 - 1 [req:ref-unsent]", claims({ ref: Number.MAX_SAFE_INTEGER })],
      bat("a ref in a batch, where nothing was sent [req:ref-unsent]", [
        ["t", null, 1],
        ["t", 1, 1],
      ]),
    ],
    LEVELS,
  );
  it("ref 4, where three were sent [req:ref-unsent]", () => expectFatal(claims({ ref: 4 }), CLAIMS, {}, "client", 3));
});

describe("bat [batch:shape]", () => {
  const item = ["t", null, 1];
  refuses(
    [
      bat("empty", []),
      bat("257 items", Array(257).fill(item)),
      bat("no array", { 0: item }),
      bat("null", null),
      bat("an item of 2", [["t", null]]),
      bat("an item of 5", [["t", null, 1, true, 1]]),
      bat("an item that is no array", [item, "t"]),
      bat("a flag that is false", [["t", null, 1, false]]),
      bat("a flag that is null", [["t", null, 1, null]]),
      bat("a topic that is none", [["a b", null, 1]]),
      bat("a ref of 0", [["t", 0, 1]]),
      bat("a ref that is no place", [["t", "1", 1]]),
      bat("beside top", [item], { top: "t" }),
      bat("beside ref", [item], { ref: 1 }),
      bat("beside req", [item], { req: true }),
      bat("beside dat", [item], { dat: 1 }),
      bat("beside dat null", [item], { dat: null }),
      bat("beside bin", [item], { bin: "AA" }),
    ],
    ["aead", "sig"],
  );
  refuses([bat("beside top", [item], { top: "t" }), bat("empty", [])], ["mac", "nest"]);
  it.each(["aead", "sig"] as const)("a request with a ref, %s", async (level) => {
    const [, make] = bat("", [["t", 1, 1, true]]);
    await expectFatal(make, CLAIMS, { level }, "client", 3);
  });
});

describe("unknown claims [claims:unknown]", () => {
  accepts([
    ["are ignored", claims({ sub: "mallory", other: { a: [1, null] }, typ: "x" })],
    ["also where a later draft gives them a meaning", claims({ psk: 7 })],
  ]);
});
