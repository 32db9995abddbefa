import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { PublicJwk } from "../../src/crypto/backend.ts";
import { checkPublicJwk } from "../../src/crypto/jwk.ts";
import * as node from "../../src/crypto/node.ts";
import type { SuiteId } from "../../src/registry.generated.ts";
import { concat } from "../../src/wire/bytes.ts";
import { BACKENDS, failure, hex, text, toHex, type UnderTest } from "./backends.ts";

// Third-party data, never copied into the project: where it is absent, as in a clone of a user, these tests are skipped.
const FOLDER = new URL("../../../../../shared/external/wycheproof/", import.meta.url);
const present = existsSync(FOLDER);
if (!present) console.warn(`SKIPPED: the Wycheproof tests, as ${FOLDER.pathname} is absent.`);

type Case = Record<string, string> & { tcId: number; result: "valid" | "invalid" | "acceptable" };
type Group = Record<string, unknown> & { tests: Case[] };

function groups(file: string): Group[] {
  return (JSON.parse(readFileSync(new URL(`${file}_test.json`, FOLDER), "utf8")) as { testGroups: Group[] }).testGroups;
}

/** Runs all cases and names those with the wrong verdict; the count shows that none was left out unnoticed. */
async function score(cases: Case[], count: number, accepts: (test: Case) => Promise<boolean>): Promise<void> {
  const wrong: string[] = [];
  for (const test of cases) {
    const accepted = await accepts(test);
    if (accepted !== (test.result === "valid")) wrong.push(`${test.tcId} (${test.result}): ${test.comment}`);
  }
  expect(wrong).toEqual([]);
  expect(cases.length).toBe(count);
}

const [SALT, INFO] = [text("salt"), text("info")];
const b64u = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const okp = (crv: "X25519" | "Ed25519", x: string): PublicJwk => ({ kty: "OKP", crv, x: b64u(hex(x)) });

/** WebCrypto wants x beside d. */
function ownKey(d: string): JsonWebKey {
  return { kty: "OKP", crv: "X25519", x: node.keyAgreement("x25519", hex(d)).publicJwk.x, d: b64u(hex(d)) };
}

/** True if the check admits the peer and Z is the expected one; the interface shows Z only through HKDF. */
async function agrees(under: UnderTest, suite: SuiteId, own: JsonWebKey, peer: unknown, z: string): Promise<boolean> {
  const checked = checkPublicJwk(peer, "agree");
  if (!checked.ok || checked.jwk.crv !== (suite === "x25519" ? "X25519" : "P-256")) return false;
  const secret = await (await under.agreement(suite, own)).agree(checked.jwk);
  const expected = await under.secret(hex(z));
  return toHex(await secret.bytes(SALT, INFO, 32)) === toHex(await expected.bytes(SALT, INFO, 32));
}

describe.skipIf(!present).each(BACKENDS)("$name: Wycheproof", (under) => {
  const { backend, aead, mac, secret } = under;

  it("aes_gcm: keys of 256, IVs of 96, tags of 128 bits", async () => {
    const cases = groups("aes_gcm").filter((g) => g.keySize === 256 && g.ivSize === 96 && g.tagSize === 128);
    await score(
      cases.flatMap((g) => g.tests),
      66,
      async ({ key, iv, aad, msg, ct, tag, result }) => {
        const cipher = await aead(hex(key!));
        const data = concat(hex(ct!), hex(tag!));
        try {
          const opened = toHex(await cipher.open(hex(iv!), hex(aad!), data)) === msg;
          return opened && toHex(await cipher.seal(hex(iv!), hex(aad!), hex(msg!))) === toHex(data);
        } catch (error) {
          if (result === "valid") throw error;
          return false;
        }
      },
    );
  });

  it("hmac_sha256: tags of 256 bits, and the cut ones refused", async () => {
    const [whole, cut] = [256, 128].map((bits) =>
      groups("hmac_sha256")
        .filter((g) => g.tagSize === bits)
        .flatMap((g) => g.tests),
    );
    const verify = async ({ key, msg, tag }: Case): Promise<boolean> =>
      (await mac(hex(key!))).verify(hex(msg!), hex(tag!));
    await score(whole!, 87, verify);
    for (const test of cut!) expect(await verify(test)).toBe(false);
  });

  it("hkdf_sha256", async () => {
    await score(
      groups("hkdf_sha256").flatMap((g) => g.tests),
      86,
      async ({ ikm, salt, info, size, okm, result }) => {
        const z = await secret(hex(ikm!));
        try {
          return toHex(await z.bytes(hex(salt!), hex(info!), Number(size))) === okm;
        } catch (error) {
          if (result === "valid") throw error;
          return false;
        }
      },
    );
  });

  it("x25519", async () => {
    for (const { tests } of groups("x25519")) {
      for (const test of tests) {
        const own = ownKey(test.private!);
        const peer = okp("X25519", test.public!);
        const zero = /^0+$/.test(test.shared!);
        const label = `${test.tcId}: ${test.comment}`;
        expect(await agrees(under, "x25519", own, peer, test.shared!), label).toBe(!zero);
        if (!zero) continue;
        // The library is the second line behind our check.
        const agreement = await under.agreement("x25519", own);
        expect(await failure(() => agreement.agree(peer)), label).toMatchObject({ code: "E_KEY" });
      }
      expect(tests.length).toBe(518);
    }
  });

  it.each(["x25519_jwk", "ecdh_secp256r1_webcrypto"])("%s", async (file) => {
    const suite = file === "x25519_jwk" ? "x25519" : "p256";
    const tests = groups(file).flatMap((g) => g.tests) as unknown as (Case & {
      public: unknown;
      private: JsonWebKey;
    })[];
    const wrong: string[] = [];
    for (const test of tests) {
      // An x-coordinate of 0 is an ordinary secret on P-256.
      const valid = test.result !== "invalid" && !(suite === "x25519" && /^0+$/.test(test.shared!));
      const accepted = await agrees(under, suite, test.private, test.public, test.shared!);
      if (accepted !== valid) wrong.push(`${test.tcId} (${test.result}): ${test.comment}`);
    }
    expect(wrong).toEqual([]);
    expect(tests.length).toBe(suite === "x25519" ? 531 : 353);
  });

  it("ed25519", async () => {
    for (const { publicKey, tests } of groups("ed25519")) {
      const jwk = okp("Ed25519", (publicKey as { pk: string }).pk);
      expect(checkPublicJwk(jwk, "sign").ok).toBe(true);
      const verifier = await backend.importVerifier(jwk);
      await score(tests, tests.length, async ({ msg, sig }) => verifier.verify(hex(msg!), hex(sig!)));
    }
  });

  it("ecdsa_secp256r1_sha256_p1363", async () => {
    for (const { publicKey, tests } of groups("ecdsa_secp256r1_sha256_p1363")) {
      const point = hex((publicKey as { uncompressed: string }).uncompressed);
      const jwk: PublicJwk = { kty: "EC", crv: "P-256", x: b64u(point.subarray(1, 33)), y: b64u(point.subarray(33)) };
      expect(checkPublicJwk(jwk, "sign").ok).toBe(true);
      const verifier = await backend.importVerifier(jwk);
      await score(tests, tests.length, async ({ msg, sig }) => verifier.verify(hex(msg!), hex(sig!)));
    }
  });
});
