import { describe, expect, it } from "vitest";
import { backend } from "#backend";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import { generateProofKey, generateRecipientKey } from "../../src/keys/generate.ts";
import { type OpenOptions, open } from "../../src/standalone/open.ts";
import { type SealOptions, seal } from "../../src/standalone/seal.ts";
import type { KeyResolver } from "../../src/standalone/trust.ts";
import {
  ALICE,
  BOB,
  craft,
  type Edit,
  expectOpened,
  expectRefused,
  failureOf,
  JTI,
  KEYS,
  now,
  OPTIONS,
  printOf,
  publicOf,
} from "./fixtures.ts";

const SEAL: SealOptions = { issuer: ALICE, key: KEYS.alice, audience: BOB, now };
const CONTENT = { topic: "pay", data: null };

const without = (jwk: PrivateJwk, member: string): PrivateJwk =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => name !== member)) as unknown as PrivateJwk;
const secret = (jwk: PrivateJwk): RegExp => new RegExp(jwk.d);

async function typeError(run: () => Promise<unknown>): Promise<string> {
  const error = await failureOf(run);
  expect(error).toBeInstanceOf(TypeError);
  return String(error);
}

it("runs on the backend of its project", () => {
  expect(backend.name).toBe(process.env.SEALWIRE_BACKEND ?? "node");
});

describe("pairs that no script can read", () => {
  it.each(["ES256", "Ed25519"] as const)("sign, %s", async (alg) => {
    const pair = await generateProofKey(alg);
    const { kty, crv, x, y } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as PrivateJwk;
    const jwk = { kty, crv, x, ...(y === undefined ? {} : { y }), alg };
    const envelope = await seal(CONTENT, { ...SEAL, key: pair });
    await open(envelope, { ...OPTIONS, keys: { [ALICE]: { keys: [jwk] } } });
  });

  it.each([{ name: "ECDH", namedCurve: "P-256" }, { name: "X25519" }])("decrypt, $name", async (algorithm) => {
    const pair = (await crypto.subtle.generateKey(algorithm, false, ["deriveBits"])) as CryptoKeyPair;
    expect(pair.privateKey.extractable).toBe(false);
    const { kty, crv, x, y } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as PrivateJwk;
    const encryptTo = { kty, crv, x, ...(y === undefined ? {} : { y }), alg: "ECDH-ES" };
    const envelope = await seal(CONTENT, { ...SEAL, encryptTo, form: "text" });
    expect((await open(envelope, { ...OPTIONS, decryptionKey: [KEYS.bobX, pair] })).encrypted).toBe(true);
    await expectRefused(envelope, "E_KEY", "header");
  });

  it.each(["P-256", "X25519", undefined] as const)("as JWK, generateRecipientKey(%s)", async (crv) => {
    const { privateJwk, publicJwk } = await generateRecipientKey(crv);
    expect(publicJwk).toEqual(publicOf(privateJwk));
    expect(publicJwk.crv).toBe(crv ?? "X25519");
    expect("d" in publicJwk).toBe(false);
    const envelope = await seal(CONTENT, { ...SEAL, encryptTo: publicJwk });
    expect((await open(envelope, { ...OPTIONS, decryptionKey: privateJwk })).encrypted).toBe(true);
  });

  it("generateRecipientKey knows no other curve", async () => {
    await typeError(async () => await generateRecipientKey("Ed25519" as never));
  });
});

