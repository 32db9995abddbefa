import { createPublicKey } from "node:crypto";
import { describe, it } from "vitest";
import { generateKey } from "../../src/keys/generate.ts";
import { FULL_OFFER } from "../../src/session/client-hello.ts";
import { GOOD_P256 } from "../support/keys.ts";
import { both, claimsText, type Edit, flip, header, headerText, type Row, refuses } from "../support/server-hello.ts";
import { expectRefusal, tampered } from "../support/tamper.ts";

const members = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, 0]));

describe("the header of SH", () => {
  describe("[header:allow-list]", () => {
    refuses(
      [
        ["crit", header({ crit: ["exp"] })],
        ["b64", header({ b64: true })],
        ["zip", header({ zip: "DEF" })],
        ["jku", header({ jku: "https://x.example/jwks" })],
        ["x5u", header({ x5u: "https://x.example/c" })],
        ["jwk", header({ jwk: GOOD_P256 })],
        ["enc", header({ enc: "A256GCM" })],
        ["alg twice", headerText('{"alg"', '{"alg":"none","alg"')],
        ["alg twice, once escaped", headerText('{"alg"', '{"\\u0061lg":"none","alg"')],
        ["__proto__", headerText('{"alg"', '{"__proto__":{},"alg"')],
        ["an array", headerText(/.*/, "[]")],
        ["no JSON", headerText(/.*/, "alg")],
        ["1,025 bytes", headerText("{", `{${" ".repeat(1024)}`)],
        ["13 members", header(members(13))],
        ["crit, and typ", header({ crit: [], typ: "JWT" })],
      ],
      "E_HEADER",
      "header",
      4400,
    );
  });
  describe("[header:typ]", () => {
    const typ = (value: unknown): Row => [`typ ${value}`, header({ typ: value })];
    const others = ["JWT", "at+jwt", "application/sealwire-sh+jwt", "sealwire-auth+jwt", "SEALWIRE-SH+JWT"];
    refuses(
      [...[...others, null, undefined].map(typ), ["typ, and kid", header({ typ: "JWT", kid: "x" })]],
      "E_TYP",
      "header",
      4400,
    );
  });
  describe("[sh:pinned]", () => {
    refuses(
      [
        ["another kid", header({ kid: "A".repeat(43) })],
        ["no kid", header({ kid: undefined })],
        ["kid as a number", header({ kid: 1 })],
        ["__proto__ as kid", header({ kid: "__proto__" })],
        ["kid, and alg", header({ kid: "A".repeat(43), alg: "none" })],
      ],
      "E_KEY",
      "header",
      4501,
    );
  });
  describe("[header:alg]", () => {
    const hmac: Edit = (sh) => {
      sh.header.alg = "HS256";
      const publicKey = createPublicKey({ key: { ...sh.key }, format: "jwk" }).export({ format: "der", type: "spki" });
      sh.signature = () => publicKey.subarray(0, 32);
    };
    refuses(
      [
        ...["none", "NONE", "es256", "Ed25519", "EdDSA", "ES384"].map((alg): Row => [`alg ${alg}`, header({ alg })]),
        ["no alg", header({ alg: undefined })],
        ["HS256 by the public key", hmac],
        ["ES256 for an Ed25519 key", header({ alg: "ES256" }), { serverAlg: "Ed25519" }],
        ["EdDSA for an Ed25519 key", header({ alg: "EdDSA" }), { serverAlg: "Ed25519" }],
        ["alg, and cty", header({ alg: "none", cty: "JWT" })],
      ],
      "E_ALG",
      "header",
      4400,
    );
  });
  describe("[header:cty]", () => {
    refuses(
      [
        ["cty JWT", header({ cty: "JWT" })],
        ["cty sealwire+cbor", header({ cty: "sealwire+cbor" })],
        ["cty null", header({ cty: null })],
        ["cty, and signature", both(header({ cty: "JWT" }), flip)],
      ],
      "E_CTY",
      "header",
      4400,
    );
  });

  it("an algorithm that the client did not offer [sh:alg-offered]", async () => {
    const pair = await tampered(
      { ch: (ch) => Object.assign(ch, { sig: ["ES256"] }) },
      { client: { offer: { ...FULL_OFFER, signatures: ["Ed25519"] } } },
    );
    await expectRefusal(pair, { side: "client", code: "E_ALG", stage: "header", close: 4400 });
  });
});

describe("the signature of SH [sh:signature]", () => {
  const signature =
    (change: (good: Buffer) => Uint8Array): Edit =>
    (sh) =>
      Object.assign(sh, { signature: change });
  refuses(
    [
      ["a flipped bit", flip],
      ["63 bytes", signature((s) => s.subarray(1))],
      ["65 bytes", signature((s) => Buffer.concat([s, Buffer.of(0)]))],
      ["none", signature(() => Buffer.alloc(0))],
      ["r = s = 0", signature(() => Buffer.alloc(64))],
      ["none, Ed25519", signature(() => Buffer.alloc(0)), { serverAlg: "Ed25519" }],
      ["zeros, Ed25519", signature(() => Buffer.alloc(64)), { serverAlg: "Ed25519" }],
      ["wrong, and the claims are no JSON", both(flip, claimsText(/^/, "x"))],
    ],
    "E_SIG_SERVER",
    "crypto",
    4501,
  );

  it("by another key under the name of the pinned one", async () => {
    const other = await generateKey("ES256");
    const pair = await tampered({ sh: (sh) => Object.assign(sh, { key: other.privateJwk }) });
    await expectRefusal(pair, { side: "client", code: "E_SIG_SERVER", stage: "crypto", close: 4501 });
  });
});
