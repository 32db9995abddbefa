import { afterEach, describe, expect, it, vi } from "vitest";
import { failure, nodeBackend, webBackend } from "./backends.ts";

// OpenSSL refuses to derive zeros. WebKit and other builds may not: here a library gives them.
vi.mock("node:crypto", async (original) => ({
  ...(await original<typeof import("node:crypto")>()),
  diffieHellman: () => Buffer.alloc(32),
}));

const AGREED = { code: "E_KEY", stage: "claims", detail: "all-zero shared secret" };

describe("an all-zero X25519 output [kdf:zero]", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("is refused on node", async () => {
    const key = await nodeBackend.backend.generateKeyAgreement("x25519");
    expect(await failure(() => key.agree(key.publicJwk))).toMatchObject(AGREED);
  });

  it("is refused on WebCrypto, which is asked for bits and never for a key [kdf:derive-bits]", async () => {
    const key = await webBackend.backend.generateKeyAgreement("x25519");
    const { subtle } = globalThis.crypto;
    const importKey = subtle.importKey.bind(subtle);
    // Were there a deriveKey, some engines would make an HKDF key of the zeros without a word.
    vi.stubGlobal("crypto", { subtle: { importKey, deriveBits: async () => new ArrayBuffer(32) } });
    expect(await failure(() => key.agree(key.publicJwk))).toMatchObject(AGREED);
  });
});
