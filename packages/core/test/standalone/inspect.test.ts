import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import { inspect } from "../../src/standalone/inspect.ts";
import { signCompact } from "../support/raw.ts";
import { ALICE, BOB, bothForms, craft, JTI, KEYS, NOW, printOf } from "./fixtures.ts";

describe("inspect", () => {
  it("shows a signed envelope without a key", () => {
    const [text, binary] = bothForms(craft("signed")).map(inspect);
    expect(text).toEqual({
      verified: false,
      form: "text",
      encrypted: false,
      header: { alg: "ES256", kid: printOf(KEYS.alice), typ: "sealwire-env+jwt" },
      claims: { iss: ALICE, aud: BOB, jti: JTI, iat: NOW, exp: NOW + 60, top: "pay", dat: { amount: 100 } },
    });
    expect(binary).toEqual({ ...text, form: "binary" });
  });

  it("shows the header alone of an encrypted one", () => {
    for (const shown of bothForms(craft("encrypted")).map(inspect)) {
      expect(shown).toMatchObject({ verified: false, encrypted: true, header: { typ: "sealwire-envx+jwt" } });
      expect("claims" in shown).toBe(false);
    }
  });

  it("shows what open would refuse: another typ, foreign members, an old or wrong signature", () => {
    const token = signCompact({ alg: "none", crit: ["x"], typ: "at+jwt" }, { sub: "alice" }, KEYS.mallory, () =>
      Buffer.alloc(3),
    );
    expect(inspect(token)).toMatchObject({ header: { typ: "at+jwt", crit: ["x"] }, claims: { sub: "alice" } });
  });

  const bad: readonly (readonly [string, string | Uint8Array, string])[] = [
    ["nothing", "", "E_MALFORMED"],
    ["no base64url", "a.b.c", "E_B64"],
    ["bytes that are no frame", Buffer.from("xx"), "E_CBOR"],
    ["bare JSON", "{}", "E_HEADER"],
    ["a header that is no JSON", "AAAA.AAAA.AAAA", "E_HEADER"],
    ["a header of 2 KiB", craft("signed", (p) => Object.assign(p.header, { x: "x".repeat(2048) })), "E_HEADER"],
    ["claims that are no JSON", craft("signed", (p) => Object.assign(p, { claims: "no" })), "E_CLAIMS"],
    [
      "claims with __proto__",
      craft("signed", (p) => Object.assign(p, { claims: '{"__proto__":{"a":1}}' })),
      "E_CLAIMS",
    ],
    ["a bomb", craft("signed", (p) => Object.assign(p, { claims: `${"[".repeat(100_000)}` })), "E_CLAIMS"],
    ["more than the limit", "a".repeat(2 ** 20 + 1), "E_TOO_BIG"],
  ];
  it.each(bad)("%s is a SealwireError that is not fatal", (_, envelope, code) => {
    let thrown: unknown;
    try {
      inspect(envelope);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SealwireError);
    expect(thrown).toMatchObject({ code, fatal: false, closeCode: undefined });
  });

  it.each([undefined, null, 1, {}])("%s is a TypeError", (envelope) => {
    expect(() => inspect(envelope as never)).toThrow(TypeError);
  });
});
