import { describe } from "vitest";
import {
  both,
  claim,
  claimsText,
  type Edit,
  flipBit,
  inner,
  innerText,
  outer,
  passes,
  type Row,
  refuses,
  refusesCoarsely,
  segment,
  shortTag,
} from "../support/client-auth.ts";
import { BAD_P256, GOOD_P256, nextPad } from "../support/keys.ts";
import { b64u, unb64u } from "../support/raw.ts";

const bearer = { proof: "none" } as const;
const NOW = 1_893_456_000;

describe("the envelope of CA", () => {
  describe("header [header:not-in-table]", () => {
    refuses(
      [
        ["typ of SR", outer({ typ: "sealwire-sr+jwt" })],
        ["typ of a message", outer({ typ: "sealwire+jwt" })],
        ["another kid", outer({ kid: "A".repeat(22) })],
        ["cty at+jwt", outer({ cty: "at+jwt" })],
        ["a member more", outer({ zip: "DEF" })],
        [
          "members in another order",
          (ca) => {
            ca.outer = { typ: ca.outer.typ, ...ca.outer };
          },
        ],
        [
          "white space",
          (ca) => {
            ca.outer = JSON.stringify(ca.outer).replace(",", ", ");
          },
        ],
      ],
      "E_HEADER",
      "header",
      4400,
    );
  });
  describe("nonce [aead:iv]", () => {
    const iv =
      (change: (iv: Buffer) => Buffer): Edit =>
      (ca) => {
        ca.iv = change(ca.iv);
      };
    refuses(
      [
        ["of seq 1", iv((b) => Buffer.from(b.map((byte, i) => (i === 11 ? byte ^ 1 : byte))))],
        ["with its first bytes changed", iv((b) => Buffer.from(flipBit(b)))],
        ["of 11 bytes", iv((b) => b.subarray(1))],
        ["of 13 bytes", iv((b) => Buffer.concat([b, Buffer.of(0)]))],
      ],
      "E_IV",
      "sequence",
      4501,
    );
  });
  describe("ciphertext and tag [level:verify] [aead:tag]", () => {
    refuses(
      [
        ["a bit of the ciphertext", segment(3, flipBit)],
        ["a bit of the tag", segment(4, flipBit)],
        ["no tag", segment(4, () => Buffer.alloc(0))],
        ["a tag of 12 bytes", segment(4, (tag) => tag.subarray(0, 12))],
        ["a tag of 12 bytes, the others in the ciphertext", shortTag(12)],
        ["a tag of 17 bytes, one of the ciphertext's", shortTag(17)],
        ["a tag of 17 bytes", segment(4, (tag) => Buffer.concat([tag, Buffer.of(0)]))],
      ],
      "E_CRYPTO",
      "crypto",
      4501,
    );
  });
});

describe("the inner JWS of CA", () => {
  describe("header [header:allow-list] [ca:coarse]", () => {
    refusesCoarsely(
      [
        ["kid beside jwk", inner({ kid: "A".repeat(43) })],
        ["crit", inner({ crit: ["jwk"] })],
        ["b64", inner({ b64: false })],
        ["jku", inner({ jku: "https://x.example" })],
        ["alg twice", innerText('{"alg"', '{"alg":"ES256","alg"')],
        ["kid, and typ", inner({ kid: "x", typ: "JWT" })],
      ],
      "E_HEADER",
      "header",
    );
  });
  describe("typ [header:typ] [ca:coarse]", () => {
    const others = ["JWT", "dpop+jwt", "at+jwt", "sealwire-sh+jwt", "application/sealwire-auth+jwt"];
    refusesCoarsely(
      [...others, undefined].map((typ): Row => [`typ ${typ}`, inner({ typ })]),
      "E_TYP",
      "header",
    );
  });
  describe("jwk [ca:jwk] [key:p256-point] [key:okp-point] [ca:coarse]", () => {
    const jwk =
      (change: object): Edit =>
      (ca) =>
        Object.assign(ca.header.jwk, change);
    refusesCoarsely(
      [
        ["missing", inner({ jwk: undefined })],
        ["null", inner({ jwk: null })],
        ["with d", jwk({ d: "A".repeat(43) })],
        ["with alg", jwk({ alg: "ES256" })],
        ["without y", jwk({ y: undefined })],
        ["an X25519 key", inner({ jwk: { kty: "OKP", crv: "X25519", x: b64u(Buffer.alloc(32, 9)) } })],
        ["an Ed25519 key of 31 bytes", inner({ jwk: { kty: "OKP", crv: "Ed25519", x: b64u(Buffer.alloc(31)) } })],
        ...Object.entries(BAD_P256).map(([name, m]): Row => [name, jwk(m)]),
        ["jwk, and alg", both(jwk({ d: "x" }), inner({ alg: "none" }))],
      ],
      "E_KEY",
      "header",
    );
  });
  describe("alg [header:alg] [ca:coarse]", () => {
    refusesCoarsely(
      ["none", "HS256", "Ed25519", "es256", undefined].map((alg): Row => [`alg ${alg}`, inner({ alg })]),
      "E_ALG",
      "header",
    );
  });
  describe("cty [header:cty] [ca:coarse]", () => {
    refusesCoarsely([["JWT", inner({ cty: "JWT" })]], "E_CTY", "header");
  });
  describe("encoding [wire:segments] [ca:coarse]", () => {
    const plaintext =
      (text: string): Edit =>
      (ca) =>
        Object.assign(ca, { plaintext: text });
    refusesCoarsely(
      [
        ["the claims alone", plaintext("{}")],
        ["two segments", plaintext("e30.e30")],
        ["a JWE", plaintext("e30..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA")],
        ["nothing", plaintext("")],
        ["an empty header", plaintext(".e30.AA")],
      ],
      "E_MALFORMED",
      "inner",
    );
  });
  describe("base64url [b64:canonical] [ca:coarse]", () => {
    const plaintext =
      (text: string): Edit =>
      (ca) =>
        Object.assign(ca, { plaintext: text });
    refusesCoarsely(
      [
        ["padding", plaintext("e30=.e30.AA")],
        ["white space", plaintext("e30 .e30.AA")],
        ["pad bits", plaintext("e30.e30.AB")],
        ["plain base64", plaintext("e30.e30.+/+/")],
        ["bytes beyond ASCII", plaintext("e30.e30.ÄÖ")],
      ],
      "E_B64",
      "inner",
    );
  });
});

