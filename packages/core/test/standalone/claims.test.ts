import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { b64u } from "../support/raw.ts";
import {
  ALICE,
  BOB,
  craft,
  type Edit,
  expectOpened,
  expectRefused,
  GROUP,
  JTI,
  KEYS,
  type Kind,
  NOW,
  printOf,
} from "./fixtures.ts";

type Row = readonly [name: string, edit: Edit];
const KINDS: readonly Kind[] = ["signed", "encrypted"];

const set =
  (changes: object): Edit =>
  (p) =>
    Object.assign(p.claims, changes);
const text =
  (from: string, to: string): Edit =>
  (p) => {
    const json = JSON.stringify(p.claims);
    const changed = json.replace(from, to);
    if (changed === json) throw new Error(`${from} is not there`);
    p.claims = changed;
  };
const whole =
  (claims: string): Edit =>
  (p) =>
    Object.assign(p, { claims });

function refuses(rows: readonly Row[], code: "E_CLAIMS" | "E_KEY" | "E_BINDING" = "E_CLAIMS"): void {
  for (const kind of KINDS) {
    it.each(rows)(`${kind}: %s`, async (_, edit) => {
      await expectRefused(craft(kind, edit), code, "claims");
    });
  }
}

describe("required claims [standalone:claims]", () => {
  refuses(
    ["iss", "aud", "jti", "iat", "exp", "top"].map((name): Row => [`without ${name}`, (p) => delete p.claims[name]]),
  );
});

describe("types and ranges [standalone:claims] [b64:member]", () => {
  const values = {
    iss: ["", 1, null, "a b", "a\u00e9", "x".repeat(257), ["x"]],
    aud: ["", 1, null, [BOB], "x".repeat(257)],
    jti: [
      "",
      1,
      null,
      "A".repeat(21),
      "A".repeat(23),
      `${"A".repeat(21)}B`,
      `${"A".repeat(21)}=`,
      b64u(Buffer.alloc(32)),
    ],
    iat: ["1", null, -1, 0.5, true],
    exp: ["1", null, -1, 1e300, 2 ** 53],
    top: ["", 1, null, "a b", "x".repeat(129), "tépic"],
    ref: [null, 1, [1, 0], "x", "A".repeat(43), `${"A".repeat(21)}B`],
    bin: [1, null, "A", "AB", "AA==", "+/+/"],
  };
  refuses(
    Object.entries(values).flatMap(([name, list]) =>
      list.map(
        (value): Row => [
          `${name} ${JSON.stringify(value).slice(0, 30)}`,
          (p) => {
            if (name === "bin") delete p.claims.dat;
            p.claims[name] = value;
          },
        ],
      ),
    ),
  );
});

describe("claims of sessions [standalone:claims]", () => {
  const values = { bnd: "A".repeat(22), seq: 1, req: true, bat: [["t", null, 1]], rcv: 0 };
  refuses(Object.entries(values).map(([name, value]): Row => [name, set({ [name]: value })]));
  refuses([
    [
      "bat in place of top",
      (p) => Object.assign(p, { claims: { ...p.claims, top: undefined, dat: undefined, bat: [["t", null, 1]] } }),
    ],
  ]);
});

describe("data [claims:no-data] [claims:unknown]", () => {
  it.each(KINDS)("%s: absent, bytes, any JSON value, unknown claims", async (kind) => {
    const opened = async (edit: Edit) => (await expectOpened(craft(kind, edit))).data;
    expect(await opened((p) => delete p.claims.dat)).toBe(null);
    expect(await opened(set({ dat: undefined, bin: "AQID" }))).toEqual(Uint8Array.of(1, 2, 3));
    expect(await opened(set({ dat: undefined, bin: "" }))).toEqual(new Uint8Array(0));
    for (const value of [null, 0, -1.5, "", "\u20ac", [], {}, [{ a: [1] }]])
      expect(await opened(set({ dat: value }))).toEqual(value);
    expect(await opened(set({ sub: "x", nbf: "no", extra: { deep: [1] } }))).toEqual({ amount: 100 });
  });
  refuses([["dat beside bin", set({ bin: "AQID" })]]);
});

describe("ref", () => {
  it.each(KINDS)("%s: is handed on", async (kind) => {
    expect((await expectOpened(craft(kind, set({ ref: JTI })))).ref).toBe(JTI);
    expect("ref" in (await expectOpened(craft(kind)))).toBe(false);
  });
});

