import { createMemoryIssuerStore } from "@sealwire/issuer";
import { base64url, decodeJwt, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { ISSUER, type ProofParts, proofKey, proofOf, START, startIssuer, tokensOf } from "./support.ts";

const key = await proofKey();
const other = await proofKey();
const ed = await proofKey("Ed25519");
const rsa = await proofKey("PS256");

const hmac = async () =>
  await new SignJWT({ htm: "POST", htu: `${ISSUER}/token`, iat: START, jti: "1" })
    .setProtectedHeader({ alg: "HS256", typ: "dpop+jwt", jwk: { kty: "oct", k: "AAAA" } as object })
    .sign(new Uint8Array(32));

async function flipped(): Promise<string> {
  const [h, p, s] = (await proofOf(key)).split(".") as [string, string, string];
  return `${h}.${p}.${s.startsWith("A") ? "B" : "A"}${s.slice(1)}`;
}

async function unsigned(): Promise<string> {
  const [, p] = (await proofOf(key)).split(".");
  return `${base64url.encode(JSON.stringify({ alg: "none", typ: "dpop+jwt", jwk: key.jwk }))}.${p}.AAAA`;
}

const claims = (over: Record<string, unknown>) => () => proofOf(key, { claims: over });
const header = (over: Record<string, unknown>) => () => proofOf(key, { header: over });

describe("a proof with a token request", () => {
  it.each([key, ed])("binds the token to its key: $alg", async (k) => {
    const w = await startIssuer();
    const response = await w.signIn({}, { dpop: await proofOf(k) });
    expect(response.body.token_type).toBe("DPoP");
    expect(decodeJwt(tokensOf(response).accessToken).cnf).toEqual({ jkt: k.thumbprint });
  });

  it.each<[string, ProofParts["claims"]]>([
    ["an address with query and fragment", { htu: `${ISSUER}/token?a=b#c` }],
    ["an address in another spelling", { htu: "HTTPS://LOGIN.example:443/token" }],
    ["the oldest time", { iat: START - 60 }],
    ["the latest time", { iat: START + 60 }],
    ["a time with a fraction", { iat: START + 0.5 }],
  ])("may have %s", async (_, over) => {
    const w = await startIssuer();
    expect((await w.signIn({}, { dpop: await proofOf(key, { claims: over ?? {} }) })).status).toBe(200);
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ["for another method", claims({ htm: "GET" }), /htm/],
    ["for a method in small letters", claims({ htm: "post" }), /htm/],
    ["without a method", claims({ htm: undefined }), /htm/],
    ["for another path", claims({ htu: `${ISSUER}/revoke` }), /htu/],
    ["for another host", claims({ htu: "https://evil.example/token" }), /htu/],
    ["for another scheme", claims({ htu: "http://login.example/token" }), /htu/],
    ["with an address that is none", claims({ htu: "/token" }), /htu/],
    ["without an address", claims({ htu: undefined }), /htu/],
    ["of 61 seconds ago", claims({ iat: START - 61 }), /iat/],
    ["of 61 seconds ahead", claims({ iat: START + 61 }), /iat/],
    ["without a time", claims({ iat: undefined }), /iat/],
    ["without a jti", claims({ jti: undefined }), /jti/],
    ["with an empty jti", claims({ jti: "" }), /jti/],
    ["with a jti that is a number", claims({ jti: 7 }), /jti/],
    ["with a jti of 257 characters", claims({ jti: "x".repeat(257) }), /jti/],
    ["that has expired", claims({ exp: START - 1 }), /exp/],
    ["of another typ", header({ typ: "JWT" }), /typ/],
    ["that is an access token by its typ", header({ typ: "at+jwt" }), /typ/],
    ["with another key in its header", header({ jwk: other.jwk }), /does not verify/],
    ["with a private key in its header", header({ jwk: key.privateJwk }), /does not verify/],
    ["without a key", header({ jwk: undefined }), /does not verify/],
    ["with a flipped bit", flipped, /does not verify/],
    ["by RSA", () => proofOf(rsa), /alg/],
    ["by HMAC", hmac, /alg/],
    ["unsigned", unsigned, /alg/],
    ["that is two", async () => `${await proofOf(key)}, ${await proofOf(key)}`, /one compact/],
    ["that is no JWT", async () => "proof", /one compact/],
    ["that is empty", async () => "", /one compact/],
  ])("%s is refused", async (_, make, reason) => {
    const w = await startIssuer();
    const dpop = await make();
    const { status, body } = await w.signIn({}, { dpop });
    expect([status, body.error]).toEqual([400, "invalid_dpop_proof"]);
    expect(body.error_description).toMatch(reason);
    for (const part of dpop.split(".").filter((p) => p.length > 12)) expect(JSON.stringify(body)).not.toContain(part);
    expect(w.errors).toEqual([]);
  });

  it("is taken once, as long as its time would be", async () => {
    const w = await startIssuer();
    const dpop = await proofOf(key, { claims: { iat: START + 60, jti: "one" } });
    expect((await w.signIn({}, { dpop })).status).toBe(200);
    for (const later of [0, 60, 60]) {
      w.clock.seconds += later;
      expect((await w.signIn({}, { dpop })).body).toMatchObject({ error_description: "the proof has been used" });
    }
    w.clock.seconds += 1;
    expect((await w.signIn({}, { dpop })).body.error_description).toMatch(/iat/);
  });

  it("of the same jti by another key is another proof", async () => {
    const w = await startIssuer();
    for (const k of [key, other]) {
      expect((await w.signIn({}, { dpop: await proofOf(k, { claims: { jti: "one" } }) })).status).toBe(200);
    }
  });

  it("that is refused is not used up", async () => {
    const w = await startIssuer();
    await w.signIn({}, { dpop: await proofOf(key, { claims: { jti: "one", htm: "GET" } }) });
    expect((await w.signIn({}, { dpop: await proofOf(key, { claims: { jti: "one" } }) })).status).toBe(200);
  });

  it("is refused where no room is left to remember it, and taken when room comes back", async () => {
    const w = await startIssuer({ store: createMemoryIssuerStore({ proofs: 2, now: () => w.clock.seconds * 1000 }) });
    for (let i = 0; i < 2; i++) await w.signIn({}, { dpop: await proofOf(key) });
    const full = await w.signIn({}, { dpop: await proofOf(key) });
    expect([full.status, full.body.error]).toEqual([503, "temporarily_unavailable"]);
    w.clock.seconds += 121;
    const later = { claims: { iat: w.clock.seconds } };
    expect((await w.signIn({}, { dpop: await proofOf(key, later) })).status).toBe(200);
  });
});
