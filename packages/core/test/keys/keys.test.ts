import { calculateJwkThumbprint } from "jose";
import { describe, expect, it } from "vitest";
import { assertPrivateJwk, checkPublicJwk, publicJwkOf, signatureAlgOf } from "../../src/crypto/jwk.ts";
import { generateKey, generateProofKey, proofKeyThumbprint } from "../../src/keys/generate.ts";
import { thumbprint } from "../../src/keys/thumbprint.ts";
import type { SignatureAlg } from "../../src/registry.generated.ts";
import { SIGNATURE_ALGS } from "../../src/registry.generated.ts";
import { BACKENDS } from "../crypto/backends.ts";
import { ED25519_KEY, ES256_KEY, OFF_CURVE, publicOf, X25519_SMALL } from "../crypto/points.ts";

const EC = publicOf(ES256_KEY);
const ED = publicOf(ED25519_KEY);
const X = { kty: "OKP", crv: "X25519", x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo" };

describe("checkPublicJwk", () => {
  it("rebuilds keys in the order of the wire and drops other members", () => {
    const { x, y } = ES256_KEY;
    const checked = checkPublicJwk({ alg: "ES256", y, x, kid: "k", crv: "P-256", kty: "EC" }, "sign");
    expect(JSON.stringify(checked)).toBe(JSON.stringify({ ok: true, jwk: EC }));
    expect(checkPublicJwk({ ...X, y: "ignored" }, "agree")).toEqual({ ok: true, jwk: X });
  });

  it("takes the exact members in any order", () => {
    const { kty, crv, x, y } = EC;
    expect(checkPublicJwk({ y, x, crv, kty }, "agree", { exact: true }).ok).toBe(true);
    expect(checkPublicJwk(X, "agree", { exact: true }).ok).toBe(true);
    expect(checkPublicJwk(Object.assign(Object.create(null), X), "agree", { exact: true }).ok).toBe(true);
  });

  it.each([
    ["no object", "key"],
    ["null", null],
    ["an array", [EC]],
    ["no members", {}],
    ["no x", { kty: "EC", crv: "P-256", y: EC.y }],
    ["no y", { kty: "EC", crv: "P-256", x: EC.x }],
    ["a number as x", { ...X, x: 1 }],
    ["an array as crv", { ...X, crv: ["X25519"] }],
    ["inherited members", Object.create(EC)],
    ["alg", { ...EC, alg: "ES256" }],
    ["kid", { ...X, kid: "k" }],
    ["d", { ...X, d: X.x }],
    ["y beside OKP", { ...X, y: EC.y }],
    ["null as y beside OKP", { ...X, y: null }],
    [
      "__proto__",
      JSON.parse('{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo","__proto__":{}}'),
    ],
  ])("exact: reports the members of a key with %s", (_, value) => {
    expect(checkPublicJwk(value, "agree", { exact: true })).toMatchObject({ ok: false, reason: "members" });
  });

  it.each<readonly [string, unknown]>([
    ["another curve", { ...EC, crv: "P-384" }],
    ["a curve named like a method", { ...X, crv: "toString" }],
    ["kty of another curve", { ...EC, kty: "OKP" }],
    ["kty oct", { ...X, kty: "oct" }],
    ["a point off the curve", OFF_CURVE],
    ["a short x", { ...X, x: X.x.slice(1) }],
    ["a padded x", { ...X, x: `${X.x}=` }],
    ["pad bits", { ...X, x: `${X.x.slice(0, 42)}p` }],
    ["white space", { ...X, x: `${X.x.slice(0, 42)} ` }],
    ["the other base64 alphabet", { ...EC, y: EC.y?.replace("_", "/") }],
    ["34 bytes", { ...X, x: `${X.x}AAA` }],
    ...X25519_SMALL.map((u) => [u, { ...X, x: Buffer.from(u, "hex").toString("base64url") }] as const),
  ])("reports the point of a key with %s", (_, value) => {
    for (const exact of [true, false]) {
      expect(checkPublicJwk(value, "agree", { exact })).toMatchObject({ ok: false, reason: "point" });
    }
  });

  it("takes nothing from a prototype", () => {
    expect(checkPublicJwk(Object.create(EC), "sign")).toMatchObject({ ok: false, reason: "members" });
    expect(() => assertPrivateJwk(Object.assign(Object.create({ d: ES256_KEY.d, alg: "ES256" }), EC))).toThrow(/no d/);
  });

  it("keeps signing and agreement apart where the key does", () => {
    expect(checkPublicJwk(EC, "sign").ok && checkPublicJwk(EC, "agree").ok).toBe(true);
    expect(checkPublicJwk(ED, "sign").ok).toBe(true);
    expect(checkPublicJwk(ED, "agree")).toMatchObject({ ok: false, reason: "point" });
    expect(checkPublicJwk(X, "agree").ok).toBe(true);
    expect(checkPublicJwk(X, "sign")).toMatchObject({ ok: false, reason: "point" });
    expect(checkPublicJwk({ ...ED, x: "A".repeat(43) }, "sign")).toMatchObject({ ok: false, reason: "point" });
  });

  it("never shows values", () => {
    for (const value of [
      { ...X, x: "SECRET" },
      { ...X, crv: "SECRET" },
      { ...X, SECRET: 1 },
    ]) {
      expect(JSON.stringify(checkPublicJwk(value, "agree", { exact: true }))).not.toContain("SECRET");
    }
  });
});

describe("publicJwkOf and signatureAlgOf", () => {
  it("leave the private member out", () => {
    expect(JSON.stringify(publicJwkOf(ES256_KEY))).toBe(JSON.stringify(EC));
    expect(JSON.stringify(publicJwkOf(ED25519_KEY))).toBe(JSON.stringify(ED));
  });

  it("take the algorithm from the key", () => {
    expect([signatureAlgOf(EC), signatureAlgOf(ED)]).toEqual(SIGNATURE_ALGS);
    expect(() => signatureAlgOf(X as never)).toThrow(TypeError);
  });
});

describe("assertPrivateJwk", () => {
  it("gives the known members", () => {
    expect(assertPrivateJwk({ ...ES256_KEY, kid: "k", ext: true, key_ops: ["sign"] })).toEqual(ES256_KEY);
    expect(assertPrivateJwk(ED25519_KEY)).toEqual(ED25519_KEY);
  });

  it.each([
    ["a public key", { ...ES256_KEY, d: undefined }, /no d/],
    ["no members", { ...EC }, /no d, so it is a public key/],
    ["no alg", { ...ES256_KEY, alg: undefined }, /"alg": "ES256"/],
    ["EdDSA", { ...ED25519_KEY, alg: "EdDSA" }, /"Ed25519"/],
    ["another alg", { ...ES256_KEY, alg: "ES384" }, /"ES256"/],
    ["the alg of the other type", { ...ED25519_KEY, alg: "ES256" }, /"Ed25519"/],
    ["a short d", { ...ES256_KEY, d: "AAAA" }, /d is not canonical base64url/],
    ["X25519", { ...X, d: X.x, alg: "ES256" }, /P-256 or Ed25519/],
    ["an off-curve point", { ...OFF_CURVE, d: ES256_KEY.d, alg: "ES256" }, /no point on P-256/],
    ["PEM", "-----BEGIN PRIVATE KEY-----", /JWK object/],
    ["nothing", undefined, /JWK object/],
  ])("refuses %s and says why", (_, value, pattern) => {
    expect(() => assertPrivateJwk(value)).toThrow(TypeError);
    expect(() => assertPrivateJwk(value)).toThrow(pattern);
  });

  it("never shows key material", () => {
    for (const value of [
      { ...ES256_KEY, alg: ES256_KEY.d },
      { ...ES256_KEY, x: ES256_KEY.d },
      { ...ES256_KEY, d: "SECRET" },
    ]) {
      expect(() => assertPrivateJwk(value)).toThrow(expect.not.stringContaining(ES256_KEY.d) as never);
      expect(() => assertPrivateJwk(value)).not.toThrow(/SECRET/);
    }
  });
});

describe("generateKey", () => {
  it.each(SIGNATURE_ALGS)("makes %s keys with exactly the members wanted, in order", async (alg) => {
    const { privateJwk, publicJwk } = await generateKey(alg);
    const members = alg === "ES256" ? ["kty", "crv", "x", "y"] : ["kty", "crv", "x"];
    expect(Object.keys(privateJwk)).toEqual([...members, "d", "alg"]);
    expect(Object.keys(publicJwk)).toEqual([...members, "alg"]);
    expect(assertPrivateJwk(privateJwk)).toEqual(privateJwk);
    expect({ ...publicJwk, d: privateJwk.d }).toEqual(privateJwk);
  });

  it("makes ES256 unless told otherwise, and nothing unknown", async () => {
    expect((await generateKey()).publicJwk.alg).toBe("ES256");
    await expect(generateKey("EdDSA" as SignatureAlg)).rejects.toThrow(TypeError);
    await expect(generateProofKey("RS256" as SignatureAlg)).rejects.toThrow(/ES256 or Ed25519/);
  });

  it("makes proof keys that cannot be exported", async () => {
    const { privateKey, publicKey } = await generateProofKey();
    expect([privateKey.extractable, publicKey.extractable]).toEqual([false, true]);
    await expect(globalThis.crypto.subtle.exportKey("jwk", privateKey)).rejects.toThrow();
  });
});

describe("proofKeyThumbprint", () => {
  it.each(SIGNATURE_ALGS)("is what cnf.jkt says of a key, %s", async (alg) => {
    const pair = await generateProofKey(alg);
    const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
    expect(await proofKeyThumbprint(pair)).toBe(await calculateJwkThumbprint(jwk));
    const { privateJwk, publicJwk } = await generateKey(alg);
    expect(await proofKeyThumbprint(privateJwk)).toBe(await calculateJwkThumbprint(publicJwk));
    await expect(async () => proofKeyThumbprint(publicJwk as never)).rejects.toThrow(TypeError);
  });
});

describe.each(BACKENDS)("$name: thumbprint", ({ backend }) => {
  it("is that of RFC 8037 appendix A.3, whatever other members and their order", async () => {
    expect(await thumbprint(backend, ED)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    expect(await thumbprint(backend, ED25519_KEY)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  });

  it("equals that of jose", async () => {
    for (const alg of SIGNATURE_ALGS) {
      const { publicJwk } = await generateKey(alg);
      expect(await thumbprint(backend, publicJwk)).toBe(await calculateJwkThumbprint({ ...publicJwk }));
    }
    const agreement = await backend.generateKeyAgreement("x25519");
    const expected = await calculateJwkThumbprint({ ...agreement.publicJwk });
    expect(await thumbprint(backend, agreement.publicJwk)).toBe(expected);
  });
});
