import { KeyObject } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { isPromise } from "../../src/maybe.ts";
import { BACKENDS, failure, nodeBackend, text } from "./backends.ts";

// Key pairs of WebCrypto. Node deprecates KeyObject.from() of a key that is not extractable (DEP0204, from version 24 on)
// and will refuse it: here no such key gets there, in any version.

const { subtle } = globalThis.crypto;
const { backend: node } = nodeBackend;
const IV = new Uint8Array(12);
const DATA = text("data");

const SIGNING = [{ name: "ECDSA", namedCurve: "P-256" }, { name: "Ed25519" }] as const;
const AGREEING = [{ name: "ECDH", namedCurve: "P-256" }, { name: "X25519" }] as const;
type Algorithm = (typeof SIGNING | typeof AGREEING)[number];

const usagesOf = ({ name }: Algorithm): KeyUsage[] =>
  name === "ECDSA" || name === "Ed25519" ? ["sign", "verify"] : ["deriveBits"];
const make = async (algorithm: Algorithm, extractable: boolean): Promise<CryptoKeyPair> =>
  (await subtle.generateKey(algorithm, extractable, usagesOf(algorithm))) as CryptoKeyPair;

/** The same pair, whose public key nobody can export. */
async function closed(algorithm: Algorithm, { privateKey, publicKey }: CryptoKeyPair): Promise<CryptoKeyPair> {
  const usages = publicKey.usages as KeyUsage[];
  const raw = await subtle.exportKey("raw", publicKey);
  return { privateKey, publicKey: await subtle.importKey("raw", raw, algorithm, false, usages) };
}

let from: MockInstance<typeof KeyObject.from>;
beforeEach(() => {
  from = vi.spyOn(KeyObject, "from");
});
afterEach(() => {
  const taken = from.mock.calls.map(([key]) => (key as unknown as CryptoKey).extractable);
  from.mockRestore();
  expect(taken).not.toContain(false);
});

describe.each(BACKENDS)("$name", ({ backend }) => {
  for (const extractable of [false, true]) {
    it.each(SIGNING)(`signs with a $name pair, extractable ${extractable}`, async (algorithm) => {
      const pair = await make(algorithm, extractable);
      const signer = await backend.importSigner(pair);
      const signature = await signer.sign(DATA);
      expect([signature.length, signature.constructor]).toEqual([64, Uint8Array]);
      expect(await (await node.importVerifier(signer.publicJwk)).verify(DATA, signature)).toBe(true);
      const other = { privateKey: pair.privateKey, publicKey: (await make(algorithm, extractable)).publicKey };
      expect(await failure(() => backend.importSigner(other))).toBeInstanceOf(TypeError);
    });

    it.each(AGREEING)(`agrees with a $name pair, extractable ${extractable}`, async (algorithm) => {
      const pair = await make(algorithm, extractable);
      const own = await backend.importKeyAgreement(pair);
      const other = await node.generateKeyAgreement(own.suite);
      const sealed = await (await other.contentKey(own.publicJwk)).seal(IV, IV, DATA);
      expect(await (await own.contentKey(other.publicJwk)).open(IV, IV, sealed)).toEqual(DATA);
      const [ours, theirs] = [await own.agree(other.publicJwk), await other.agree(own.publicJwk)];
      expect(await ours.bytes(IV, IV, 32)).toEqual(await theirs.bytes(IV, IV, 32));
      const mixed = { privateKey: pair.privateKey, publicKey: (await make(algorithm, extractable)).publicKey };
      expect(await failure(() => backend.importKeyAgreement(mixed))).toBeInstanceOf(TypeError);
    });

    it.each([...SIGNING, ...AGREEING])(
      `says what is missing where a public key cannot be exported, $name, private key extractable ${extractable}`,
      async (algorithm) => {
        const pair = await closed(algorithm, await make(algorithm, extractable));
        const { importSigner, importKeyAgreement } = backend;
        const importPair = usagesOf(algorithm).includes("sign") ? importSigner : importKeyAgreement;
        const error = await failure(() => importPair(pair));
        expect(error).toBeInstanceOf(TypeError);
        expect(String(error)).toMatch(/public key .*extractable/);
      },
    );
  }
});

describe("node", () => {
  it.each(SIGNING)("signs at once with a $name pair if that can be exported, else later", async (algorithm) => {
    const [quick, closed] = [await make(algorithm, true), await make(algorithm, false)];
    expect([quick, closed].map((pair) => isPromise(node.importSigner(pair)))).toEqual([false, true]);
    const signers = [await node.importSigner(quick), await node.importSigner(closed)];
    expect(signers.map((signer) => isPromise(signer.sign(DATA)))).toEqual([false, true]);
  });

  it.each(AGREEING)("agrees at once with a $name pair if that can be exported, else later", async (algorithm) => {
    const [quick, closed] = [await make(algorithm, true), await make(algorithm, false)];
    const agreements = [await node.importKeyAgreement(quick), await node.importKeyAgreement(closed)];
    expect(agreements.map((own) => isPromise(own.contentKey(own.publicJwk)))).toEqual([false, true]);
  });

  it("says at once what no pair is for", async () => {
    const [signing, agreeing] = [await make(SIGNING[0], false), await make(AGREEING[0], false)];
    expect(() => node.importSigner(agreeing)).toThrow(TypeError);
    expect(() => node.importKeyAgreement(signing)).toThrow(TypeError);
  });
});
