import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { MacKey, Verifier } from "../../src/crypto/backend.ts";
import { backend } from "../../src/crypto/node.ts";
import { proveSigner } from "../../src/crypto/signing.ts";
import { encodeClaims } from "../../src/envelope/codec.ts";
import { MessageOpener } from "../../src/envelope/opener.ts";
import { MessageSealer, type Protection } from "../../src/envelope/sealer.ts";
import { generateKey } from "../../src/keys/generate.ts";
import type { Level } from "../../src/registry.generated.ts";
import { decodeFrame } from "../../src/wire/frame.ts";

/** A promise that is none of this realm. */
const FOREIGN = runInNewContext("Promise.resolve(false)") as Promise<boolean>;

describe("nothing but true is a signature that holds, or a MAC", () => {
  /** One end seals, the other is told by its keys that they answer later, in a way that it does not know. */
  async function ends(level: Level) {
    const agree = await backend.generateKeyAgreement("x25519");
    const secret = await agree.agree((await backend.generateKeyAgreement("x25519")).publicJwk);
    const [salt, info] = [new Uint8Array(32), new Uint8Array(1)];
    const [aead, mac] = [await secret.aead(salt, info), await secret.mac(salt, info)];
    const foreignMac: MacKey = { sign: (...args) => mac.sign(...args), verify: () => FOREIGN };
    const signer = await backend.importSigner((await generateKey()).privateJwk);
    const verifier: Verifier = { alg: signer.alg, publicJwk: signer.publicJwk, verify: () => FOREIGN };
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

  it.each(["mac", "sig", "nest"] as const)("%s", async (level) => {
    const { sealer, opener } = await ends(level);
    const claims = encodeClaims("cbor", { seq: 1, exp: 1, top: "t", data: "x" });
    const frame = decodeFrame((await sealer.application(1, claims)) as Uint8Array);
    expect(() => opener.open(frame, { check() {} })).toThrow(expect.objectContaining({ code: "E_CRYPTO" }));
  });

  it("nor a key that belongs to another", async () => {
    const signer = await backend.importSigner((await generateKey()).privateJwk);
    const verifier: Verifier = { alg: signer.alg, publicJwk: signer.publicJwk, verify: () => FOREIGN };
    expect(() => proveSigner(signer, verifier)).toThrow(TypeError);
  });
});
