import { createSign, generateKeyPairSync } from "node:crypto";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createDevelopmentIssuer, nodeListener } from "@sealwire/issuer";
import { createServer, type TokenPolicy } from "@sealwire/server";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { claims, issuerKey, jwksOf, SERVER_ID, issuer as signer, token } from "../support/keys.ts";
import { failure, listen, serverOptions, startWorld } from "../support/world.ts";

const other = await issuerKey("ES256", "other");

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

const OIDC = "/.well-known/openid-configuration";
const OAUTH = "/.well-known/oauth-authorization-server";

type Site = Record<string, unknown>;

/** An issuer's site: what each path answers with, as JSON or as it is. A path without an answer is 404. */
async function world(make: (address: string) => Site, policy: Partial<TokenPolicy> = {}) {
  const paths: string[] = [];
  const site: { answers: Site } = { answers: {} };
  const http = createHttp((req, res) => {
    const path = req.url as string;
    paths.push(path);
    const answer = site.answers[path];
    if (typeof answer === "function") (answer as RequestListener)(req, res);
    else if (answer === undefined) res.writeHead(404).end();
    else res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  const address = `http://127.0.0.1:${await listen(http)}`;
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  site.answers = make(address);
  const issuer = policy.issuer ?? address;
  const w = await startWorld({ tokens: { ...policy, issuer } });
  const connect = async (key = signer) => await w.connect({ token: await token({ iss: issuer }, { key }) });
  const refused = async (key = signer) => {
    expect(await failure(connect(key))).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true, closeCode: 3000 });
    const error = await w.nextError();
    expect(error.code).toBe("E_TOKEN");
    return error.detail as string;
  };
  const count = (path: string) => paths.filter((p) => p === path).length;
  return { ...w, address, site, connect, connectWith: w.connect, refused, count };
}

const good = (address: string): Site => ({
  [OIDC]: { issuer: address, jwks_uri: `${address}/jwks` },
  "/jwks": jwksOf(signer),
});

