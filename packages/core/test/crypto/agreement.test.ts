import { describe, expect, it } from "vitest";
import type { PublicJwk } from "../../src/crypto/backend.ts";
import { checkPublicJwk } from "../../src/crypto/jwk.ts";
import { SUITES } from "../../src/registry.generated.ts";
import { BACKENDS, failure, hex, nodeBackend, text, webBackend } from "./backends.ts";
import { OFF_CURVE, X25519_SMALL } from "./points.ts";

const [SALT, INFO] = [text("salt"), text("info")];

describe.each([
  { a: nodeBackend, b: nodeBackend },
  { a: webBackend, b: webBackend },
  { a: nodeBackend, b: webBackend },
])("$a.name with $b.name", ({ a, b }) => {
  it.each(SUITES)("agrees on the same secret over %s", async (suite) => {
    const [one, two] = [await a.backend.generateKeyAgreement(suite), await b.backend.generateKeyAgreement(suite)];
    const [left, right] = [await one.agree(two.publicJwk), await two.agree(one.publicJwk)];
    const bytes = await left.bytes(SALT, INFO, 64);
    expect(bytes.length).toBe(64);
    expect(await right.bytes(SALT, INFO, 64)).toEqual(bytes);
    const sealed = await (await left.aead(SALT, INFO)).seal(new Uint8Array(12), INFO, SALT);
    expect(await (await right.aead(SALT, INFO)).open(new Uint8Array(12), INFO, sealed)).toEqual(SALT);
    const tag = await (await left.mac(SALT, INFO)).sign(INFO);
    expect(await (await right.mac(SALT, INFO)).verify(INFO, tag)).toBe(true);
  });
});

describe.each(BACKENDS)("$name", ({ backend, agreement, secret }) => {
  it.each(SUITES)("publishes exactly the members of the wire for %s", async (suite) => {
    const key = await backend.generateKeyAgreement(suite);
    expect(key.suite).toBe(suite);
    const members = suite === "x25519" ? ["kty", "crv", "x"] : ["kty", "crv", "x", "y"];
    expect(Object.keys(key.publicJwk)).toEqual(members);
    expect(checkPublicJwk(key.publicJwk, "agree", { exact: true })).toEqual({ ok: true, jwk: key.publicJwk });
    expect((await backend.generateKeyAgreement(suite)).publicJwk).not.toEqual(key.publicJwk);
  });

  it("computes Z of RFC 8037 appendix A.6", async () => {
    const bob = await agreement("x25519", {
      kty: "OKP",
      crv: "X25519",
      x: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
      d: "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os", // RFC 7748 section 6.1
    });
    expect(bob.publicJwk.x).toBe("3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08");
    const z = await bob.agree({ kty: "OKP", crv: "X25519", x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo" });
    const expected = await secret(hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"));
    expect(await z.bytes(SALT, INFO, 32)).toEqual(await expected.bytes(SALT, INFO, 32));
  });

  it.each(X25519_SMALL)("refuses the small-order point %s by itself", async (x) => {
    const key = await backend.generateKeyAgreement("x25519");
    const peer: PublicJwk = { kty: "OKP", crv: "X25519", x: Buffer.from(x, "hex").toString("base64url") };
    expect(await failure(() => key.agree(peer))).toMatchObject({ code: "E_KEY", stage: "claims" });
  });

  it("refuses an off-curve P-256 point by itself, here", async () => {
    const key = await backend.generateKeyAgreement("p256");
    expect(await failure(() => key.agree(OFF_CURVE))).toMatchObject({ code: "E_KEY" });
  });
});
