import { describe, expect, it } from "vitest";
import type { MacKey, Verifier } from "../../src/crypto/backend.ts";
import { backend } from "../../src/crypto/node.ts";
import { proveSigner } from "../../src/crypto/signing.ts";
import { encodeClaims } from "../../src/envelope/codec.ts";
import { MessageOpener } from "../../src/envelope/opener.ts";
import { MessageSealer, type Protection } from "../../src/envelope/sealer.ts";
import { generateKey } from "../../src/keys/generate.ts";
import type { Level } from "../../src/registry.generated.ts";
import { openWith } from "../../src/standalone/open.ts";
import { decodeFrame } from "../../src/wire/frame.ts";
import { ALICE, craft, KEYS, OPTIONS, publicOf } from "../standalone/fixtures.ts";
import { answering, foreign, NO, type Verdict } from "../support/verdicts.ts";

describe("nothing but true is a signature that holds, or a MAC", () => {
  /** One end seals, the keys of the other one answer with `verdict`. */
  async function ends(level: Level, verdict: Verdict) {
    const agree = await backend.generateKeyAgreement("x25519");
    const secret = await agree.agree((await backend.generateKeyAgreement("x25519")).publicJwk);
    const [salt, info] = [new Uint8Array(32), new Uint8Array(1)];
    const [aead, mac] = [await secret.aead(salt, info), await secret.mac(salt, info)];
    const foreignMac: MacKey = { sign: (...args) => mac.sign(...args), verify: verdict };
    const signer = await backend.importSigner((await generateKey()).privateJwk);
    const verifier: Verifier = { alg: signer.alg, publicJwk: signer.publicJwk, verify: verdict };
    const id = { alg: signer.alg, thumbprint: "A".repeat(43) };
    const protection = (key: MacKey): Protection => ({
      wire: "binary",
      level,
      codec: "cbor",
      epoch: 0,
      keys: { kid: "A".repeat(22), iv: new Uint8Array(12), aead, mac: key },
    });
    return {
      sealer: new MessageSealer(protection(mac), { signer, id }),
      opener: new MessageOpener(protection(foreignMac), { verifier, id }),
    };
  }

  async function opened(level: Level, verdict: Verdict) {
    const { sealer, opener } = await ends(level, verdict);
    const claims = encodeClaims("cbor", { seq: 1, exp: 1, top: "t", data: "x" });
    const frame = decodeFrame((await sealer.application(1, claims)) as Uint8Array);
    return (await opener.open(frame, { check() {} })).claims;
  }

  async function proved(verdict: Verdict) {
    const signer = await backend.importSigner((await generateKey()).privateJwk);
    return await proveSigner(signer, { alg: signer.alg, publicJwk: signer.publicJwk, verify: verdict });
  }

  describe.each(["mac", "sig", "nest"] as const)("%s", (level) => {
    it.each(NO)("%s is a no", async (_, verdict) => {
      await expect(opened(level, verdict)).rejects.toMatchObject({ code: "E_CRYPTO" });
    });

    it("true is a yes, also of another realm", async () => {
      const claims = await opened(level, () => true);
      expect(claims.length).toBeGreaterThan(0);
      expect(await opened(level, () => foreign("true"))).toEqual(claims);
    });
  });

  it.each(NO)("a key that belongs to another: %s is a no", async (_, verdict) => {
    await expect(proved(verdict)).rejects.toThrow(TypeError);
  });

  it("a key that belongs to its own: true of another realm is a yes", async () => {
    expect(await proved(() => foreign("true"))).toMatchObject({ alg: "ES256" });
  });

  describe.each(["signed", "encrypted"] as const)("a standalone envelope, %s", (kind) => {
    const opened = (verdict: Verdict) => {
      const keys = { [ALICE]: { keys: [publicOf(KEYS.alice)] } };
      return openWith(
        answering(() => verdict),
        craft(kind),
        { ...OPTIONS, keys },
      );
    };

    it.each(NO)("%s is a no", async (_, verdict) => {
      await expect(opened(verdict)).rejects.toMatchObject({ code: "E_CRYPTO" });
    });

    it("true of another realm is a yes", async () => {
      expect(await opened(() => foreign("true"))).toMatchObject({ issuer: ALICE });
    });
  });
});
