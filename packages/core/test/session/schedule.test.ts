import { createHash, hkdfSync } from "node:crypto";
import { compactDecrypt } from "jose";
import { describe, expect, it } from "vitest";
import type { PublicJwk, SharedSecret } from "../../src/crypto/backend.ts";
import { backend, keyAgreement, sharedSecret } from "../../src/crypto/node.ts";
import type { SuiteId } from "../../src/registry.generated.ts";
import { decodeFrame, decodeText, encodeText, type TextFrame } from "../../src/wire/frame.ts";
import { openPair } from "../support/pair.ts";

// The key schedule of specs/session.md once more, from its text and node:crypto alone.
const lp = (x: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(x.length);
  return Buffer.concat([length, x]);
};
const th = (label: string, ...parts: Uint8Array[]): Buffer =>
  createHash("sha256")
    .update(Buffer.concat([Buffer.from(`sealwire1 ${label}\0`), ...parts.map(lp)]))
    .digest();
const kdf = (z: Uint8Array, salt: Uint8Array, label: string, ctx: Uint8Array, length: number): Buffer =>
  Buffer.from(hkdfSync("sha256", z, salt, Buffer.concat([Buffer.from(`sealwire1 ${label}\0`), ctx]), length));

const LENGTHS: Record<string, number> = { key: 32, iv: 12, mac: 32, kid: 16 };

/** Runs a handshake whose shared secret is known, and answers with it and with the objects in their text form. */
async function known(protocol: "sealwire.v1.text" | "sealwire.v1.cbor", suite: SuiteId) {
  const z = new Uint8Array(32).fill(7);
  const agreement = () => {
    const own = keyAgreement(suite);
    return { ...own, agree: (_: PublicJwk): SharedSecret => sharedSecret(z.slice()) };
  };
  const pair = await openPair({
    protocol,
    suite,
    proof: "Ed25519",
    backend: { ...backend, generateKeyAgreement: agreement },
  });
  const texts = pair.link.log.map(({ payload }) =>
    encodeText((typeof payload === "string" ? decodeText(payload) : decodeFrame(payload)) as TextFrame),
  );
  return { pair, z, texts };
}

describe.each(["sealwire.v1.text", "sealwire.v1.cbor"] as const)("%s", (protocol) => {
  it.each(["x25519", "p256"] as const)(
    "derives what the text of the specification gives, %s [kdf:schedule]",
    async (suite) => {
      const { pair, z, texts } = await known(protocol, suite);
      const [m1, m2, ca] = texts as [string, string, string];
      const th2 = th("th2", Buffer.from(m1), Buffer.from(m2));
      const caKey = kdf(z, th2, "c hs key", th2, 32);
      const p3 = (await compactDecrypt(ca, caKey)).plaintext;
      const th3 = th("th3", th2, p3);
      const labels = ["c hs", "s hs", "c app", "s app"].flatMap((side) =>
        ["key", "iv", "kid", ...(side.endsWith("app") ? ["mac"] : [])].map((part) => `${side} ${part}`),
      );
      for (const label of labels) {
        const ctx = label.startsWith("c hs") ? th2 : th3;
        const expected = kdf(z, th2, label, ctx, LENGTHS[label.split(" ")[2] as string] as number);
        expect([label, Buffer.from(pair.keys.get(label) as Uint8Array).toString("hex")]).toEqual([
          label,
          expected.toString("hex"),
        ]);
      }
      const sid = th("sid", th2).subarray(0, 16).toString("base64url");
      expect([pair.client.session?.id, pair.server.session?.id]).toEqual([sid, sid]);
      const sr = (await compactDecrypt(texts[3] as string, kdf(z, th2, "s hs key", th3, 32))).plaintext;
      const ready = JSON.parse(Buffer.from(sr).toString()) as { th: string; cb: string };
      expect(ready.th).toBe(th3.toString("base64url"));
      expect(ready.cb).toBe(kdf(z, th2, "cb", th3, 32).toString("base64url"));
    },
  );
});
