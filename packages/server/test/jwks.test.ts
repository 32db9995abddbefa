import { createServer as createHttp, type RequestListener } from "node:http";
import type { ServerOptions } from "@sealwire/server";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ISSUER, issuer, issuerKey, jwksOf, token } from "./support/keys.ts";
import { failure, listen, startWorld } from "./support/world.ts";

const next = await issuerKey("ES256", "rotated");
const stranger = await issuerKey("ES256", "stranger");

// Only the wall clock is ours; sockets and timers run as they do.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

/** An issuer's key set at a real address, and a server that trusts it. */
async function world(answer: RequestListener, over: Partial<ServerOptions> = {}) {
  let fetches = 0;
  const site = { answer };
  const http = createHttp((req, res) => {
    fetches++;
    site.answer(req, res);
  });
  const port = await listen(http);
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const keys = new URL(`http://127.0.0.1:${port}/jwks`);
  const w = await startWorld({ tokens: { issuer: ISSUER, keys }, ...over });
  return { ...w, site, http, fetches: () => fetches };
}

const serve =
  (body: unknown, status = 200, type = "application/json"): RequestListener =>
  (_, res) =>
    res.writeHead(status, { "content-type": type }).end(typeof body === "string" ? body : JSON.stringify(body));

const unknown = (i: number) => token({}, { key: { ...stranger, kid: `kid-${i}` } });

describe("[token:fetch] a key set at an address", () => {
  it("is fetched once, however many come at once", async () => {
    const w = await world(serve(jwksOf(issuer)));
    const sessions = await Promise.all(Array.from({ length: 8 }, () => w.connect()));
    expect(new Set(sessions.map((s) => s.id)).size).toBe(8);
    expect(w.fetches()).toBe(1);
  });

  it("an unknown kid makes one fetch, and no more in 30 s whatever kids come", async () => {
    const w = await world(serve(jwksOf(issuer)));
    await w.connect();
    pass(31);
    for (let i = 0; i < 24; i += 8) {
      const errors = await Promise.all(
        Array.from({ length: 8 }, async (_, j) => failure(w.connect({ token: await unknown(i + j) }))),
      );
      for (const error of errors) expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true });
    }
    expect(w.fetches()).toBe(2);
    await w.connect();
    pass(29);
    await failure(w.connect({ token: await unknown(98) }));
    expect(w.fetches()).toBe(2);
    pass(2);
    await failure(w.connect({ token: await unknown(99) }));
    expect(w.fetches()).toBe(3);
    expect(w.errors.every(({ error }) => error.code === "E_TOKEN")).toBe(true);
  });

  it("follows a rotation", async () => {
    const w = await world(serve(jwksOf(issuer)));
    await w.connect();
    w.site.answer = serve(jwksOf(next));
    const early = await failure(w.connect({ token: await token({}, { key: next }) }));
    expect(early).toMatchObject({ code: "E_AUTH_REQUIRED" });
    pass(31);
    await w.connect({ token: await token({}, { key: next }) });
    expect(await failure(w.connect())).toMatchObject({ code: "E_AUTH_REQUIRED" });
    expect(w.fetches()).toBe(2);
  });

  it("an address that is down is not asked again within 30 s either", async () => {
    const w = await world(serve("", 500));
    for (let i = 0; i < 5; i++) expect(await failure(w.connect())).toMatchObject({ code: "E_AUTH_REQUIRED" });
    expect(w.fetches()).toBe(1);
    w.site.answer = serve(jwksOf(issuer));
    pass(31);
    await w.connect();
    expect(w.fetches()).toBe(2);
  });

  it("the cooldown can be configured", async () => {
    const w = await world(serve("", 500), { limits: { jwksCooldownSeconds: 5 } });
    await failure(w.connect());
    pass(6);
    await failure(w.connect());
    expect(w.fetches()).toBe(2);
  });
});

describe("[token:fail-closed] without a key set nobody gets in", () => {
  it("a cached set serves until jwksMaxAgeSeconds, then E_TOKEN", async () => {
    const w = await world(serve(jwksOf(issuer)));
    await w.connect();
    w.site.answer = serve("", 503);
    pass(590);
    await w.connect();
    expect(w.fetches()).toBe(1);
    pass(11);
    expect(await failure(w.connect())).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true });
    expect(await w.nextError()).toMatchObject({ code: "E_TOKEN" });
    expect(w.fetches()).toBe(2);
  });

  const many = { keys: Array.from({ length: 65 }, (_, i) => ({ ...issuer.jwk, kid: `k${i}` })) };
  const redirect: RequestListener = (_, res) =>
    res.writeHead(302, { location: "https://elsewhere.example/jwks" }).end();
  const endless: RequestListener = (_, res) => {
    const chunk = Buffer.alloc(65_536, 0x20);
    const go = () => {
      while (!res.destroyed && res.write(chunk));
    };
    res.writeHead(200).on("drain", go);
    go();
  };
  it.each<[string, RequestListener, RegExp]>([
    ["answers 500", serve(jwksOf(issuer), 500), /ERR_JOSE|cannot be had/],
    ["answers 404", serve("", 404), /ERR_JOSE|cannot be had/],
    ["is not JSON", serve("<html>"), /cannot be had/],
    ["is null", serve("null"), /no key set/],
    ["has no keys", serve({ key: [] }), /no key set/],
    ["has keys that are no keys", serve({ keys: [1, "a", null] }), /ERR_|cannot be had|no key/],
    ["has 65 keys", serve(many), /jwksKeys/],
    ["has more than 256 KiB", serve({ ...jwksOf(issuer), pad: "x".repeat(262_144) }), /jwksBytes/],
    ["never ends", endless, /jwksBytes/],
    ["redirects elsewhere", redirect, /cannot be had/],
    ["closes the connection", (req) => req.socket.destroy(), /cannot be had/],
  ])("the address %s", async (_, answer, detail) => {
    const w = await world(answer);
    expect(await failure(w.connect())).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true, closeCode: 3000 });
    const error = await w.nextError();
    expect(error).toMatchObject({ code: "E_TOKEN", closeCode: 3000 });
    expect(error.detail).toMatch(detail);
  });

  it("nobody listens there", async () => {
    const w = await world(serve(jwksOf(issuer)));
    w.http.closeAllConnections();
    await new Promise((resolve) => w.http.close(resolve));
    expect(await failure(w.connect())).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true });
    expect(await w.nextError()).toMatchObject({ code: "E_TOKEN" });
  });

  it("64 keys and a kid among them are taken", async () => {
    const keys = [...many.keys.slice(0, 63), issuer.jwk];
    const w = await world(serve({ keys }));
    await w.connect();
  });
});
