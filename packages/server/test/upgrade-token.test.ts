import { backend, thumbprint } from "@sealwire/core/internal";
import { describe, expect, it } from "vitest";
import { jktOf, proof, token } from "./support/keys.ts";
import { rawSession, rawTcp, statusOf, upgradeRequest } from "./support/raw.ts";
import { failure, startWorld } from "./support/world.ts";

const jkt = await jktOf(proof);
const signer = await backend.importSigner(proof);
const proofKey = { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
const bearer = (access: string) => ({ authorization: `Bearer ${access}` });
const enabled = { tokenAtUpgrade: ["authorization"] } as const;

describe("the way is enabled", () => {
  it("a bearer token goes with the upgrade and again in CA", async () => {
    const world = await startWorld(enabled);
    const session = await world.connect({ tokenAtUpgrade: "authorization" });
    expect(session.subject).toBe("alice");
  });

  it("[token:upgrade-ath] a key-bound token goes with the upgrade; CA proves its hash", async () => {
    const world = await startWorld(enabled);
    const session = await world.connect({
      tokenAtUpgrade: "authorization",
      proof,
      token: await token({ cnf: { jkt } }),
    });
    expect(session.subject).toBe("alice");
  });

  it("a client that sends none is served as ever", async () => {
    const world = await startWorld(enabled);
    await world.connect();
  });

  it.each(["Basic dXNlcjpwYXNz", "Negotiate abc", "Bearer", ""])(
    "another scheme is no token: %j",
    async (authorization) => {
      const world = await startWorld(enabled);
      await rawSession(world, { headers: { authorization } });
    },
  );

  const other = () => token({ jti: "other" });
  const bound = (over: object = {}) => token({ cnf: { jkt }, ...over });
  it.each([
    ["[token:upgrade-match] bearer: CA has another token", "E_TOKEN", other, () => token(), {}],
    [
      "[token:upgrade-match] ath of another token",
      "E_TOKEN",
      () => bound({ jti: "x" }),
      () => bound(),
      { proof: proofKey, tokenSentAtUpgrade: true },
    ],
    [
      "[token:upgrade-match] ath, and a bearer token at the upgrade",
      "E_TOKEN",
      other,
      () => bound(),
      { proof: proofKey, tokenSentAtUpgrade: true },
    ],
    ["[token:upgrade-ath] key-bound upgrade token, but CA has at", "E_POP", bound, undefined, { proof: proofKey }],
    ["[pop:stripped] key-bound upgrade token in a bearer CA", "E_POP", bound, undefined, {}],
  ])("%s: %s", async (_, code, upgrade, ca, options) => {
    const world = await startWorld(enabled);
    const first = await upgrade();
    const access = ca === undefined ? first : await ca();
    const error = await failure(rawSession(world, { ...options, token: access, headers: bearer(first) }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true, closeCode: 3000 });
    expect(await world.nextError()).toMatchObject({ code, closeCode: 3000 });
  });

  it("[token:upgrade-match] ath without an upgrade token: E_TOKEN", async () => {
    const world = await startWorld(enabled);
    const options = { proof: proofKey, tokenSentAtUpgrade: true, token: await bound() };
    expect(await failure(rawSession(world, options))).toMatchObject({ code: "E_AUTH_REQUIRED" });
    expect(await world.nextError()).toMatchObject({ code: "E_TOKEN" });
  });

  it.each<[string, readonly string[] | string]>([
    ["two headers", ["Bearer a.b.c", "Bearer d.e.f"]],
    ["the same token twice", ["Bearer a.b.c", "Bearer a.b.c"]],
    ["two schemes", ["Bearer a.b.c", "DPoP a.b.c"]],
    ["two in one header", "Bearer a.b.c, Bearer d.e.f"],
  ])("[token:two-sources] %s: HTTP 400", async (_, authorization) => {
    const world = await startWorld(enabled);
    expect(await statusOf(rawTcp(world.port, upgradeRequest({ Authorization: authorization })))).toBe(400);
  });
});

describe("the way is not enabled", () => {
  it("[token:two-sources] the headers are ignored", async () => {
    const world = await startWorld();
    const request = upgradeRequest({ Authorization: ["Bearer a.b.c", "Bearer d.e.f"] });
    expect(await statusOf(rawTcp(world.port, request))).toBe(101);
    await rawSession(world, { headers: bearer("garbage") });
  });

  it("a good token in the header opens nothing: CA counts", async () => {
    const world = await startWorld();
    const error = await failure(rawSession(world, { token: "bad", headers: bearer(await token()) }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true });
  });

  it("[token:upgrade-match] ath finds no upgrade token: E_TOKEN", async () => {
    const world = await startWorld();
    const access = await token({ cnf: { jkt } });
    const work = world.connect({ tokenAtUpgrade: "authorization", proof, token: access });
    expect(await failure(work)).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true });
    expect(await world.nextError()).toMatchObject({ code: "E_TOKEN" });
  });
});
