import { describe, it } from "vitest";
import { cbor, raw } from "../support/cbor.ts";
import { nextPad } from "../support/keys.ts";
import { expectFatal, type Make, type Verdict } from "../support/messages.ts";
import { unb64u } from "../support/raw.ts";

// What arrives in an open session and is no object at all. Handshake objects go through the same decoder.

const MALFORMED: Verdict = { code: "E_MALFORMED", stage: "encoding", close: 4400 };
const B64: Verdict = { code: "E_B64", stage: "encoding", close: 4400 };
const CBOR: Verdict = { code: "E_CBOR", stage: "encoding", close: 4400 };
const text = { protocol: "sealwire.v1.text" } as const;

const is =
  (payload: string | Uint8Array): Make =>
  () =>
    payload;
/** A right message as segments, changed. */
const segments =
  (change: (s: string[]) => string[]): Make =>
  async (puppet) =>
    change((await puppet.compact()).split(".")).join(".");

describe("segments of the text wire [wire:segments]", () => {
  it.each([
    ["nothing", is("")],
    ["one", is("abc")],
    ["two", segments((s) => s.slice(0, 2))],
    ["four", segments((s) => s.slice(0, 4))],
    ["six", segments((s) => [...s, ""])],
    ["100,000 dots", is(".".repeat(100_000))],
    ["an empty header", segments((s) => ["", ...s.slice(1)])],
    ["an empty header of a JWS", is(".e30.AA")],
    ["a JWE in JSON serialization, as an array", is('[{"protected":"e30"}]')],
    ["white space in front of JSON", is(' {"typ":"sealwire-err"}')],
    ["a byte order mark in front of JSON", is('\ufeff{"typ":"x"}')],
    ["a lone surrogate in bare JSON", is('{"a":"\ud800"}')],
  ] as const)("%s", (_, make) => expectFatal(make, MALFORMED, text));

  it("the JSON serializations of JWE and JWS are bare JSON, and that has no place here [wire:form]", async () => {
    const header: Verdict = { code: "E_HEADER", stage: "header", close: 4400 };
    const flattened: Make = async (puppet) => {
      const [protectedHeader, , iv, ciphertext, tag] = (await puppet.compact()).split(".");
      return JSON.stringify({ protected: protectedHeader, iv, ciphertext, tag });
    };
    await expectFatal(flattened, header, text);
    await expectFatal(is('{"payload":"e30","signatures":[]}'), header, text);
  });
});

describe("an encrypted key [wire:encrypted-key]", () => {
  it("on the text wire", () =>
    expectFatal(
      segments((s) => [s[0]!, "AA", ...s.slice(2)]),
      MALFORMED,
      text,
    ));
  it("on the binary wire", async () => {
    const full: Make = async (puppet) => {
      const [header, , iv, ct, tag] = (await puppet.compact()).split(".").map((s) => unb64u(s));
      return cbor([2, header, Buffer.of(0), iv, ct, tag]);
    };
    await expectFatal(full, CBOR);
  });
});

describe("base64url [b64:canonical]", () => {
  const at = (index: number, change: (segment: string) => string): Make =>
    segments((s) => s.map((segment, i) => (i === index ? change(segment) : segment)));
  const put = (character: string) => (s: string) => `${character}${s.slice(1)}`;
  /** To a length with pad bits: 16 bytes are 22 characters, 12 are 16. */
  const padBits = (s: string) => `${s.slice(0, -1)}${nextPad(s)}`;
  for (const [name, index] of [
    ["header", 0],
    ["iv", 2],
    ["ciphertext", 3],
    ["tag", 4],
  ] as const) {
    it.each([
      ["plain base64 +", put("+")],
      ["plain base64 /", put("/")],
      ["padding", (s: string) => `${s}=`],
      ["a space", put(" ")],
      ["a line break", (s: string) => `${s}\n`],
      ["a length that no bytes have", (s: string) => `${s.slice(0, s.length - (s.length % 4))}A`],
      ["NUL", put("\0")],
      ["a letter beyond ASCII", put("ä")],
      ["a full-width letter", put("Ａ")],
    ] as const)(`${name}: %s`, (_, change) => expectFatal(at(index, change), B64, text));
  }
  it("pad bits that are not zero, in tag and signature", async () => {
    await expectFatal(at(4, padBits), B64, text);
    await expectFatal(at(2, padBits), B64, { ...text, level: "sig" });
  });
});

describe("frames of the binary wire [wire:frame]", () => {
  const body = Buffer.alloc(32);
  it.each([
    ["nothing", Buffer.alloc(0)],
    ["an open array", Buffer.of(0x9f)],
    ["an array that promises 2^32 - 1 elements", Buffer.from("9affffffff", "hex")],
    ["an array of indefinite length", Buffer.concat([Buffer.of(0x9f, 3, 0, 1), cbor(body), Buffer.of(0xff)])],
    ["an array head of two bytes", Buffer.concat([Buffer.of(0x98, 4, 3, 0, 1), cbor(body)])],
    ["a length that is not shortest", Buffer.concat([Buffer.of(0x84, 3, 0, 1, 0x59, 0, 32), body])],
    ["a form in two bytes", cbor([raw("18 03"), 0, 1, body])],
    ["an h in two bytes", cbor([3, raw("18 00"), 1, body])],
    ["a seq in nine bytes", cbor([3, 0, raw("1b 00000000 00000001"), body])],
    ["a seq of 2^53", cbor([3, 0, raw("1b 00200000 00000000"), body])],
    ["a negative seq", cbor([3, 0, -1, body])],
    ["a float as seq", cbor([3, 0, raw("fb 3ff0000000000000"), body])],
    ["a trailing byte", Buffer.concat([cbor([3, 0, 1, body]), Buffer.of(0)])],
    ["two frames", Buffer.concat([cbor([3, 0, 1, body]), cbor([3, 0, 2, body])])],
    ["a tag on the frame", Buffer.concat([Buffer.of(0xd9, 0xd9, 0xf7), cbor([3, 0, 1, body])])],
    ["a tag on an element", cbor([3, 0, 1, raw(`d818 5820 ${"00".repeat(32)}`)])],
    ["a text in place of bytes", cbor([3, 0, 1, "text"])],
    ["bytes of indefinite length", cbor([3, 0, 1, raw("5f 41 00 ff")])],
    ["form 5", cbor([5, 0, 1, body])],
    ["form 2^53 - 1", cbor([Number.MAX_SAFE_INTEGER, 0])],
    ["an element too many", cbor([3, 0, 1, body, 0])],
    ["an element too few", cbor([3, 0, 1])],
    ["no elements", cbor([])],
    ["a map", cbor({ a: 1 })],
    ["null as an element", cbor([3, 0, 1, null])],
    ["an array in an array", cbor([[3, 0, 1, body]])],
    ["cut off", cbor([3, 0, 1, body]).subarray(0, -1)],
    ["bytes that promise 4 GiB", cbor([3, 0, 1, raw("5a ffffffff")])],
    ["JSON", Buffer.from('{"typ":"x"}')],
  ] as const)("%s", (_, frame) => expectFatal(is(frame), CBOR));
});