describe("metadata", () => {
  it("of RFC 8414 is found where that of OpenID Connect is not", async () => {
    const w = await world((a) => ({ [OAUTH]: good(a)[OIDC], "/jwks": jwksOf(signer) }));
    await w.connect();
    expect([w.count(OIDC), w.count(OAUTH), w.count("/jwks")]).toEqual([1, 1, 1]);
  });

  it("is refreshed with jwksMaxAgeSeconds, and follows the key set to another address", async () => {
    const w = await world(good);
    await w.connect();
    pass(599);
    await w.connect();
    expect(w.count(OIDC)).toBe(1);
    w.site.answers = { [OIDC]: { issuer: w.address, jwks_uri: `${w.address}/new` }, "/new": jwksOf(other) };
    pass(2);
    await w.connect(other);
    expect([w.count(OIDC), w.count("/jwks"), w.count("/new")]).toEqual([2, 1, 1]);
    expect(await w.refused()).toMatch(/no key/);
  });

  it("[token:fetch] another address of the key set is no way round the 30 s", async () => {
    const w = await world(good);
    await w.connect();
    pass(590);
    expect(await w.refused(other)).toMatch(/no key/);
    w.site.answers = { [OIDC]: { issuer: w.address, jwks_uri: `${w.address}/new` }, "/new": jwksOf(other) };
    pass(20);
    expect(await w.refused(other)).toMatch(/a short while ago/);
    expect([w.count(OIDC), w.count("/jwks"), w.count("/new")]).toEqual([2, 2, 0]);
    pass(11);
    await w.connect(other);
    expect([w.count(OIDC), w.count("/new")]).toEqual([2, 1]);
  });

  const endless: RequestListener = (_, res) => {
    const chunk = Buffer.alloc(65_536, 0x20);
    const go = () => {
      while (!res.destroyed && res.write(chunk));
    };
    res.writeHead(200).on("drain", go);
    go();
  };
  const text =
    (body: string, status = 200): RequestListener =>
    (_, res) =>
      res.writeHead(status, { "content-type": "application/json" }).end(body);
  const redirect: RequestListener = (_, res) => res.writeHead(302, { location: "/elsewhere" }).end();

  it.each<[string, (address: string) => unknown, RegExp]>([
    ["is nowhere", () => undefined, /cannot be used/],
    ["is not to be had", () => text("", 500), /cannot be used/],
    ["is not JSON", () => text("<html>"), /cannot be used/],
    ["is null", () => null, /cannot be used/],
    ["is an array", () => [], /cannot be used/],
    ["names no issuer", (a) => ({ jwks_uri: `${a}/jwks` }), /cannot be used/],
    ["names an issuer that is no string", (a) => ({ issuer: [a], jwks_uri: `${a}/jwks` }), /cannot be used/],
    ["names another issuer", (a) => ({ issuer: "https://evil.example", jwks_uri: `${a}/jwks` }), /another issuer/],
    ["names the issuer with a slash more", (a) => ({ issuer: `${a}/`, jwks_uri: `${a}/jwks` }), /another issuer/],
    ["names an issuer that is no address", (a) => ({ issuer: "me", jwks_uri: `${a}/jwks` }), /cannot be had/],
    ["has no jwks_uri", (a) => ({ issuer: a }), /jwks_uri.*tokens\.keys/],
    ["has a jwks_uri that is no address", (a) => ({ issuer: a, jwks_uri: "/jwks" }), /jwks_uri/],
    ["has a list of jwks_uri", (a) => ({ issuer: a, jwks_uri: [`${a}/jwks`] }), /jwks_uri/],
    ["has a jwks_uri without TLS", (a) => ({ issuer: a, jwks_uri: "http://idp.example/jwks" }), /jwks_uri/],
    ["has a jwks_uri that is a file", (a) => ({ issuer: a, jwks_uri: "file:///jwks" }), /jwks_uri/],
    ["has more than 256 KiB", (a) => ({ ...(good(a)[OIDC] as object), pad: "x".repeat(262_144) }), /jwksBytes/],
    ["never ends", () => endless, /jwksBytes/],
    ["redirects", () => redirect, /cannot be had/],
    ["closes the connection", () => (req: { socket: { destroy(): void } }) => req.socket.destroy(), /cannot be had/],
  ])("[token:discovery] [token:fail-closed] that %s lets nobody in, and is fetched once", async (_, answer, detail) => {
    const w = await world((a) => ({ ...good(a), "/elsewhere": good(a)[OIDC], [OIDC]: answer(a) }));
    expect(await w.refused()).toMatch(detail);
    expect(await w.refused()).toMatch(/metadata: fetched a short while ago/);
    expect([w.count(OIDC), w.count("/jwks"), w.count("/elsewhere")]).toEqual([1, 0, 0]);
    w.site.answers = good(w.address);
    pass(31);
    await w.connect();
  });

  it.each([
    "http://idp.example",
    "idp.example",
    "urn:idp",
    "https://user@idp.example",
    "https://idp.example/?tenant=1",
    "https://idp.example/#a",
    "file:///idp",
  ])("an issuer %s has none: TypeError, which names tokens.keys", (issuer) => {
    expect(() => createServer(serverOptions({ tokens: { issuer } }))).toThrow(/tokens\.keys/);
    expect(() => createServer(serverOptions({ tokens: { issuer } }))).toThrow(TypeError);
    expect(() => createServer(serverOptions({ tokens: { issuer, keys: jwksOf(signer) } }))).not.toThrow();
  });
});

describe("a key that is too short", () => {
  it("RSA of 1,024 bits is refused, though RS256 is allowed", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const jwk = { ...publicKey.export({ format: "jwk" }), kid: "short", alg: "RS256" };
    const w = await world((a) => ({ ...good(a), "/jwks": { keys: [jwk] } }), { algorithms: ["RS256"] });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const input = `${part({ alg: "RS256", typ: "at+jwt", kid: "short" })}.${part(claims({ iss: w.address }))}`;
    const signature = createSign("sha256").update(input).sign(privateKey, "base64url");
    await failure(w.connectWith({ token: `${input}.${signature}` }));
    const error = await w.nextError();
    expect(error).toMatchObject({ code: "E_TOKEN" });
    expect(w.count("/jwks")).toBe(1);
  });
});

describe("the development issuer", () => {
  it("is found like any other, and its rotation is followed", async () => {
    const http = createHttp();
    const address = `http://127.0.0.1:${await listen(http)}/dev`;
    onTestFinished(() => {
      http.closeAllConnections();
      http.close();
    });
    const issuer = await createDevelopmentIssuer({
      issuer: address,
      audience: SERVER_ID,
      clients: { app: {} },
      accounts: () => ({ scopes: ["chat.say"], claims: { roles: ["admin"] } }),
    });
    http.on("request", nodeListener(issuer.handle));
    const w = await startWorld({ tokens: { issuer: address } });
    const open = async () => w.connect({ token: (await issuer.signIn("alice", { clientId: "app" })).access_token });
    expect((await open()).subject).toBe("alice");
    await issuer.rotateKeys();
    pass(31);
    expect((await open()).subject).toBe("alice");
    expect([...w.server.sessions].map((s) => s.principal.claims.roles)).toEqual([["admin"], ["admin"]]);
  });
});