describe("pad [standalone:claims]", () => {
  it("is ignored in an encrypted envelope", async () => {
    await expectOpened(craft("encrypted", set({ pad: "x".repeat(100) })));
  });
  it("has no place in a signed one, which hides nothing", async () => {
    await expectRefused(craft("signed", set({ pad: "x" })), "E_CLAIMS", "claims");
  });
  it("is a string", async () => {
    await expectRefused(craft("encrypted", set({ pad: 1 })), "E_CLAIMS", "claims");
  });
});

describe("JSON [json:text] [json:duplicate] [json:value] [json:integer] [claims:proto] [limit:claims]", () => {
  const deep =
    (n: number): Edit =>
    (p) =>
      Object.assign(p.claims, { dat: JSON.parse(`${"[".repeat(n)}${"]".repeat(n)}`) });
  refuses([
    ["an array", whole("[]")],
    ["nothing", whole("")],
    ["cut off", whole('{"iss":')],
    ["trailing text", text("}}", "}}x")],
    ["a duplicate", text('"top"', '"iss":"x","top"')],
    ["a duplicate in dat", text('"amount":100', '"a":1,"a":2')],
    ["a lone surrogate", text('"amount":100', '"a":"\\ud800"')],
    ["an infinity", text("100", "1e400")],
    ["iat 1.0", text(`"iat":${NOW}`, `"iat":${NOW}.0`)],
    ["exp in scientific form", text(`"exp":${NOW + 60}`, '"exp":1.89345606e9')],
    ["-0", text(`"iat":${NOW}`, '"iat":-0')],
    ["__proto__", text('"top"', '"__proto__":{},"top"')],
    ["__proto__ in dat", text('"amount":100', '"__proto__":{}')],
    ["constructor", text('"top"', '"constructor":1,"top"')],
    ["prototype", text('"top"', '"prototype":1,"top"')],
    ["nested too deep", deep(DEFAULT_LIMITS.claimsDepth)],
    ["too many members", set({ dat: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`m${i}`, 1])) })],
    ["too many values", set({ dat: Array.from({ length: DEFAULT_LIMITS.claimsNodes }, () => 1) })],
  ]);
  it.each(KINDS)("%s: nested as deep as the limit", async (kind) => {
    await expectOpened(craft(kind, deep(DEFAULT_LIMITS.claimsDepth - 1)));
  });
});

describe("exp before iat [time:exp-before-iat]", () => {
  refuses([["by a second", set({ exp: NOW - 1 })]]);
  it("equal is no fault of syntax", async () => {
    await expectOpened(craft("signed", set({ exp: NOW })));
  });
});

describe("iss [standalone:iss]", () => {
  refuses(
    [
      ["another known issuer", set({ iss: "mallory" })],
      ["nobody known", set({ iss: "https://eve.example" })],
      ["in capitals", set({ iss: ALICE.toUpperCase() })],
      ["the thumbprint of the key", set({ iss: printOf(KEYS.alice) })],
      [
        "signed by Mallory's own key in Alice's name",
        (p) => Object.assign(p, { key: KEYS.mallory, header: { ...p.header, kid: printOf(KEYS.mallory) } }),
      ],
    ],
    "E_KEY",
  );
});

describe("aud [standalone:aud] [standalone:aud-encrypted]", () => {
  refuses(
    [
      ["somebody else", set({ aud: "https://carol.example" })],
      ["a group of others", set({ aud: "group:others" })],
      ["with a slash at the end", set({ aud: `${BOB}/` })],
      ["in capitals", set({ aud: BOB.toUpperCase() })],
      ["the issuer", set({ aud: ALICE })],
    ],
    "E_BINDING",
  );
  it("a group, signed", async () => {
    expect((await expectOpened(craft("signed", set({ aud: GROUP })))).audience).toBe(GROUP);
  });
  it("a group, encrypted", async () => {
    await expectRefused(craft("encrypted", set({ aud: GROUP })), "E_BINDING", "claims");
  });
  it("a group for an opener that is in none", async () => {
    await expectRefused(craft("signed", set({ aud: GROUP })), "E_BINDING", "claims", { audience: BOB });
  });
});
