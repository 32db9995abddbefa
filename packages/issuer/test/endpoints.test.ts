import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { DEVELOPMENT_GRANT, nodeListener } from "@sealwire/issuer";
import { describe, expect, it, onTestFinished } from "vitest";
import { proofKey, proofOf, SECRET, startIssuer } from "./support.ts";

describe("metadata", () => {
  it.each([
    ["https://login.example", "/.well-known/oauth-authorization-server"],
    ["https://login.example", "/.well-known/openid-configuration"],
    ["https://login.example/", "/.well-known/oauth-authorization-server"],
    ["https://login.example/tenant", "/.well-known/oauth-authorization-server/tenant"],
    ["https://login.example/tenant", "/tenant/.well-known/openid-configuration"],
  ])("of %s is at %s", async (issuer, path) => {
    const w = await startIssuer({ issuer });
    const response = await w.issuer.handle(new Request(`https://login.example${path}`));
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    const base = issuer.replace(/\/$/, "");
    expect(await response.json()).toEqual({
      issuer,
      token_endpoint: `${base}/token`,
      jwks_uri: `${base}/jwks`,
      revocation_endpoint: `${base}/revoke`,
      response_types_supported: [],
      grant_types_supported: ["client_credentials", "refresh_token", DEVELOPMENT_GRANT],
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
      revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
      dpop_signing_alg_values_supported: ["ES256", "Ed25519"],
    });
  });

  it.each(["/", "/.well-known/other", "/__proto__", "/token/", "/TOKEN"])("nothing is at %s", async (path) => {
    expect((await (await startIssuer()).get(path)).status).toBe(404);
  });

  it.each([
    ["GET", "/token", "POST"],
    ["PUT", "/revoke", "POST"],
    ["POST", "/jwks", "GET"],
  ])("%s %s is 405", async (method, path, allowed) => {
    const w = await startIssuer();
    const response = await w.issuer.handle(new Request(`https://login.example${path}`, { method }));
    expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
  });
});

describe("behind a server of node:http", () => {
  async function listen(handle?: (request: Request) => Promise<Response>) {
    const w = await startIssuer();
    const http = createServer(nodeListener(handle ?? w.issuer.handle));
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      http.closeAllConnections();
      http.close();
    });
    const { port } = http.address() as AddressInfo;
    return { ...w, port, url: `http://127.0.0.1:${port}` };
  }
  const form = { grant_type: DEVELOPMENT_GRANT, client_id: "app", subject: "alice" };
  const post = (url: string, headers: Record<string, string>, body: Record<string, string>) =>
    fetch(`${url}/token`, { method: "POST", headers, body: new URLSearchParams(body) });

  it("status, headers and bodies go both ways", async () => {
    const w = await listen();
    expect(await (await fetch(`${w.url}/jwks`)).json()).toEqual(await w.jwks());
    const dpop = await proofOf(await proofKey());
    expect(await (await post(w.url, { dpop }, form)).json()).toMatchObject({ token_type: "DPoP" });
    const refused = await post(
      w.url,
      { authorization: `Basic ${btoa("service:no")}` },
      { grant_type: "client_credentials" },
    );
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="issuer"']);
    const body = { grant_type: "client_credentials", client_id: "service", client_secret: SECRET };
    expect((await post(w.url, {}, body)).status).toBe(200);
  });

  it("two proofs are refused", async () => {
    const w = await listen();
    const key = await proofKey();
    const body = new URLSearchParams(form).toString();
    const lines = ["POST /token HTTP/1.1", "Host: x", "Connection: close", `Content-Length: ${body.length}`];
    lines.push("Content-Type: application/x-www-form-urlencoded");
    for (let i = 0; i < 2; i++) lines.push(`DPoP: ${await proofOf(key)}`);
    const socket = connect(w.port, "127.0.0.1");
    socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
    let text = "";
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1.1 400[\s\S]*one compact JWT/);
  });

  it("a handler that fails ends the connection, and nothing else", async () => {
    const w = await listen(() => Promise.reject(new Error("broken")));
    await expect(fetch(w.url)).rejects.toThrow();
    await expect(fetch(w.url)).rejects.toThrow();
  });
});
