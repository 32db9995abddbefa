import { createServer as createHttp, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { generateKey } from "@sealwire/core";
import { createServer, createTickets, type SealwireServer } from "@sealwire/server";
import { build } from "esbuild";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../../src/repository.ts";

const executablePath = process.env.SEALWIRE_CHROMIUM;
const ID = "https://chat.example";
const ISSUER = "https://idp.example";

// That it is skipped says browser.test.ts.
describe.skipIf(!executablePath)("tokens with the upgrade of a page in Chromium (SEALWIRE_CHROMIUM)", () => {
  const tickets = createTickets();
  let browser: Browser;
  let page: Page;
  let http: Server;
  let server: SealwireServer;
  let url: string;
  let jkt: string;
  let base: { server: object; proof: JWK };
  let token: (over?: object) => Promise<string>;

  beforeAll(async () => {
    const bundle = await build({
      entryPoints: [repository("packages/conformance/test/browser/upgrade-page.ts")],
      bundle: true,
      write: false,
      format: "iife",
      platform: "browser",
      target: "es2022",
      logLevel: "warning",
    });
    const identity = await generateKey();
    const issuer = await generateKeyPair("ES256", { extractable: true });
    const proof = await generateKeyPair("ES256", { extractable: true });
    const { kty, crv, x, y, d } = await exportJWK(proof.privateKey);
    base = {
      server: { id: ID, keys: { keys: [identity.publicJwk] } },
      proof: { kty, crv, x, y, d, alg: "ES256" } as JWK,
    };
    jkt = await calculateJwkThumbprint(await exportJWK(proof.publicKey));
    token = async (over = {}) =>
      await new SignJWT({ scope: "chat", ...over })
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt" })
        .setIssuer(ISSUER)
        .setAudience(ID)
        .setSubject("alice")
        .setIssuedAt()
        .setExpirationTime("10m")
        .sign(issuer.privateKey);
    server = createServer({
      identity: { id: ID, keys: [identity.privateJwk] },
      tokens: {
        issuer: ISSUER,
        keys: { keys: [{ ...(await exportJWK(issuer.publicKey)), alg: "ES256" }] as never },
      },
      authorize: () => true,
      tokenAtUpgrade: ["authorization", "subprotocol"],
      tickets,
      cookie: { name: "sid", verify: (value, { subject }) => value === `of-${subject}` },
    });
    // Loopback counts as a secure context, without which there is no WebCrypto. HttpOnly: no script reads it.
    http = createHttp((_request, response) => {
      response.setHeader("Set-Cookie", "sid=of-alice; HttpOnly; SameSite=Strict");
      response.end("<!doctype html><title>upgrade</title>");
    });
    server.attach(http);
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const { port } = http.address() as AddressInfo;
    url = `ws://127.0.0.1:${port}/`;
    browser = await chromium.launch({
      executablePath: executablePath as string,
      args: ["--no-sandbox", "--disable-gpu"],
    });
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.addScriptTag({ content: bundle.outputFiles[0]?.text ?? "" });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    http?.close();
  });

  const attempt = async (options: object): Promise<unknown> =>
    await page.evaluate(
      ([address, given]) =>
        (globalThis as unknown as { tryConnect(url: unknown, options: unknown): Promise<unknown> }).tryConnect(
          address,
          given,
        ),
      [url, options] as const,
    );
  const alice = { subject: "alice", protocol: "sealwire.v1.cbor" };

  test("subprotocol: a bearer token, and one that is bound to a key", async () => {
    const way = { tokenAtUpgrade: "subprotocol" };
    expect(await attempt({ server: base.server, ...way, token: await token() })).toEqual(alice);
    expect(await attempt({ ...base, ...way, token: await token({ cnf: { jkt } }) })).toEqual(alice);
  });

  test("[ticket:once] ticket, once", async () => {
    const options = { ...base, tokenAtUpgrade: "ticket", token: await tickets.issue({ token: await token(), jkt }) };
    expect(await attempt(options)).toEqual(alice);
    expect(await attempt(options)).toMatchObject({ name: "SealwireError", code: "E_AUTH_REQUIRED" });
  });

  test("authorization: a TypeError that says what works", async () => {
    const options = { server: base.server, token: await token(), tokenAtUpgrade: "authorization" };
    expect(await attempt(options)).toMatchObject({
      name: "TypeError",
      message: expect.stringContaining('"subprotocol"'),
    });
  });

  test("[cookie:principal] an HttpOnly cookie goes by itself, and is not another principal's", async () => {
    const options = { server: base.server, token: await token() };
    expect(await attempt(options)).toEqual(alice);
    await page.context().addCookies([{ name: "sid", value: "of-bob", url: url.replace("ws:", "http:") }]);
    expect(await attempt(options)).toMatchObject({ name: "SealwireError", code: "E_FORBIDDEN" });
  });
});
