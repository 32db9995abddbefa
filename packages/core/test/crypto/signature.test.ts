import { compactVerify, importJWK } from "jose";
import { describe, expect, it, vi } from "vitest";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import { generateKeyPair } from "../../src/crypto/subtle.ts";
import { generateKey, generateProofKey } from "../../src/keys/generate.ts";
import { SIGNATURE_ALGS } from "../../src/registry.generated.ts";
import { encodeBase64url } from "../../src/wire/base64url.ts";
import { concat } from "../../src/wire/bytes.ts";
import { BACKENDS, failure, nodeBackend, PAIRS, text } from "./backends.ts";
import { ED25519_KEY, ES256_KEY, publicOf } from "./points.ts";

const DATA = text("Example of Ed25519 signing");
const KEYS: readonly PrivateJwk[] = [ES256_KEY, ED25519_KEY];

describe.each(BACKENDS)("$name", ({ backend }) => {
  it("signs as in RFC 8037 appendix A.4", async () => {
    const signer = await backend.importSigner(ED25519_KEY);
    const input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    const signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    expect(encodeBase64url(await signer.sign(text(input)))).toBe(signature);
  });

  it("verifies RFC 7515 appendix A.3", async () => {
    const verifier = await backend.importVerifier(publicOf(ES256_KEY));
    const input =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    expect(await verifier.verify(text(input), new Uint8Array(Buffer.from(signature, "base64url")))).toBe(true);
  });

  it.each(KEYS)("signs with $crv what jose verifies", async (key) => {
    const signer = await backend.importSigner(key);
    expect(signer.alg).toBe(key.alg);
    expect(signer.publicJwk).toEqual(publicOf(key));
    const input = `${encodeBase64url(text(JSON.stringify({ alg: key.alg })))}.${encodeBase64url(DATA)}`;
    const signature = await signer.sign(text(input));
    expect([signature.length, signature.constructor]).toEqual([64, Uint8Array]);
    const jws = `${input}.${encodeBase64url(signature)}`;
    const { payload } = await compactVerify(jws, await importJWK({ ...publicOf(key), alg: signer.alg }));
    expect(new Uint8Array(payload)).toEqual(DATA);
  });

  it.each(KEYS)("verifies with $crv only 64 bytes over the same data", async (key) => {
    const signer = await backend.importSigner(key);
    const verifier = await backend.importVerifier(signer.publicJwk);
    expect([verifier.alg, verifier.publicJwk]).toEqual([key.alg, publicOf(key)]);
    const signature = await signer.sign(DATA);
    expect(await verifier.verify(DATA, signature)).toBe(true);
    expect(await verifier.verify(text("other"), signature)).toBe(false);
    const hostile = [
      new Uint8Array(0),
      signature.subarray(0, 63),
      concat(signature, Uint8Array.of(0)),
      new Uint8Array(64), // r = s = 0: CVE-2022-21449
      new Uint8Array(64).fill(255),
      Buffer.from("3045022100", "hex"),
    ];
    for (const bytes of hostile) expect(await verifier.verify(DATA, bytes)).toBe(false);
    for (const bit of [0, 7, 255, 256, 300, 511]) {
      const changed = new Uint8Array(signature);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(await verifier.verify(DATA, changed)).toBe(false);
    }
  });

  it.each(SIGNATURE_ALGS)("signs with a non-extractable %s pair", async (alg) => {
    const pair = await generateProofKey(alg);
    const signer = await backend.importSigner(pair);
    expect(signer.alg).toBe(alg);
    const verifier = await backend.importVerifier(signer.publicJwk);
    expect(await verifier.verify(DATA, await signer.sign(DATA))).toBe(true);
  });

  it.each(SIGNATURE_ALGS)("imports what generateKey(%s) made", async (alg) => {
    const { privateJwk, publicJwk } = await generateKey(alg);
    const signer = await backend.importSigner(privateJwk);
    expect({ ...signer.publicJwk, alg }).toEqual(publicJwk);
  });

  it("refuses halves of two keys", async () => {
    for (const alg of SIGNATURE_ALGS) {
      const [one, two] = [await generateKey(alg), await generateKey(alg)];
      const mixed = { ...one.privateJwk, d: two.privateJwk.d };
      expect(await failure(() => backend.importSigner(mixed))).toBeInstanceOf(TypeError);
      const [left, right] = [await generateProofKey(alg), await generateProofKey(alg)];
      const pair = { privateKey: left.privateKey, publicKey: right.publicKey };
      expect(await failure(() => backend.importSigner(pair))).toBeInstanceOf(TypeError);
    }
  });

  it("refuses pairs that are not for signing", async () => {
    const { privateKey, publicKey } = await generateProofKey();
    const pairs = [
      await globalThis.crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]),
      await globalThis.crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, false, ["sign", "verify"]),
      { privateKey: publicKey, publicKey: privateKey },
      { privateKey, publicKey: (await generateProofKey("Ed25519")).publicKey },
      { privateKey: undefined, publicKey },
      undefined,
      "key",
    ];
    for (const pair of pairs) {
      expect(await failure(() => backend.importSigner(pair as CryptoKeyPair))).toBeInstanceOf(TypeError);
    }
  });

  it("refuses a JWK whose d is no key, without showing it", async () => {
    const d = Buffer.alloc(32, 255).toString("base64url");
    const error = await failure(() => backend.importSigner({ ...ES256_KEY, d }));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).not.toContain(d);
  });
});

