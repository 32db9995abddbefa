import { CompactEncrypt, compactDecrypt, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import type { PrivateJwk, PublicJwk } from "../../src/crypto/backend.ts";
import { generateRecipientKey } from "../../src/keys/generate.ts";
import { concat, utf8 } from "../../src/wire/bytes.ts";
import { BACKENDS, failure, nodeBackend, text, webBackend } from "./backends.ts";
import { OFF_CURVE, X25519_SMALL } from "./points.ts";

const CURVES = ["P-256", "X25519"] as const;
const [IV, PLAIN] = [new Uint8Array(12), text("plain")];

describe.each([
  { a: nodeBackend, b: nodeBackend },
  { a: webBackend, b: webBackend },
  { a: nodeBackend, b: webBackend },
  { a: webBackend, b: nodeBackend },
])("$a.name to $b.name", ({ a, b }) => {
  it.each(CURVES)("the same content key at both ends, %s", async (crv) => {
    const { privateJwk } = await generateRecipientKey(crv);
    const recipient = await b.backend.importKeyAgreement(privateJwk);
    const ephemeral = await a.backend.generateKeyAgreement(recipient.suite);
    const sealed = await (await ephemeral.contentKey(recipient.publicJwk)).seal(IV, IV, PLAIN);
    expect(await (await recipient.contentKey(ephemeral.publicJwk)).open(IV, IV, sealed)).toEqual(PLAIN);
  });
});

describe.each(BACKENDS)("$name", ({ backend }) => {
  it.each(CURVES)("decrypts what jose encrypts, %s", async (crv) => {
    const { privateJwk, publicJwk } = await generateRecipientKey(crv);
    const compact = await new CompactEncrypt(PLAIN)
      .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM" })
      .encrypt(await importJWK({ ...publicJwk }, "ECDH-ES"));
    const [aad, , iv, ciphertext, tag] = compact.split(".") as [string, string, string, string, string];
    const { epk } = JSON.parse(Buffer.from(aad, "base64url").toString()) as { epk: PublicJwk };
    const key = await (await backend.importKeyAgreement(privateJwk)).contentKey(epk);
    const [nonce, ...rest] = [iv, ciphertext, tag].map((part) => new Uint8Array(Buffer.from(part, "base64url")));
    expect(await key.open(nonce as Uint8Array, utf8.encode(aad), concat(...rest))).toEqual(PLAIN);
  });

  it.each(CURVES)("encrypts what jose decrypts, %s", async (crv) => {
    const { privateJwk, publicJwk } = await generateRecipientKey(crv);
    const ephemeral = await backend.generateKeyAgreement(crv === "P-256" ? "p256" : "x25519");
    const header = JSON.stringify({ alg: "ECDH-ES", enc: "A256GCM", epk: ephemeral.publicJwk });
    const aad = Buffer.from(header).toString("base64url");
    const sealed = Buffer.from(await (await ephemeral.contentKey(publicJwk)).seal(IV, utf8.encode(aad), PLAIN));
    const parts = [Buffer.from(IV), sealed.subarray(0, -16), sealed.subarray(-16)].map((b) => b.toString("base64url"));
    const key = await importJWK({ ...privateJwk }, "ECDH-ES");
    const { plaintext } = await compactDecrypt([aad, "", ...parts].join("."), key);
    expect(new Uint8Array(plaintext)).toEqual(PLAIN);
  });

  it("refuses bad points by itself as well", async () => {
    const x25519 = await backend.importKeyAgreement((await generateRecipientKey("X25519")).privateJwk);
    for (const x of X25519_SMALL) {
      const peer: PublicJwk = { kty: "OKP", crv: "X25519", x: Buffer.from(x, "hex").toString("base64url") };
      expect(await failure(() => x25519.contentKey(peer))).toMatchObject({ code: "E_KEY" });
    }
    const p256 = await backend.importKeyAgreement((await generateRecipientKey("P-256")).privateJwk);
    expect(await failure(() => p256.contentKey(OFF_CURVE))).toMatchObject({ code: "E_KEY" });
  });

  it.each(CURVES)("imports a key only with its own public half, %s", async (crv) => {
    const [one, two] = [await generateRecipientKey(crv), await generateRecipientKey(crv)];
    const mixed: PrivateJwk = { ...one.publicJwk, d: two.privateJwk.d };
    expect(await failure(() => backend.importKeyAgreement(mixed))).toBeInstanceOf(TypeError);
    expect((await backend.importKeyAgreement(one.privateJwk)).publicJwk.x).toBe(one.publicJwk.x);
  });

  it.each([{ name: "ECDH", namedCurve: "P-256" }, { name: "X25519" }])(
    "imports a pair that no script can read, $name",
    async (algorithm) => {
      const make = async () => (await crypto.subtle.generateKey(algorithm, false, ["deriveBits"])) as CryptoKeyPair;
      const [pair, other] = [await make(), await make()];
      const own = await backend.importKeyAgreement(pair);
      const ephemeral = await backend.generateKeyAgreement(own.suite);
      const sealed = await (await ephemeral.contentKey(own.publicJwk)).seal(IV, IV, PLAIN);
      expect(await (await own.contentKey(ephemeral.publicJwk)).open(IV, IV, sealed)).toEqual(PLAIN);
      const mixed = { privateKey: pair.privateKey, publicKey: other.publicKey };
      expect(await failure(() => backend.importKeyAgreement(mixed))).toBeInstanceOf(TypeError);
    },
  );
});
