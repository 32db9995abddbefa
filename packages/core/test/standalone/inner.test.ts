import { describe, expect, it } from "vitest";
import { open } from "../../src/standalone/open.ts";
import { nextPad } from "../support/keys.ts";
import { b64u, sealCompact, signCompact, toFull, unb64u } from "../support/raw.ts";
import {
  contentKey,
  craft,
  type Edit,
  expectOpened,
  expectRefused,
  KEYS,
  OPTIONS,
  printOf,
  wireJwk,
} from "./fixtures.ts";

type Row = readonly [name: string, edit: Edit];

const CLAIMS = '{"iss":"https://alice.example"}';
const inner = (): string => {
  let jws = "";
  craft("encrypted", (p) => {
    jws = signCompact(p.header, p.claims, p.key);
  });
  return jws;
};
const plaintext =
  (value: string | Buffer): Edit =>
  (p) =>
    Object.assign(p, { plaintext: value });

describe("the plaintext is no compact JWS [standalone:inner-encoding]", () => {
  const rows: readonly (readonly [string, string | Buffer])[] = [
    ["claims alone: encrypted, not signed", CLAIMS],
    ["nothing", ""],
    ["two segments", inner().split(".").slice(0, 2).join(".")],
    ["four segments", `${inner()}.AA`],
    ["an empty header", `.${inner().split(".").slice(1).join(".")}`],
    ["another JWE", craft("encrypted")],
    ["a JSON serialization", JSON.stringify({ payload: "e30", signatures: [] })],
    ["bytes", Buffer.of(0x83, 1, 0x40, 0x40)],
  ];
  it.each(rows)("%s is E_MALFORMED", async (_, value) => {
    await expectRefused(craft("encrypted", plaintext(value)), "E_MALFORMED", "inner");
  });

  const [header, payload, signature] = inner().split(".") as [string, string, string];
  const bad: readonly (readonly [string, string | Buffer])[] = [
    ["padding", `${header}=.${payload}.${signature}`],
    ["white space around it", ` ${inner()}\n`],
    ["pad bits", `${header}.${payload}.${signature.slice(0, -1)}${nextPad(signature)}`],
    ["plain base64", `${header}.${payload}.${signature.slice(0, -2)}+/`],
    ["a byte beyond ASCII", Buffer.from(`${header}.${payload}.\xe9${signature.slice(1)}`, "latin1")],
    ["an impossible length", `${header}.${payload}.${signature}AAA`],
  ];
  it.each(bad)("%s is E_B64", async (_, value) => {
    await expectRefused(craft("encrypted", plaintext(value)), "E_B64", "inner");
  });
});

describe("the inner header and signature [standalone:inner]", () => {
  const header =
    (changes: object): Edit =>
    (p) =>
      Object.assign(p.header, changes);
  const rows: readonly Row[] = [
    ["typ of a signed envelope", header({ typ: "sealwire-env+jwt" })],
    ["typ of an encrypted envelope", header({ typ: "sealwire-envx+jwt" })],
    ["an access token", header({ typ: "at+jwt" })],
    ["a message of a session", header({ typ: "sealwire+jwt" })],
    ["no typ", header({ typ: undefined })],
    [
      "an unknown key",
      (p) => Object.assign(p, { key: KEYS.otherP256, header: { ...p.header, kid: printOf(KEYS.otherP256) } }),
    ],
    ["no kid", header({ kid: undefined })],
    ["alg of another key", header({ alg: "Ed25519" })],
    ["alg none", header({ alg: "none" })],
    ["cty", header({ cty: "JWT" })],
    ["crit", header({ crit: ["exp"] })],
    ["the key itself", header({ jwk: wireJwk(KEYS.alice) })],
    ["a duplicate", (p) => Object.assign(p, { header: JSON.stringify(p.header).replace("{", '{"typ":"x",') })],
    ["no JSON", (p) => Object.assign(p, { header: "{" })],
    ["too large", (p) => Object.assign(p, { header: JSON.stringify(p.header).replace("{", `{${" ".repeat(1024)}`) })],
    ["a signature of somebody else", (p) => Object.assign(p, { key: KEYS.mallory })],
    ["a changed signature", (p) => Object.assign(p, { signature: (s: Buffer) => s.fill(1) })],
    ["an empty signature", (p) => Object.assign(p, { signature: () => Buffer.alloc(0) })],
    [
      "changed claims",
      (p) => {
        const [head, , tail] = signCompact(p.header, p.claims, p.key).split(".");
        p.plaintext = `${head}.${b64u(Buffer.from(JSON.stringify({ ...p.claims, dat: 1 })))}.${tail}`;
      },
    ],
  ];
  it.each(rows)("%s is E_CRYPTO", async (_, edit) => {
    await expectRefused(craft("encrypted", edit), "E_CRYPTO", "inner");
    await expectRefused(craft("encrypted", edit, true), "E_CRYPTO", "inner");
  });
});

