import { CompactEncrypt, CompactSign, compactDecrypt, compactVerify, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import { open } from "../../src/standalone/open.ts";
import { seal } from "../../src/standalone/seal.ts";
import { product } from "../support/all-pairs.ts";
import { fromFull, toFull } from "../support/raw.ts";
import {
  ALICE,
  BOB,
  craft,
  expectOpened,
  FORMS,
  JTI,
  KEYS,
  NOW,
  now,
  OPTIONS,
  printOf,
  publicOf,
  wireJwk,
} from "./fixtures.ts";

const ROWS = product({
  form: FORMS,
  signer: ["ES256", "Ed25519"],
  recipient: ["nobody", "P-256", "X25519"],
} as const);
type Row = (typeof ROWS)[number];
const name = (row: Row) => Object.values(row).join(", ");

const signerOf = (row: Row): PrivateJwk => (row.signer === "ES256" ? KEYS.alice : KEYS.aliceEd);
const recipientOf = (row: Row): PrivateJwk | undefined =>
  ({ nobody: undefined, "P-256": KEYS.bobP256, X25519: KEYS.bobX })[row.recipient];

async function sealed(row: Row): Promise<string | Uint8Array> {
  const to = recipientOf(row);
  return await seal(
    { topic: "pay", data: { amount: 100 }, ref: JTI },
    {
      issuer: ALICE,
      key: signerOf(row),
      audience: BOB,
      form: row.form,
      now,
      ...(to === undefined ? {} : { encryptTo: publicOf(to) }),
    },
  );
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const headerOf = (compact: string) => Buffer.from(compact.split(".")[0] as string, "base64url").toString();
const importOf = async (jwk: PrivateJwk, alg: string) => await importJWK({ ...jwk }, alg);
const publicKey = async (jwk: PrivateJwk) => await importJWK({ ...wireJwk(jwk) }, jwk.alg as string);

describe("an envelope of ours, opened by stock jose", () => {
  it.each(ROWS.map((row) => [name(row), row] as const))(
    "%s [header:exact] [claims:order] [claims:data] [standalone:signed]",
    async (_, row) => {
      const compact = fromFull(await sealed(row));
      const to = recipientOf(row);
      const [alg, kid] = [row.signer, printOf(signerOf(row))];
      let jws = compact;
      if (to !== undefined) {
        const { plaintext, protectedHeader } = await compactDecrypt(compact, await importOf(to, "ECDH-ES"));
        const epk = JSON.stringify(protectedHeader.epk);
        const members = to.kty === "EC" ? ["kty", "crv", "x", "y"] : ["kty", "crv", "x"];
        expect(Object.keys(protectedHeader.epk as object)).toEqual(members);
        expect(headerOf(compact)).toBe(
          `{"alg":"ECDH-ES","enc":"A256GCM","cty":"JWT","epk":${epk},"kid":"${printOf(to)}","typ":"sealwire-envx+jwt"}`,
        );
        expect(compact.split(".")[1]).toBe("");
        jws = text(plaintext);
      }
      const typ = to === undefined ? "sealwire-env+jwt" : "sealwire-envi+jwt";
      expect(headerOf(jws)).toBe(`{"alg":"${alg}","kid":"${kid}","typ":"${typ}"}`);
      const { payload } = await compactVerify(jws, await publicKey(signerOf(row)));
      const jti = JSON.parse(text(payload)).jti;
      expect(text(payload)).toBe(
        `{"iss":"${ALICE}","aud":"${BOB}","jti":"${jti}","iat":${NOW},"exp":${NOW + 60},"top":"pay","ref":"${JTI}","dat":{"amount":100}}`,
      );
      expect(Buffer.from(jti, "base64url").toString("base64url")).toBe(jti);
      expect(Buffer.from(jti, "base64url").length).toBe(16);
    },
  );
});

describe("an envelope of stock jose, opened by us", () => {
  it.each(ROWS.map((row) => [name(row), row] as const))("%s", async (_, row) => {
    const to = recipientOf(row);
    const claims = { iss: ALICE, aud: BOB, jti: JTI, iat: NOW, exp: NOW + 60, top: "pay", dat: ["x"], unknown: 1 };
    const typ = to === undefined ? "sealwire-env+jwt" : "sealwire-envi+jwt";
    const key = signerOf(row);
    const jws = await new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: row.signer, kid: printOf(key), typ })
      .sign(await importOf(key, row.signer));
    const compact =
      to === undefined
        ? jws
        : await new CompactEncrypt(Buffer.from(jws))
            .setProtectedHeader({
              alg: "ECDH-ES",
              enc: "A256GCM",
              cty: "JWT",
              kid: printOf(to),
              typ: "sealwire-envx+jwt",
            })
            .encrypt(await importJWK({ ...wireJwk(to) }, "ECDH-ES"));
    expect(await open(toFull(row.form, compact), OPTIONS)).toEqual({
      issuer: ALICE,
      audience: BOB,
      id: JTI,
      topic: "pay",
      data: ["x"],
      issuedAt: new Date(NOW * 1000),
      expiresAt: new Date((NOW + 60) * 1000),
      thumbprint: printOf(key),
      encrypted: to !== undefined,
      jws,
    });
  });
});

describe("what is fresh in every envelope", () => {
  it("jti [standalone:jti]", async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 50; i++) ids.add((await open(await sealed(ROWS[0] as Row), OPTIONS)).id);
    expect(ids.size).toBe(50);
  });

  it.each(["P-256", "X25519"] as const)(
    "the ephemeral key and the IV, %s [standalone:ephemeral]",
    async (recipient) => {
      const seen = new Set<string>();
      for (let i = 0; i < 20; i++) {
        const compact = fromFull(await sealed({ form: "text", signer: "ES256", recipient }));
        seen.add(JSON.parse(headerOf(compact)).epk.x).add(compact.split(".")[2] as string);
      }
      expect(seen.size).toBe(40);
    },
  );
});

it("opens what its tests make by hand", async () => {
  expect((await expectOpened(craft("signed"))).encrypted).toBe(false);
  expect((await expectOpened(craft("encrypted"))).encrypted).toBe(true);
  expect((await expectOpened(craft("encrypted", undefined, true))).encrypted).toBe(true);
});
