import fc from "fast-check";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { decodeBase64url, encodeBase64url, isBase64url } from "../../src/wire/base64url.ts";
import { expectCode, onlyThrows, plain } from "./helpers.ts";

const wellKnown = [
  "",
  "",
  "f",
  "Zg",
  "fo",
  "Zm8",
  "foo",
  "Zm9v",
  "foob",
  "Zm9vYg",
  "fooba",
  "Zm9vYmE",
  "foobar",
  "Zm9vYmFy",
];

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The module as a browser loads it. */
async function withoutBuffer(): Promise<typeof import("../../src/wire/base64url.ts")> {
  vi.stubGlobal("Buffer", undefined);
  vi.resetModules();
  return import("../../src/wire/base64url.ts");
}

describe("base64url", () => {
  it("agrees with RFC 4648 section 10", () => {
    for (let i = 0; i < wellKnown.length; i += 2) {
      const bytes = new TextEncoder().encode(wellKnown[i]);
      expect(encodeBase64url(bytes)).toBe(wellKnown[i + 1]);
      expect(plain(decodeBase64url(wellKnown[i + 1]!))).toEqual(plain(bytes));
    }
  });

  it("uses - and _", () => {
    expect(encodeBase64url(Uint8Array.of(0xfb, 0xff, 0xfe))).toBe("-__-");
  });

  it("encodes a view into a larger buffer", () => {
    expect(encodeBase64url(Uint8Array.of(9, 102, 111, 111, 9).subarray(1, 4))).toBe("Zm9v");
  });

  it.each([
    "Zg==",
    "Zm9v=",
    "Zm 9v",
    " Zm9v",
    "Zm9v\n",
    "Zm9v\0",
    "Zm*9v",
    "Zm+v",
    "Zm/v",
    "Zm9v.",
    "Zmé",
    "Zm\u{1f600}",
    "Z",
    "Zm9vZ",
    "Zh",
    "Zk",
    "Zm9",
    "Zm-",
    "Zm9\u0176",
  ])("refuses %j", (text) => {
    expectCode("E_B64", () => decodeBase64url(text));
    // Long texts take another path.
    expectCode("E_B64", () => decodeBase64url("Zm9v".repeat(40) + text));
    expect(isBase64url(text, text.length)).toBe(false);
  });

  it("refuses a character that is wrong wherever it stands in a text that is compared in pieces", () => {
    const text = "Zm9v".repeat(10_000);
    for (const wrong of ["+", "/", "=", " ", "\0", "\u0176"])
      for (const at of [0, 16_383, 16_384, 32_768, 39_999])
        expectCode("E_B64", () => decodeBase64url(text.slice(0, at) + wrong + text.slice(at + 1)));
    // As many as whole pieces have, and one more.
    for (const length of [16_384, 32_768]) {
      expect(decodeBase64url(text.slice(0, length)).length).toBe((length * 3) / 4);
      for (const more of ["Z", "=", "\n"]) expectCode("E_B64", () => decodeBase64url(text.slice(0, length) + more));
    }
  });

  it("names the step that reads", () => {
    const run = () => decodeBase64url("=", "inner");
    expect(run).toThrowError(expect.objectContaining({ code: "E_B64", stage: "inner" }));
  });

  it("tells exact length", () => {
    expect(isBase64url("Zm8", 3)).toBe(true);
    expect(isBase64url("Zm8", 4)).toBe(false);
    expect(isBase64url("Zm9", 3)).toBe(false);
  });

  it("round-trips and agrees with the path without Buffer", async () => {
    const bare = await withoutBuffer();
    vi.unstubAllGlobals();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = encodeBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(bare.encodeBase64url(bytes)).toBe(text);
        expect(plain(decodeBase64url(text))).toEqual(plain(bytes));
        expect(plain(bare.decodeBase64url(text))).toEqual(plain(bytes));
      }),
    );
  });

  it("takes no function of a page that knows other options, and the engine's where there is one", async () => {
    const prototype = Uint8Array.prototype as unknown as Record<string, unknown>;
    const table = await withoutBuffer();
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
    const text = table.encodeBase64url(bytes);
    const decoded: string[] = [];
    const good = {
      toBase64(this: Uint8Array) {
        return table.encodeBase64url(this);
      },
      setFromBase64(this: Uint8Array, given: string) {
        decoded.push(given);
        if (/[^\w -]/.test(given)) throw new SyntaxError(given);
        const said = table.decodeBase64url(given.replaceAll(" ", ""));
        this.set(said);
        return { read: given.length, written: said.length };
      },
    };
    const padded = () => `${text}=`;
    /** As `good`, but for texts in which one of these characters stands, and what it says of them. */
    const but = (characters: RegExp, said: { read?: number; written?: number } = {}) => ({
      ...good,
      setFromBase64(this: Uint8Array, given: string) {
        if (!characters.test(given)) return good.setFromBase64.call(this, given);
        const answer = good.setFromBase64.call(this, given.replace(/[^\w -]/g, "A"));
        return { ...answer, ...said };
      },
    });
    const cases = [
      [good, true],
      [{ ...good, toBase64: padded }, false],
      [{ ...good, toBase64: undefined }, false],
      [but(/[+]/), false],
      [but(/[.]/), false],
      [but(/ /, { written: 3 }), false],
      [but(/^_-8$/, { read: 2 }), false],
      [but(/^_-8$/, { written: 1 }), false],
      [{ ...good, setFromBase64: () => undefined }, false],
    ] as const;
    onTestFinished(() => {
      for (const name of Object.keys(good)) Reflect.deleteProperty(prototype, name);
    });
    for (const [functions, used] of cases) {
      for (const [name, value] of Object.entries(functions))
        Object.defineProperty(prototype, name, { value, configurable: true });
      const { decodeBase64url: decode, encodeBase64url: encode } = await withoutBuffer();
      expect(encode(bytes)).toBe(text);
      decoded.length = 0;
      expect(plain(decode(text))).toEqual(plain(bytes));
      expect(decoded).toEqual(used ? [text] : []);
    }
  });

  it("gives every text at most one reading: what decodes encodes to itself", async () => {
    const bare = await withoutBuffer();
    vi.unstubAllGlobals();
    const character = fc.constantFrom(..."AQgwZm9v-_=+/ \n\0*é");
    fc.assert(
      fc.property(
        fc.string({ unit: character, maxLength: 12 }),
        fc.constantFrom("", "Zm9v".repeat(30)),
        (tail, head) => {
          const text = head + tail;
          let refused = false;
          onlyThrows(["E_B64"], () => {
            refused = true;
            expect(encodeBase64url(decodeBase64url(text))).toBe(text);
            refused = false;
          });
          let bareRefused = false;
          try {
            bare.decodeBase64url(text);
          } catch (error) {
            // Loaded anew, the module throws errors of a class of its own.
            bareRefused = (error as { code?: unknown }).code === "E_B64";
          }
          expect(bareRefused).toBe(refused);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("answers with memory of its own", () => {
    for (const length of [8, 80]) expect(decodeBase64url("A".repeat(length)).buffer.byteLength).toBe((length * 3) / 4);
  });
});
