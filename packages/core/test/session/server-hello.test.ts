import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { generateKey } from "../../src/keys/generate.ts";
import { createKeySet } from "../../src/keys/keyset.ts";
import { BAD_P256, BAD_X25519, GOOD_P256, nextPad } from "../support/keys.ts";
import { openPair, type PairOptions, proofKey } from "../support/pair.ts";
import { fromFull } from "../support/raw.ts";
import { both, claim, claimsText, type Edit, type Row, refuses } from "../support/server-hello.ts";
import { expectRefusal, type SignedParts } from "../support/tamper.ts";

describe("the claims of SH", () => {
  const NAMES = ["iss", "iat", "th", "rnd", "prt", "st", "epk", "lvl", "cod", "pol", "lim"];
  const set = (name: string, value: unknown): Row => [`${name} = ${JSON.stringify(value)}`, claim({ [name]: value })];
  const pol = (value: object): object => ({ pol: { pop: "optional", res: 0, seq: "strict", ...value } });
  const p256 = { suite: "p256" } as const;
  const epk =
    (value: object): Edit =>
    (sh: SignedParts) =>
      Object.assign(sh.claims.epk, value);

  describe("members [hs:members]", () => {
    refuses(
      [
        ...NAMES.map((name): Row => [`without ${name}`, claim({ [name]: undefined })]),
        ...NAMES.map((name): Row => set(name, null)),
        ...NAMES.map((name): Row => set(name, name === "iat" ? "1" : 7)),
        set("iss", "with space"),
        set("lim", { msg: 65_535 }),
        ["pol.pop maybe", claim(pol({ pop: "maybe" }))],
        ["pol.pop missing", claim(pol({ pop: undefined }))],
        ["pol.res missing", claim(pol({ res: undefined }))],
        ["pol.seq any", claim(pol({ seq: "any" }))],
        ["iat 1.0 [json:integer]", claimsText(/"iat":(\d+)/, '"iat":1893456000.0')],
        ["pol.res 0.0 [json:integer]", claimsText('"res":0', '"res":0.0')],
        ["pol.res -0 [json:integer]", claimsText('"res":0', '"res":-0')],
        ["lim.msg 1e6 [json:integer]", claimsText("1048576", "1e6")],
        ["th twice [json:duplicate]", claimsText('"rnd"', '"th":"","rnd"')],
        ["no JSON [json:text]", claimsText(/.*/, "th")],
        ["an array [json:text]", claimsText(/.*/, "[]")],
        ["a lone surrogate [json:value]", claimsText('"rnd"', '"x":"\\ud800","rnd"')],
        ["__proto__ [claims:proto]", claimsText('"rnd"', '"__proto__":{},"rnd"')],
        ["constructor [claims:proto]", claimsText('"rnd"', '"constructor":1,"rnd"')],
        ["th with padding [b64:member]", (sh) => Object.assign(sh.claims, { th: `${sh.claims.th}=` })],
        [
          "rnd with pad bits [b64:member]",
          (sh) => {
            sh.claims.rnd = `${sh.claims.rnd.slice(0, -1)}${nextPad(sh.claims.rnd)}`;
          },
        ],
        ["syntax, and iss", claim({ iss: "https://other.example", cod: 1 })],
      ],
      "E_CLAIMS",
      "claims",
      4400,
    );
  });
  describe("iss [sh:iss]", () => {
    const rows: Row[] = [
      set("iss", "https://other.example"),
      set("iss", "HTTPS://server.example"),
      ["iss, and th", claim({ iss: "x", th: "A".repeat(43) })],
    ];
    refuses(rows, "E_KEY", "claims", 4501);
  });
  describe("th [sh:th]", () => {
    refuses(
      [set("th", "A".repeat(43)), ["th, and prt", claim({ th: "A".repeat(43), prt: "x" })]],
      "E_TRANSCRIPT",
      "claims",
      4501,
    );
  });
  describe("prt [sh:prt]", () => {
    refuses(
      [set("prt", "sealwire.v9"), ["prt, and st", claim({ prt: "sealwire.v9", st: "x" })]],
      "E_DOWNGRADE",
      "claims",
      4406,
    );
  });
  describe("the selection [sh:offered]", () => {
    refuses(
      [
        set("st", "p256"),
        set("lvl", "mac"),
        set("cod", "json"),
        ["sig with pop optional", claim(pol({})), { level: "sig" }],
        ["nest with pop optional", claim(pol({})), { level: "nest" }],
        ["st, and a bad epk", both(claim({ st: "p256" }), epk({ x: "" }))],
      ],
      "E_NEGOTIATE",
      "claims",
      4406,
    );
  });
  describe("pol [sh:pol]", () => {
    refuses(
      [
        [
          "res 60 with seq window [resume:strict]",
          claim(pol({ res: 60, seq: "window" })),
          { client: { order: "window" } },
        ],
        ["seq window", claim(pol({ seq: "window" }))],
        ["pop required, without a proof key", claim(pol({ pop: "required" })), { proof: "none" }],
      ],
      "E_NEGOTIATE",
      "claims",
      4406,
    );
  });
  describe("members of epk [key:jwk-members]", () => {
    refuses(
      [
        ["alg", epk({ alg: "ECDH-ES" })],
        ["y beside X25519", epk({ y: GOOD_P256.y })],
        ["no y", epk({ y: undefined }), p256],
        ["a key of the other suite", claim({ epk: GOOD_P256 })],
        ["an off-curve key of the other suite", claim({ epk: { ...GOOD_P256, y: GOOD_P256.x } })],
        ["null", claim({ epk: null })],
      ],
      "E_CLAIMS",
      "claims",
      4400,
    );
  });
  describe("the point of epk [key:p256-point] [key:okp-point]", () => {
    refuses(
      [
        ...Object.entries(BAD_P256).map(([name, m]): Row => [`P-256: ${name}`, epk(m), p256]),
        ...Object.entries(BAD_X25519).map(([name, m]): Row => [`X25519: ${name}`, epk(m)]),
      ],
      "E_KEY",
      "claims",
      4501,
    );
  });

  it("of another connection to the same server [sh:th]", async () => {
    const { privateJwk, publicJwk } = await generateKey();
    const keys: PairOptions = {
      server: { signers: [await proofKey(node, privateJwk)] },
      client: { serverKeys: await createKeySet(node, { keys: [{ ...publicJwk }] }, { source: "configured" }) },
    };
    const first = await openPair(keys);
    const stolen = first.link.log.find((e) => e.direction === "s2c")!.payload;
    const second = await openPair({
      ...keys,
      onLink: (link) => {
        link.tap = (direction, payload) => (direction === "s2c" ? [stolen] : [payload]);
      },
    });
    await expectRefusal(second, { side: "client", code: "E_TRANSCRIPT", stage: "claims", close: 4501 });
    expect(fromFull(stolen).split(".")).toHaveLength(3);
  });
});
