import { createDevelopmentIssuer, DEVELOPMENT_GRANT, OAuthError } from "@sealwire/issuer";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { AUDIENCE, ISSUER, SECRET, START, startIssuer, tokensOf } from "./support.ts";

const basic = (id: string, secret: string) => ({
  authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`,
});

describe("an access token", () => {
  it.each(["ES256", "Ed25519"] as const)("is one of RFC 9068, by %s", async (algorithm) => {
    const w = await startIssuer({ algorithm });
    const { status, headers, body } = await w.signIn();
    expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 600, scope: "chat.say chat.join" });
    const { payload, protectedHeader } = await jwtVerify(
      body.access_token as string,
      createLocalJWKSet(await w.jwks()),
      {
        currentDate: new Date(START * 1000),
      },
    );
    const [key] = (await w.jwks()).keys;
    expect(protectedHeader).toEqual({ alg: algorithm, typ: "at+jwt", kid: key?.kid });
    expect(payload).toEqual({
      iss: ISSUER,
      sub: "alice",
      aud: AUDIENCE,
      client_id: "app",
      iat: START,
      exp: START + 600,
      jti: expect.stringMatching(/^[\w-]{22}$/),
      scope: "chat.say chat.join",
      roles: ["admin"],
      groups: ["staff"],
    });
  });

  it("of an account without scopes has none", async () => {
    const w = await startIssuer();
    const response = await w.signIn({ subject: "bob" });
    expect(response.body).not.toHaveProperty("scope");
    expect(decodeJwt(tokensOf(response).accessToken)).not.toHaveProperty("scope");
  });

  it("has another jti and another refresh token each time, from the randomness that is handed in", async () => {
    let n = 0;
    const random = (length: number) => new Uint8Array(length).fill(n++);
    const [a, b] = [await startIssuer({ randomBytes: random }), await startIssuer()];
    const first = tokensOf(await a.signIn());
    expect(decodeJwt(first.accessToken).jti).toBe("AAAAAAAAAAAAAAAAAAAAAA");
    expect(first.refreshToken).not.toBe(tokensOf(await a.signIn()).refreshToken);
    expect(tokensOf(await b.signIn()).refreshToken).not.toBe(tokensOf(await b.signIn()).refreshToken);
  });

  it("has the scopes that were asked for, each once", async () => {
    const w = await startIssuer();
    expect((await w.signIn({ scope: "chat.join chat.join" })).body.scope).toBe("chat.join");
    expect((await w.signIn({ scope: "chat.join admin" })).body).toMatchObject({ error: "invalid_scope" });
  });

  it.each([
    ["a claim of the issuer's", { scopes: [], claims: { aud: "https://other.example" } }, /aud/],
    ["a scope of two words", { scopes: ["chat.say admin"] }, /one word/],
  ])("%s in an account is the caller's mistake, and goes to onError", async (_, account, message) => {
    const w = await startIssuer({ accounts: () => account });
    expect(await w.signIn()).toMatchObject({ status: 500, body: { error: "server_error" } });
    expect(w.errors).toEqual([expect.objectContaining({ name: "TypeError", message: expect.stringMatching(message) })]);
  });
});

describe("sign-in without HTTP", () => {
  it("gives the same, and tokens that have expired", async () => {
    const w = await startIssuer();
    const response = await w.issuer.signIn("alice", { clientId: "app", issuedAt: START - 3600 });
    expect(decodeJwt(response.access_token)).toMatchObject({ iat: START - 3600, exp: START - 3000 });
    expect((await w.refresh(response.refresh_token as string)).status).toBe(200);
  });

  it("binds to the key that is named", async () => {
    const w = await startIssuer();
    const { access_token, token_type } = await w.issuer.signIn("alice", {
      clientId: "app",
      thumbprint: "T".repeat(43),
    });
    expect([token_type, decodeJwt(access_token).cnf]).toEqual(["DPoP", { jkt: "T".repeat(43) }]);
  });

  it("fails with the code of the token endpoint", async () => {
    const w = await startIssuer();
    const error = await w.issuer.signIn("nobody", { clientId: "app" }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(OAuthError);
    expect(error).toMatchObject({ code: "invalid_grant" });
  });
});

describe("client credentials", () => {
  it.each([
    ["header", {}, basic("service", SECRET)],
    ["form", { client_id: "service", client_secret: SECRET }, {}],
  ])("in the %s: a token for the client itself, and no refresh token", async (_, form, headers) => {
    const w = await startIssuer();
    const { status, body } = await w.post("/token", { grant_type: "client_credentials", ...form }, headers);
    expect([status, body.scope, body.refresh_token]).toEqual([200, "job.run", undefined]);
    expect(decodeJwt(body.access_token as string)).toMatchObject({
      sub: "service",
      client_id: "service",
      roles: ["worker"],
    });
  });

  type Refused = readonly [string, Record<string, string>, Record<string, string>, number, string];
  it.each<Refused>([
    ["a wrong secret in the header", {}, basic("service", "no"), 401, "invalid_client"],
    ["a wrong secret in the form", { client_id: "service", client_secret: "no" }, {}, 400, "invalid_client"],
    ["no secret", { client_id: "service" }, {}, 400, "invalid_client"],
    ["a secret of a public client", { client_id: "app", client_secret: "x" }, {}, 400, "invalid_client"],
    ["a client that nobody knows", { client_id: "constructor" }, {}, 400, "invalid_client"],
    ["no client", {}, {}, 400, "invalid_request"],
    ["two ways", { client_secret: SECRET }, basic("service", SECRET), 400, "invalid_request"],
    ["two names", { client_id: "app" }, basic("service", SECRET), 400, "invalid_request"],
    ["a header that is no Basic", {}, { authorization: "Bearer abc" }, 401, "invalid_client"],
    ["a header without a colon", {}, { authorization: `Basic ${btoa("service")}` }, 401, "invalid_client"],
    ["a header with a bad escape", {}, { authorization: `Basic ${btoa("service:%")}` }, 401, "invalid_client"],
    ["a public client", { client_id: "app" }, {}, 400, "unauthorized_client"],
    ["another scope", { scope: "chat.say" }, basic("service", SECRET), 400, "invalid_scope"],
    ["another resource", { resource: "https://other.example" }, basic("service", SECRET), 400, "invalid_target"],
  ])("%s is refused", async (_, form, headers, status, error) => {
    const w = await startIssuer();
    const answer = await w.post("/token", { grant_type: "client_credentials", ...form }, headers);
    expect([answer.status, answer.body.error]).toEqual([status, error]);
    expect(answer.headers.has("www-authenticate")).toBe(status === 401);
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
  });

  it("the resource may be named", async () => {
    const w = await startIssuer();
    expect((await w.signIn({ resource: AUDIENCE })).status).toBe(200);
  });
});

describe("a token request", () => {
  it.each([
    ["without a grant type", { grant_type: "" }, "invalid_request"],
    ["with an unknown grant type", { grant_type: "password" }, "unsupported_grant_type"],
    ["without a subject", { subject: "" }, "invalid_request"],
    ["for nobody", { subject: "mallory" }, "invalid_grant"],
    ["for a name of 257 characters", { subject: "a".repeat(257) }, "invalid_grant"],
  ])("%s is refused", async (_, form, error) => {
    const w = await startIssuer({ accounts: (s) => (s === "alice" || s.length > 9 ? { scopes: [] } : undefined) });
    expect(await w.signIn(form)).toMatchObject({ status: 400, body: { error } });
  });

  const raw = async (body: BodyInit, type: string) => {
    const w = await startIssuer();
    const init = { method: "POST", body, headers: { "content-type": type }, duplex: "half" };
    return (await (await w.issuer.handle(new Request(`${ISSUER}/token`, init))).json()) as {
      error_description: string;
    };
  };
  const FORM = "application/x-www-form-urlencoded; charset=utf-8";

  it("has to be a form, with each parameter once", async () => {
    expect((await raw("{}", "application/json")).error_description).toMatch(/form-urlencoded/);
    const twice = `grant_type=${DEVELOPMENT_GRANT}&client_id=app&client_id=other`;
    expect((await raw(twice, FORM)).error_description).toMatch(/twice/);
    expect((await raw("", FORM)).error_description).toMatch(/client_id/);
  });

  it("is read up to 16 KiB, however long it is", async () => {
    let sent = 0;
    const endless = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1024).fill(97 + (sent++ % 26))) });
    expect((await raw(endless, FORM)).error_description).toMatch(/16384 bytes/);
    expect(sent).toBeLessThan(30);
  });
});

describe("options", () => {
  const good = { issuer: ISSUER, audience: AUDIENCE, clients: {}, accounts: () => undefined };
  it.each([
    [{ issuer: "http://login.example" }, /issuer/],
    [{ issuer: `${ISSUER}/?a` }, /issuer/],
    [{ issuer: `${ISSUER}#` }, /issuer/],
    [{ issuer: "login" }, /issuer/],
    [{ audience: "" }, /audience/],
    [{ accounts: undefined as never }, /accounts/],
    [{ clients: { "": {} } }, /client_id/],
    [{ clients: { app: { secret: "" } } }, /secret/],
    [{ accessTokenSeconds: 0 }, /accessTokenSeconds/],
    [{ refreshTokenSeconds: 1.5 }, /refreshTokenSeconds/],
    [{ keyOverlapSeconds: Number.NaN }, /keyOverlapSeconds/],
    [{ algorithm: "RS256" as never }, /algorithm/],
  ])("%j is a TypeError", async (over, message) => {
    await expect(createDevelopmentIssuer({ ...good, ...over })).rejects.toThrow(message);
    await expect(createDevelopmentIssuer({ ...good, ...over })).rejects.toBeInstanceOf(TypeError);
  });

  it("http is for this machine", async () => {
    for (const host of ["localhost:1", "127.0.0.1", "[::1]:8080"]) {
      await createDevelopmentIssuer({ ...good, issuer: `http://${host}/path` });
    }
  });
});
