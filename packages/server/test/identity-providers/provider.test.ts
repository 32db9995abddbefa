import { generateProofKey } from "@sealwire/core";
import type { TokenPolicy } from "@sealwire/server";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { jktOf, proof, SERVER_ID } from "../support/keys.ts";
import { failure, startWorld } from "../support/world.ts";
import { CLIENT, fetchToken, type ProviderOptions, providerKey, providerSite, quietProviders } from "./provider.ts";

const es256 = await providerKey("ES256", "es-1");
const rotated = await providerKey("ES256", "es-2");
const impostor = await providerKey("ES256", "es-1");
const rs256 = await providerKey("RS256", "rs-1");

const GOOD: ProviderOptions = { keys: [es256], alg: "ES256" };
const resource = SERVER_ID;

// Only the wall clock is ours; sockets and timers run as they do.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  quietProviders();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

async function world(options: ProviderOptions | undefined = GOOD, policy: Partial<TokenPolicy> = {}) {
  const site = await providerSite();
  if (options !== undefined) site.start(options);
  const w = await startWorld({ tokens: { issuer: site.issuer, ...policy } });
  const token = (over: object = {}) => fetchToken(site.tokenEndpoint, { resource, ...over });
  const refused = async (access: string) => {
    const error = await failure(w.connect({ token: access }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true, closeCode: 3000 });
    const reported = await w.nextError();
    expect(reported.code).toBe("E_TOKEN");
    for (const part of access.split(".")) expect(reported.detail).not.toContain(part);
    return reported.detail;
  };
  return { ...w, provider: site, token, refused };
}

