import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { open } from "../../src/standalone/open.ts";
import { seal } from "../../src/standalone/seal.ts";
import { cbor } from "../support/cbor.ts";
import { nextPad } from "../support/keys.ts";
import { toFull, unb64u } from "../support/raw.ts";
import { ALICE, BOB, craft, expectOpened, failureOf, KEYS, now, OPTIONS, publicOf } from "./fixtures.ts";

const refused = async (envelope: string | Uint8Array, code: string, stage: string) => {
  expect(await failureOf(() => open(envelope, OPTIONS))).toMatchObject({
    code,
    stage,
    fatal: false,
    closeCode: undefined,
  });
};

const signed = craft("signed");
const encrypted = craft("encrypted");
const [h, p, s] = signed.split(".") as [string, string, string];
const [outer, , iv, text, tag] = encrypted.split(".") as [string, string, string, string, string];

describe("text [wire:segments] [wire:encrypted-key] [b64:canonical]", () => {
  it.each([
    ["nothing", ""],
    ["one segment", h],
    ["two segments", `${h}.${p}`],
    ["four segments", `${h}.${p}.${s}.${s}`],
    ["six segments", `${encrypted}.AA`],
    ["an empty header", `.${p}.${s}`],
    ["an encrypted key", `${outer}.AAAA.${iv}.${text}.${tag}`],
    ["a million dots", ".".repeat(1_000_000)],
  ])("%s is E_MALFORMED", (_, envelope) => refused(envelope, "E_MALFORMED", "encoding"));

  it.each([
    ["padding", `${h}.${p}=.${s}`],
    ["a line break at the end", `${signed}\n`],
    ["white space before", ` ${signed}`],
    ["pad bits", `${h}.${p}.${s.slice(0, -1)}${nextPad(s)}`],
    ["plain base64", `${h}.${p}.+/${s.slice(2)}`],
    ["an impossible length", `${h}.${p}.${s}AAA`],
    ["a letter beyond ASCII", `${h}.${p}.\u00e9${s.slice(1)}`],
    ["in a JWE", `${outer}..${iv}.${text}=.${tag}`],
  ])("%s is E_B64", (_, envelope) => refused(envelope, "E_B64", "encoding"));
});

describe("bytes [wire:frame] [wire:form]", () => {
  const jws = [h, p, s].map(unb64u);
  const jwe = [outer, "", iv, text, tag].map(unb64u);
  const good = toFull("binary", signed) as Uint8Array;
  it.each([
    ["nothing", new Uint8Array(0)],
    ["trailing bytes", Buffer.concat([good, Buffer.of(0)])],
    ["cut off", good.subarray(0, -1)],
    ["an element too few", cbor([1, ...jws.slice(1)])],
    ["an element too many", cbor([1, ...jws, Buffer.alloc(0)])],
    ["form 5", cbor([5, ...jws])],
    ["text in place of bytes", cbor([1, h, jws[1], jws[2]])],
    ["an encrypted key", cbor([2, ...jwe.map((part, i) => (i === 1 ? Buffer.of(1) : part))])],
    ["compact text as bytes", Buffer.from(signed)],
    ["an indefinite length", Buffer.concat([Buffer.of(0x9f), good.subarray(1), Buffer.of(0xff)])],
  ])("%s is E_CBOR", (_, envelope) => refused(envelope, "E_CBOR", "encoding"));

  it.each([
    ["bare JSON", cbor([0, Buffer.from('{"typ":"sealwire-ch"}')])],
    ["form 3", cbor([3, 0, 1, Buffer.concat([jwe[3] as Buffer, jwe[4] as Buffer])])],
    ["form 4", cbor([4, 0, jws[1], jws[2]])],
  ])("%s is E_HEADER", (_, envelope) => refused(envelope, "E_HEADER", "header"));
});

describe("size [standalone:size]", () => {
  const LIMIT = DEFAULT_LIMITS.messageBytes;

  /** As bytes, and of so many: with each character of the data one more. */
  function sized(bytes: number): Uint8Array {
    const of = (length: number) =>
      toFull(
        "binary",
        craft("signed", (parts) => Object.assign(parts.claims, { dat: "x".repeat(length) })),
      ) as Uint8Array;
    return of(100_000 + bytes - of(100_000).length);
  }

  it("at the limit it is opened, beyond it nothing is looked at", async () => {
    expect(sized(LIMIT).length).toBe(LIMIT);
    await open(sized(LIMIT), OPTIONS);
    const text = "x".repeat(LIMIT + 1);
    for (const envelope of [sized(LIMIT + 1), new Uint8Array(LIMIT + 1), text, "\u20ac".repeat(LIMIT / 2)]) {
      await refused(envelope, "E_TOO_BIG", "frame");
    }
  });

  it("seal refuses what no opener takes", async () => {
    const options = { issuer: ALICE, key: KEYS.alice, audience: BOB, now };
    const data = "x".repeat(700_000);
    await expectOpened(await seal({ topic: "t", data }, options));
    const error = await failureOf(() => seal({ topic: "t", data }, { ...options, encryptTo: publicOf(KEYS.bobP256) }));
    expect(error).toMatchObject({ code: "E_TOO_BIG", stage: "local", fatal: false });
  });
});