describe("signature and tag [standalone:verify] [level:verify] [aead:tag]", () => {
  const flip = (compact: string, segment: number): string => {
    const segments = compact.split(".").map(unb64u);
    const bytes = segments[segment] as Buffer;
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    return segments.map(b64u).join(".");
  };
  const cut =
    (segment: number, change: (bytes: Buffer) => Uint8Array): Edit =>
    (p) =>
      Object.assign(p, {
        finish: (compact: string) =>
          compact
            .split(".")
            .map((s, i) => (i === segment ? b64u(change(unb64u(s))) : s))
            .join("."),
      });

  it.each([
    ["payload", 1],
    ["signature", 2],
  ] as const)("a bit of the %s of a JWS", async (_, segment) => {
    await expectRefused(flip(craft("signed"), segment), "E_CRYPTO", "crypto");
  });

  it.each([
    ["IV", 2],
    ["ciphertext", 3],
    ["tag", 4],
  ] as const)("a bit of the %s of a JWE", async (_, segment) => {
    await expectRefused(flip(craft("encrypted"), segment), "E_CRYPTO", "crypto");
  });

  it.each([
    ["a signature cut to 63 bytes", "signed", cut(2, (s) => s.subarray(0, 63))],
    ["a signature of zeros", "signed", cut(2, () => Buffer.alloc(64))],
    ["no signature", "signed", cut(2, () => Buffer.alloc(0))],
    ["the signature of another key", "signed", ((p) => Object.assign(p, { key: KEYS.mallory })) as Edit],
    ["a tag of 12 bytes", "encrypted", cut(4, (t) => t.subarray(0, 12))],
    ["a tag of 4 bytes", "encrypted", cut(4, (t) => t.subarray(0, 4))],
    ["no tag", "encrypted", cut(4, () => Buffer.alloc(0))],
    ["an IV of 16 bytes", "encrypted", cut(2, (iv) => Buffer.concat([iv, Buffer.alloc(4)]))],
    ["no IV", "encrypted", cut(2, () => Buffer.alloc(0))],
    ["no ciphertext", "encrypted", cut(3, () => Buffer.alloc(0))],
    [
      "the content key of another recipient",
      "encrypted",
      ((p) => Object.assign(p, { recipient: KEYS.otherP256 })) as Edit,
    ],
    [
      "another ephemeral key in the header",
      "encrypted",
      ((p) => Object.assign(p.outer, { epk: wireJwk(KEYS.otherP256) })) as Edit,
    ],
  ] as const)("%s", async (_, kind, edit) => {
    await expectRefused(craft(kind, edit), "E_CRYPTO", "crypto");
  });

  it("an IV of 16 bytes under which it was really encrypted", async () => {
    const edit: Edit = (p) => Object.assign(p, { iv: Buffer.alloc(16, 1) });
    await expectRefused(craft("encrypted", edit), "E_CRYPTO", "crypto");
  });

  it("a tag of 20 bytes that begins with the end of the ciphertext: one envelope has one spelling", async () => {
    const segments = craft("encrypted").split(".").map(unb64u);
    const [text, tag] = segments.slice(3) as [Buffer, Buffer];
    const moved = [...segments.slice(0, 3), text.subarray(0, -4), Buffer.concat([text.subarray(-4), tag])];
    await expectRefused(moved.map(b64u).join("."), "E_CRYPTO", "crypto");
  });

  it("a header of other bytes: what is authenticated is what was received", async () => {
    const [first, ...rest] = craft("encrypted").split(".") as [string, ...string[]];
    const spaced = b64u(Buffer.from(unb64u(first).toString().replace("{", "{ ")));
    await expectRefused([spaced, ...rest].join("."), "E_CRYPTO", "crypto");
  });
});

describe("what its receiver can do with it", () => {
  it("the inner JWS is no envelope [header:typ]", async () => {
    const { jws } = await expectOpened(craft("encrypted"));
    await expectRefused(jws, "E_TYP", "header");
  });

  it("encrypted again to another member, it is not for that one [standalone:aud-encrypted]", async () => {
    const { jws } = await expectOpened(craft("encrypted"));
    const outer = {
      alg: "ECDH-ES",
      enc: "A256GCM",
      cty: "JWT",
      epk: wireJwk(KEYS.ephemeralX),
      kid: printOf(KEYS.otherX),
      typ: "sealwire-envx+jwt",
    };
    const again = sealCompact(outer, contentKey(KEYS.ephemeralX, KEYS.otherX), Buffer.alloc(12), Buffer.from(jws));
    await expectRefused(again, "E_BINDING", "claims", {
      audience: "https://carol.example",
      decryptionKey: KEYS.otherX,
    });
  });
});

it("a buffer that is used again while an envelope is opened changes nothing", async () => {
  const bytes = toFull("binary", craft("signed")) as Uint8Array;
  const opening = open(bytes, OPTIONS);
  bytes.fill(0);
  expect((await opening).data).toEqual({ amount: 100 });
});
