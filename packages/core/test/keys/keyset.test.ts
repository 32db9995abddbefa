import { describe, expect, it } from "vitest";
import { generateKey } from "../../src/keys/generate.ts";
import { createKeySet, type Jwks } from "../../src/keys/keyset.ts";
import { thumbprint } from "../../src/keys/thumbprint.ts";
import { BACKENDS, failure, nodeBackend, text } from "../crypto/backends.ts";
import { ED25519_KEY, ES256_KEY, OFF_CURVE, publicOf } from "../crypto/points.ts";

const EC = { ...publicOf(ES256_KEY), alg: "ES256" };
const ED = { ...publicOf(ED25519_KEY), alg: "Ed25519" };
const set = (...keys: unknown[]): Jwks => ({ keys }) as Jwks;

const BAD: [string, unknown, RegExp][] = [
  ["a private key", ES256_KEY, /private key/],
  ["a key without alg", publicOf(ES256_KEY), /"alg": "ES256"/],
  ["EdDSA", { ...ED, alg: "EdDSA" }, /Ed25519/],
  ["the alg of another type", { ...EC, alg: "Ed25519" }, /not "ES256"/],
  ["an off-curve point", { ...OFF_CURVE, alg: "ES256" }, /no point on P-256/],
  ["a symmetric key", { kty: "oct", k: "AAAA", alg: "HS256" }, /crv/],
  ["an RSA key", { kty: "RSA", n: "AQAB", e: "AQAB", alg: "RS256" }, /crv/],
  ["an agreement key", { kty: "OKP", crv: "X25519", x: ED.x, alg: "ECDH-ES" }, /P-256 or Ed25519/],
  ["null", null, /kty/],
];

describe.each(BACKENDS)("$name: createKeySet", ({ backend }) => {
  it("finds verifiers by thumbprint and ignores kid [key:kid-ignored]", async () => {
    const keys = await createKeySet(backend, set({ ...EC, kid: "server" }, { ...ED, kid: "server" }), {
      source: "configured",
    });
    expect(keys.size).toBe(2);
    expect(keys.find("server")).toBeUndefined();
    for (const jwk of [ES256_KEY, ED25519_KEY]) {
      const verifier = keys.find(await thumbprint(backend, jwk));
      const signature = await (await backend.importSigner(jwk)).sign(text("x"));
      expect(verifier?.alg).toBe(jwk.alg);
      expect(await verifier?.verify(text("x"), signature)).toBe(true);
    }
    for (const name of ["", "__proto__", "constructor", "toString"]) expect(keys.find(name)).toBeUndefined();
  });

  it.each(BAD)("configured: refuses %s with a TypeError [key:config]", async (_, key, pattern) => {
    const error = await failure(() => createKeySet(backend, set(EC, key), { source: "configured" }));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toMatch(/keys\[1\]/);
    expect(String(error)).toMatch(pattern);
    expect(String(error)).not.toContain(ES256_KEY.d);
  });

  it.each(BAD)("fetched: drops %s and reports it", async (_, key, pattern) => {
    const dropped: string[] = [];
    const keys = await createKeySet(backend, set(key, EC), {
      source: "fetched",
      onDropped: (reason) => dropped.push(reason),
    });
    expect(keys.size).toBe(1);
    expect(dropped).toEqual([expect.stringMatching(pattern)]);
  });

  it("has a key once [key:config-duplicate]", async () => {
    const twice = set(EC, { ...EC, kid: "other" });
    expect(await failure(() => createKeySet(backend, twice, { source: "configured" }))).toBeInstanceOf(TypeError);
    const dropped: string[] = [];
    const keys = await createKeySet(backend, twice, { source: "fetched", onDropped: (reason) => dropped.push(reason) });
    expect([keys.size, dropped.length]).toEqual([1, 1]);
    expect((await createKeySet(backend, twice, { source: "fetched" })).size).toBe(1);
  });

  it("takes at most 64 keys of a fetched set", async () => {
    const many = await Promise.all(Array.from({ length: 66 }, async () => (await generateKey("Ed25519")).publicJwk));
    const dropped: string[] = [];
    const keys = await createKeySet(backend, set(...many), {
      source: "fetched",
      onDropped: (reason) => dropped.push(reason),
    });
    expect([keys.size, dropped]).toEqual([64, ["2 keys beyond the limit jwksKeys of 64"]]);
    expect((await createKeySet(backend, set(...many), { source: "configured" })).size).toBe(66);
  });

  it.each([undefined, null, [], {}, { keys: {} }, "{}"])("refuses %j, which is no set", async (value) => {
    const jwks = value as unknown as Jwks;
    expect(await failure(() => createKeySet(backend, jwks, { source: "configured" }))).toBeInstanceOf(TypeError);
    expect(await failure(() => createKeySet(backend, jwks, { source: "fetched" }))).toMatchObject({ code: "E_KEY" });
  });

  it("refuses an empty configured set; a fetched one may be empty", async () => {
    expect(await failure(() => createKeySet(backend, set(), { source: "configured" }))).toBeInstanceOf(TypeError);
    expect((await createKeySet(backend, set(), { source: "fetched" })).size).toBe(0);
  });
});

describe("createKeySet", () => {
  it("is synchronous on node", () => {
    expect(createKeySet(nodeBackend.backend, set(EC), { source: "configured" })).not.toBeInstanceOf(Promise);
  });
});