describe("the claims of CA", () => {
  const NAMES = ["aud", "iat", "exp", "th"];
  describe("members [hs:members] [ca:coarse]", () => {
    for (const options of [{}, bearer]) {
      refusesCoarsely(
        [
          ...NAMES.map((name): Row => [`without ${name}`, claim({ [name]: undefined }), options]),
          ...NAMES.map((name): Row => [`${name} null`, claim({ [name]: null }), options]),
          ...NAMES.map((name): Row => [`${name} of another type`, claim({ [name]: [1] }), options]),
          ["at as a number", claim({ at: 1 }), options],
          ["at null", claim({ at: null }), options],
          ["at and ath [ca:at-or-ath]", claim({ ath: "A".repeat(43) }), options],
          ["neither at nor ath [ca:at-or-ath]", claim({ at: undefined }), options],
          ["ath of 42 characters [b64:member]", claim({ at: undefined, ath: "A".repeat(42) }), options],
          ["ath with pad bits [b64:member]", claim({ at: undefined, ath: `${"A".repeat(42)}B` }), options],
          ["th with padding [b64:member]", (ca) => Object.assign(ca.claims, { th: `${ca.claims.th}=` }), options],
          [
            "th with pad bits [b64:member]",
            (ca) => {
              ca.claims.th = `${ca.claims.th.slice(0, -1)}${nextPad(ca.claims.th)}`;
            },
            options,
          ],
          ["exp before iat [time:exp-before-iat]", claim({ exp: NOW - 1 }), options],
          ["iat 1.0 [json:integer]", claimsText(/"iat":\d+/, '"iat":1.0'), options],
          ["iat in a string [json:integer]", claimsText(/"iat":\d+/, '"iat":"1893456000"'), options],
          ["aud twice [json:duplicate]", claimsText("{", '{"aud":"x",'), options],
          ["no JSON [json:text]", claimsText(/^/, "{}"), options],
          ["__proto__ [claims:proto]", claimsText("{", '{"__proto__":1,'), options],
          ["constructor [claims:proto]", claimsText("{", '{"constructor":1,'), options],
          ["syntax, and th", claim({ aud: 1, th: "A".repeat(43) }), options],
        ],
        "E_CLAIMS",
        "claims",
      );
    }
    refusesCoarsely(
      [
        [
          "an inner JWS under the header of a bearer CA",
          (ca) => {
            ca.outer = { alg: "dir", enc: "A256GCM", kid: ca.outer.kid, typ: ca.outer.typ };
          },
        ],
      ],
      "E_CLAIMS",
      "claims",
    );
    passes([["unknown members are ignored", claim({ jti: "x", n: 1.5 })]]);
  });
  describe("th [ca:th] [ca:coarse]", () => {
    refusesCoarsely(
      [
        ["another", claim({ th: "A".repeat(43) })],
        ["another, bearer", claim({ th: "A".repeat(43) }), bearer],
        ["th, and aud", claim({ th: "A".repeat(43), aud: "x" })],
        [
          "a bit",
          (ca) => {
            ca.claims.th = b64u(flipBit(unb64u(ca.claims.th)));
          },
        ],
      ],
      "E_TRANSCRIPT",
      "claims",
    );
  });
  describe("aud [ca:aud] [ca:coarse]", () => {
    refusesCoarsely(
      [
        ["another", claim({ aud: "https://other.example" })],
        ["in other case", claim({ aud: "https://SERVER.example" }), bearer],
        ["aud, and time", claim({ aud: "x", exp: NOW + 61 })],
      ],
      "E_BINDING",
      "claims",
    );
  });
  describe("time [ca:time] [ca:coarse]", () => {
    refusesCoarsely(
      [
        ["a life of 61 s", claim({ exp: NOW + 61 })],
        ["expired by 30 s", claim({ iat: NOW - 60, exp: NOW - 30 })],
        ["iat 31 s ahead", claim({ iat: NOW + 31, exp: NOW + 60 })],
        ["iat 31 s ahead, bearer", claim({ iat: NOW + 31, exp: NOW + 60 }), bearer],
      ],
      "E_POP",
      "claims",
    );
    passes([
      ["expired by 29 s", claim({ iat: NOW - 60, exp: NOW - 29 })],
      ["iat 30 s ahead", claim({ iat: NOW + 30, exp: NOW + 60 })],
    ]);
  });
  describe("points beyond the curve of another algorithm [ca:jwk]", () => {
    refusesCoarsely(
      [["a P-256 key that signs nothing", inner({ jwk: { ...GOOD_P256, y: GOOD_P256.x } })]],
      "E_KEY",
      "header",
    );
  });
});