describe("a real provider, found by its address", () => {
  it("its bearer token opens a session", async () => {
    const w = await world();
    const access = await w.token();
    expect(decodeProtectedHeader(access)).toMatchObject({ alg: "ES256", typ: "at+jwt", kid: "es-1" });
    const session = await w.connect({ token: access });
    expect(session.subject).toBe(CLIENT);
    const [seen] = w.server.sessions;
    expect(seen?.principal).toMatchObject({ issuer: w.provider.issuer, clientId: CLIENT, thumbprint: undefined });
    expect([...(seen?.principal.scopes ?? [])]).toEqual(["chat.say"]);
  });

  it("its token bound by DPoP opens a session with the same key, and with that one only", async () => {
    const w = await world();
    const access = await w.token({ proof });
    expect(decodeJwt(access).cnf).toEqual({ jkt: await jktOf(proof) });
    await w.connect({ token: access, proof });
    expect([...w.server.sessions][0]?.principal.thumbprint).toBe(await jktOf(proof));
    expect(await failure(w.connect({ token: access }))).toMatchObject({ code: "E_AUTH_REQUIRED" });
    expect(await w.nextError()).toMatchObject({ code: "E_POP" });
    expect(await failure(w.connect({ token: access, proof: await generateProofKey() }))).toMatchObject({
      code: "E_AUTH_REQUIRED",
    });
    expect(await w.nextError()).toMatchObject({ code: "E_POP" });
  });

  it("metadata and key set are fetched once, however many come at once", async () => {
    const w = await world();
    const access = await w.token();
    await Promise.all(Array.from({ length: 8 }, () => w.connect({ token: access })));
    expect(w.provider.count("/.well-known/openid-configuration")).toBe(1);
    expect(w.provider.count("/jwks")).toBe(1);
  });

  it("a token for another audience is refused, and the option is named", async () => {
    const w = await world();
    const access = await w.token({ resource: "https://other.example" });
    expect(await w.refused(access)).toMatch(/tokens\.audience/);
  });

  it("typ JWT is refused, and taken by option", async () => {
    const options = { ...GOOD, typ: "JWT" };
    const strict = await world(options);
    expect(await strict.refused(await strict.token())).toMatch(/tokens\.typ/);
    const lenient = await world(options, { typ: "JWT" });
    await lenient.connect({ token: await lenient.token() });
  });

  it("RS256 is refused, and taken by option", async () => {
    const options: ProviderOptions = { keys: [rs256, es256], alg: "RS256" };
    const strict = await world(options);
    const access = await strict.token();
    expect(decodeProtectedHeader(access).alg).toBe("RS256");
    expect(await strict.refused(access)).toMatch(/tokens\.algorithms/);
    const lenient = await world(options, { algorithms: ["RS256"] });
    await lenient.connect({ token: await lenient.token() });
  });

  it("[token:fetch] new keys are taken once 30 s have passed, and the old ones no longer", async () => {
    const w = await world();
    const old = await w.token();
    await w.connect({ token: old });
    w.provider.start({ keys: [rotated], alg: "ES256" });
    const access = await w.token();
    expect(await w.refused(access)).toMatch(/no key of the issuer/);
    pass(31);
    await w.connect({ token: access });
    expect(await w.refused(old)).toMatch(/no key of the issuer/);
    expect(w.provider.count("/jwks")).toBe(2);
  });

  it("[token:fetch] keys that overlap are both taken, without a fetch for the old one", async () => {
    const w = await world();
    const old = await w.token();
    w.provider.start({ keys: [rotated, es256], alg: "ES256" });
    await w.connect({ token: await w.token() });
    await w.connect({ token: old });
    expect(w.provider.count("/jwks")).toBe(1);
  });

  it("[token:fail-closed] down at the start, it is asked once in 30 s, and taken when it is back", async () => {
    const w = await world();
    const access = await w.token();
    w.provider.stop();
    for (let i = 0; i < 4; i++) expect(await w.refused(access)).toMatch(/metadata/);
    expect(w.provider.count("/.well-known/openid-configuration")).toBe(1);
    w.provider.start(GOOD);
    expect(await w.refused(access)).toMatch(/a short while ago/);
    pass(31);
    await w.connect({ token: access });
    expect(w.provider.count("/.well-known/openid-configuration")).toBe(2);
  });

  it("[token:fail-closed] down later, its keys serve until jwksMaxAgeSeconds", async () => {
    const w = await world();
    await w.connect({ token: await w.token() });
    pass(500);
    const access = await w.token();
    w.provider.stop();
    pass(99);
    await w.connect({ token: access });
    pass(2);
    expect(await w.refused(access)).toMatch(/metadata/);
    w.provider.start(GOOD);
    pass(31);
    await w.connect({ token: access });
  });

  it("[token:discovery] metadata of another issuer is refused, and the option is named", async () => {
    const w = await world();
    const access = await w.token();
    w.provider.start({ ...GOOD, issuer: "https://evil.example" });
    expect(await w.refused(access)).toMatch(/another issuer.*tokens\.issuer/);
    expect(w.provider.count("/jwks")).toBe(0);
  });
});

describe("two real providers", () => {
  it("each by its own rules, and neither for the other", async () => {
    const [a, b] = [await providerSite(), await providerSite()];
    a.start(GOOD);
    b.start({ keys: [rs256, es256], alg: "RS256", typ: "JWT" });
    const w = await startWorld({
      tokens: [{ issuer: a.issuer }, { issuer: b.issuer, algorithms: ["RS256"], typ: "JWT" }],
    });
    const fromA = await fetchToken(a.tokenEndpoint, { resource });
    const fromB = await fetchToken(b.tokenEndpoint, { resource, proof });
    await w.connect({ token: fromA });
    await w.connect({ token: fromB, proof });
    expect([...w.server.sessions].map((s) => s.principal.issuer)).toEqual([a.issuer, b.issuer]);

    // B says that it is A, and names its key as A does: A's own keys decide.
    b.start({ keys: [impostor], alg: "ES256", issuer: a.issuer });
    await failure(w.connect({ token: await fetchToken(b.tokenEndpoint, { resource }) }));
    expect((await w.nextError()).detail).toBe(`issuer ${a.issuer}: the signature does not verify`);
  });

  it("one that is down does not keep the other's users out", async () => {
    const [a, b] = [await providerSite(), await providerSite()];
    b.start(GOOD);
    const w = await startWorld({ tokens: [{ issuer: a.issuer }, { issuer: b.issuer }] });
    await w.connect({ token: await fetchToken(b.tokenEndpoint, { resource }) });
  });
});