describe("decryption keys [standalone:recipient-jwk]", () => {
  const ecdsa = async () => await generateProofKey();
  const wrong: readonly (readonly [string, () => unknown])[] = [
    ["no alg", () => without(KEYS.bobP256, "alg")],
    ["alg of a signature", () => ({ ...KEYS.bobP256, alg: "ES256" })],
    ["alg with key wrapping", () => ({ ...KEYS.bobP256, alg: "ECDH-ES+A256KW" })],
    ["a signing key", () => KEYS.alice],
    ["an Ed25519 key", () => ({ ...KEYS.aliceEd, alg: "ECDH-ES" })],
    ["no d", () => without(KEYS.bobP256, "d")],
    ["d of 31 bytes", () => ({ ...KEYS.bobX, d: KEYS.bobX.d.slice(0, -2) })],
    ["off the curve", () => ({ ...KEYS.bobP256, y: KEYS.bobP256.x })],
    ["d of another key, P-256", () => ({ ...KEYS.bobP256, d: KEYS.otherP256.d })],
    ["d of another key, X25519", () => ({ ...KEYS.bobX, d: KEYS.otherX.d })],
    ["d of zero", () => ({ ...KEYS.bobP256, d: "A".repeat(43) })],
    ["a pair that signs", ecdsa],
    [
      "a pair without deriveBits",
      async () => await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveKey"]),
    ],
    [
      "halves of two pairs",
      async () => {
        const make = async () =>
          (await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"])) as CryptoKeyPair;
        return { privateKey: (await make()).privateKey, publicKey: (await make()).publicKey };
      },
    ],
    ["the same key twice", () => [KEYS.bobX, { ...KEYS.bobX, kid: "again" }]],
    ["null", () => null],
    ["a string", () => "secret"],
  ];
  it.each(wrong)("%s is a TypeError", async (_, make) => {
    const decryptionKey = (await make()) as never;
    const text = await typeError(() => open(craft("encrypted"), { ...OPTIONS, decryptionKey }));
    for (const jwk of [KEYS.bobP256, KEYS.bobX, KEYS.otherP256, KEYS.otherX]) expect(text).not.toMatch(secret(jwk));
  });
});

describe("encryptTo [standalone:recipient-jwk]", () => {
  it.each([
    ["no alg", without(publicOf(KEYS.bobP256) as PrivateJwk, "alg")],
    ["a signing key", publicOf(KEYS.mallory)],
    ["an Ed25519 key", { ...publicOf(KEYS.aliceEd), alg: "ECDH-ES" }],
    ["off the curve", { ...publicOf(KEYS.bobP256), y: KEYS.bobP256.x }],
    ["small order", { ...publicOf(KEYS.bobX), x: "A".repeat(43) }],
    ["null", null],
  ])("%s is a TypeError", async (_, encryptTo) => {
    await typeError(() => seal(CONTENT, { ...SEAL, encryptTo: encryptTo as never }));
  });
});

describe("one key, one use [standalone:key-use]", () => {
  it("encryption to the key that signs", async () => {
    await typeError(() => seal(CONTENT, { ...SEAL, encryptTo: { ...publicOf(KEYS.alice), alg: "ECDH-ES" } }));
  });
  it("decryption with a key that signs for somebody", async () => {
    const decryptionKey = { ...KEYS.alice, alg: "ECDH-ES" };
    await typeError(() => open(craft("signed"), { ...OPTIONS, decryptionKey }));
  });
  it("found out only when the resolver names it", async () => {
    const decryptionKey = { ...KEYS.alice, alg: "ECDH-ES" };
    const keys: KeyResolver = () => ({ identity: ALICE, key: publicOf(KEYS.alice) });
    await expectRefused(craft("signed"), "E_KEY", "header", { keys, decryptionKey });
  });
});

describe("keys by identity", () => {
  it("a thumbprint under two identities is a TypeError [key:config-duplicate]", async () => {
    const keys = { [ALICE]: { keys: [publicOf(KEYS.alice)] }, eve: { keys: [publicOf(KEYS.alice)] } };
    expect(await typeError(() => open(craft("signed"), { ...OPTIONS, keys }))).toContain(ALICE);
  });

  const wrong: readonly (readonly [string, unknown])[] = [
    ["the same key twice for one", { [ALICE]: { keys: [publicOf(KEYS.alice), publicOf(KEYS.alice)] } }],
    ["no alg", { [ALICE]: { keys: [without(publicOf(KEYS.alice) as PrivateJwk, "alg")] } }],
    ["another alg", { [ALICE]: { keys: [{ ...publicOf(KEYS.alice), alg: "ES384" }] } }],
    ["a private key", { [ALICE]: { keys: [KEYS.alice] } }],
    ["a recipient key", { [ALICE]: { keys: [publicOf(KEYS.bobP256)] } }],
    ["no keys", { [ALICE]: { keys: [] } }],
    ["a key set without identity", { keys: [publicOf(KEYS.alice)] }],
    ["a name with a space", { "a b": { keys: [publicOf(KEYS.alice)] } }],
    ["null", null],
    ["nothing", undefined],
  ];
  it.each(wrong)("%s is a TypeError [key:config]", async (_, keys) => {
    await typeError(() => open(craft("signed"), { ...OPTIONS, keys: keys as never }));
  });

  it("kid members are ignored [key:kid-ignored]", async () => {
    const keys = {
      mallory: { keys: [{ ...publicOf(KEYS.mallory), kid: printOf(KEYS.alice) }] },
      [ALICE]: { keys: [{ ...publicOf(KEYS.alice), kid: "x" }] },
    };
    expect((await expectOpened(craft("signed"), { keys })).issuer).toBe(ALICE);
    const forged: Edit = (p) => Object.assign(p, { key: KEYS.mallory, claims: { ...p.claims, iss: "mallory" } });
    await expectRefused(craft("signed", forged), "E_CRYPTO", "crypto", { keys });
  });
});

describe("a resolver", () => {
  const answer =
    (found: unknown): KeyResolver =>
    async () =>
      found as never;

  it("is asked with the thumbprint, once", async () => {
    const asked: string[] = [];
    const keys: KeyResolver = async (thumbprint) => {
      asked.push(thumbprint);
      return { identity: ALICE, key: publicOf(KEYS.alice) };
    };
    expect((await open(craft("encrypted"), { ...OPTIONS, keys })).issuer).toBe(ALICE);
    expect(asked).toEqual([printOf(KEYS.alice)]);
  });

  it("is not asked for what is no thumbprint", async () => {
    const keys: KeyResolver = () => expect.fail("asked");
    for (const kid of ["x", "A".repeat(42), "A".repeat(44), `${"A".repeat(42)}B`, "../../etc", 1, null]) {
      await expectRefused(
        craft("signed", (p) => Object.assign(p.header, { kid })),
        "E_KEY",
        "header",
        { keys },
      );
    }
  });

  it.each([
    ["nobody", undefined],
    ["another key", { identity: ALICE, key: publicOf(KEYS.mallory) }],
    ["no point", { identity: ALICE, key: { ...publicOf(KEYS.alice), y: KEYS.alice.x } }],
    ["no key", { identity: ALICE }],
    ["a recipient key", { identity: ALICE, key: publicOf(KEYS.bobX) }],
  ])("that finds %s leaves the signer unknown [standalone:signer]", async (_, found) => {
    await expectRefused(craft("signed"), "E_KEY", "header", { keys: answer(found) });
    await expectRefused(craft("encrypted"), "E_CRYPTO", "inner", { keys: answer(found) });
  });

  it("decides who the issuer is [standalone:iss]", async () => {
    const keys = answer({ identity: "eve", key: publicOf(KEYS.alice) });
    await expectRefused(craft("signed"), "E_KEY", "claims", { keys });
  });

  it("what it throws is no verdict about the envelope", async () => {
    const down = new Error("the directory is down");
    for (const kind of ["signed", "encrypted"] as const) {
      expect(await failureOf(() => open(craft(kind), { ...OPTIONS, keys: () => Promise.reject(down) }))).toBe(down);
    }
  });
});

describe("options of seal", () => {
  const wrong: readonly (readonly [string, Partial<SealOptions>, object])[] = [
    ["issuer with a space", { issuer: "a b" }, {}],
    ["no issuer", { issuer: undefined as never }, {}],
    ["an array as audience", { audience: [BOB] as never }, {}],
    ["an audience of 257 characters", { audience: "x".repeat(257) }, {}],
    ["expiresIn 0", { expiresIn: 0 }, {}],
    ["expiresIn 1.5", { expiresIn: 1.5 }, {}],
    ["expiresIn of more than a day", { expiresIn: 86_401 }, {}],
    ["another form", { form: "cbor" as never }, {}],
    ["no clock", { now: undefined as never }, {}],
    ["a clock without time", { now: () => Number.NaN }, {}],
    ["a public key", { key: publicOf(KEYS.alice) as never }, {}],
    ["a topic with a space", {}, { topic: "a b" }],
    ["ref that is no id", {}, { ref: "x" }],
    ["data that is undefined", {}, { data: undefined }],
    ["data with NaN", {}, { data: { a: Number.NaN } }],
    ["data with __proto__", {}, { data: JSON.parse('{"__proto__":1}') }],
    ["nested bytes", {}, { data: [Uint8Array.of(1)] }],
  ];
  it.each(wrong)("%s is a TypeError [claims:data-model]", async (_, options, content) => {
    await typeError(() => seal({ ...CONTENT, ...content } as never, { ...SEAL, ...options }));
  });

  it("the longest life is a day, the default a minute", async () => {
    const options = { ...OPTIONS, maxLife: 86_400 };
    const life = async (expiresIn: object) => {
      const { issuedAt, expiresAt } = await open(await seal(CONTENT, { ...SEAL, ...expiresIn }), options);
      return (expiresAt.getTime() - issuedAt.getTime()) / 1000;
    };
    expect(await life({ expiresIn: 86_400 })).toBe(86_400);
    expect(await life({})).toBe(60);
  });

  it("ref, bytes and the two forms come out as they went in", async () => {
    const content = { topic: "file", data: Uint8Array.of(0, 255), ref: JTI };
    const text = await seal(content, { ...SEAL, form: "text" });
    const binary = await seal(content, { ...SEAL, form: "binary", encryptTo: publicOf(KEYS.bobX) });
    expect([typeof text, binary instanceof Uint8Array]).toEqual(["string", true]);
    for (const envelope of [text, binary]) expect(await open(envelope, OPTIONS)).toMatchObject(content);
  });
});

describe("options of open", () => {
  const wrong: readonly (readonly [string, Partial<OpenOptions>])[] = [
    ["no audience", { audience: undefined as never }],
    ["an empty array", { audience: [] }],
    ["an empty name", { audience: "" }],
    ["a group that is no name", { audience: [BOB, "a b"] }],
  ];
  it.each(wrong)("%s is a TypeError", async (_, options) => {
    await typeError(() => open(craft("signed"), { ...OPTIONS, ...options }));
  });
  it.each([undefined, null, 1, {}, [1]])("an envelope that is %s is a TypeError", async (envelope) => {
    await typeError(() => open(envelope as never, OPTIONS));
  });
});