describe.each(PAIRS)("$from.name to $to.name", ({ from, to }) => {
  it.each(KEYS)("verifies $crv signatures of the other", async (key) => {
    const signature = await (await from.backend.importSigner(key)).sign(DATA);
    const verifier = await to.backend.importVerifier(publicOf(key));
    expect(await verifier.verify(DATA, signature)).toBe(true);
  });
});

describe("node", () => {
  it("is synchronous, with a pair that can be exported too", async () => {
    const { backend } = nodeBackend;
    const pair = await generateKeyPair({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const results = [
      backend.sha256(DATA),
      backend.generateKeyAgreement("x25519"),
      backend.importVerifier(publicOf(ES256_KEY)),
      backend.importSigner(pair),
    ];
    for (const result of results) expect(result).not.toBeInstanceOf(Promise);
  });
});

describe("WebCrypto", () => {
  it("says what a page without it needs", async () => {
    vi.stubGlobal("crypto", { getRandomValues: () => undefined });
    try {
      const { backend } = await import("../../src/crypto/webcrypto.ts");
      const error = await failure(() => backend.generateKeyAgreement("p256"));
      expect(error).toBeInstanceOf(TypeError);
      expect(String(error)).toMatch(/https or localhost/);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("tries generateKey again after WebKit's OperationError, and gives up after the fourth", async () => {
    const real = globalThis.crypto;
    let calls = 0;
    const stub = (failures: number, name: string): void => {
      calls = 0;
      vi.stubGlobal("crypto", {
        subtle: {
          generateKey: (...args: Parameters<SubtleCrypto["generateKey"]>) =>
            calls++ < failures
              ? Promise.reject(new DOMException("no", name))
              : real.subtle.generateKey(...(args as [AlgorithmIdentifier, boolean, KeyUsage[]])),
        },
      });
    };
    const run = (): Promise<unknown> => generateKeyPair({ name: "Ed25519" }, false, ["sign", "verify"]);
    try {
      stub(3, "OperationError");
      expect(await run()).toHaveProperty("privateKey");
      stub(4, "OperationError");
      expect(await failure(run)).toMatchObject({ name: "OperationError" });
      expect(calls).toBe(4);
      stub(1, "NotSupportedError");
      expect(await failure(run)).toMatchObject({ name: "NotSupportedError" });
      expect(calls).toBe(1);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
