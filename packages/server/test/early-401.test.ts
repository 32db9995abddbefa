import { createHash } from "node:crypto";
import { generateProofKey } from "@sealwire/core";
import { createServer, createTickets } from "@sealwire/server";
import { exportJWK, type JWTHeaderParameters, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { jktOf, now, proof, token } from "./support/keys.ts";
import { CBOR, rawTcp, statusOf, upgradeRequest } from "./support/raw.ts";
import { failure, serverOptions, startWorld } from "./support/world.ts";

const jkt = await jktOf(proof);
const bound = await token({ cnf: { jkt } });
const tickets = createTickets();
const early = { verifyAtUpgrade: true, tokenAtUpgrade: ["authorization", "subprotocol"], tickets } as const;

/** The same credential in each way, as an upgrade request. */
const WAYS: readonly [string, (access: string) => string][] = [
  ["authorization", (access) => upgradeRequest({ Authorization: `Bearer ${access}` })],
  ["subprotocol", (access) => upgradeRequest({ "Sec-WebSocket-Protocol": `${CBOR}, sealwire.bearer.${access}` })],
];

describe.each(WAYS)("with verifyAtUpgrade, %s", (_, request) => {
  it("a good token gets its 101", async () => {
    const world = await startWorld(early);
    expect(await statusOf(rawTcp(world.port, request(await token())))).toBe(101);
  });

  it.each<[string, () => Promise<string>]>([
    ["expired", () => token({ exp: now() - 60 })],
    ["expired within the tolerance", () => token({ exp: now() - 1 })],
    ["of another audience", () => token({ aud: "https://other.example" })],
    ["forged", async () => `${(await token()).slice(0, -8)}AAAAAAAA`],
    ["opaque", async () => "b3BhcXVl"],
  ])("[token:early] a token that is %s: 401, WWW-Authenticate, and nothing of it in the answer", async (_, access) => {
    const world = await startWorld(early);
    const bad = await access();
    const answer = rawTcp(world.port, request(bad));
    expect(await statusOf(answer)).toBe(401);
    expect((await answer.head).split("\r\n")).toContain('WWW-Authenticate: Bearer error="invalid_token"');
    await answer.closed;
    expect(answer.text()).not.toContain(bad);
    const error = await world.nextError();
    expect(error).toMatchObject({ code: "E_TOKEN" });
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(bad);
  });
});

describe("with verifyAtUpgrade", () => {
  const get = (ticket: string) => upgradeRequest({}, `GET /?ticket=${ticket} HTTP/1.1`);

  it("[token:early] [ticket:once] a ticket is used up by the request that got the 101", async () => {
    const world = await startWorld(early);
    const ticket = await tickets.issue({ token: await token(), jkt });
    expect(await statusOf(rawTcp(world.port, get(ticket)))).toBe(101);
    expect(await statusOf(rawTcp(world.port, get(ticket)))).toBe(401);
    expect(await world.nextError()).toMatchObject({ code: "E_TOKEN" });
  });

  it("the session that follows is the same, in every way", async () => {
    const world = await startWorld(early);
    await world.connect();
    await world.connect({ tokenAtUpgrade: "authorization" });
    await world.connect({ tokenAtUpgrade: "authorization", token: bound, proof });
    await world.connect({ tokenAtUpgrade: "subprotocol", token: bound, proof });
    await world.connect({ tokenAtUpgrade: "ticket", token: await tickets.issue({ token: bound, jkt }), proof });
  });

  it("[token:size] a token beyond limit tokenBytes: 401, before it is parsed", async () => {
    const world = await startWorld({ ...early, limits: { tokenBytes: 10 } });
    expect(await statusOf(rawTcp(world.port, upgradeRequest({ Authorization: "Bearer aaaa.bbbb.cccc" })))).toBe(401);
    expect(await world.nextError()).toMatchObject({ code: "E_TOKEN", detail: "tokenBytes" });
  });

  it("the request counts as a connection before SR while it is checked, and no longer", async () => {
    let answer = (_: undefined) => {};
    let asked = () => {};
    const checking = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const take = () =>
      new Promise<undefined>((resolve) => {
        answer = resolve;
        asked();
      });
    const slow = createTickets({ store: { put: () => {}, take } });
    const world = await startWorld({ ...early, tickets: slow, limits: { unauthenticatedPerAddress: 1 } });
    const first = rawTcp(world.port, get("A".repeat(43)));
    await checking;
    expect(await statusOf(rawTcp(world.port, upgradeRequest()))).toBe(503);
    answer(undefined);
    expect(await statusOf(first)).toBe(401);
    let status: number;
    do status = await statusOf(rawTcp(world.port, upgradeRequest()));
    while (status === 503);
    expect(status).toBe(101);
  });

  it("a store that fails or does not answer: 503, and onError is told", async () => {
    const down = new Error("down");
    const failing = createTickets({ store: { put: () => {}, take: () => Promise.reject(down) } });
    const world = await startWorld({ ...early, tickets: failing });
    expect(await statusOf(rawTcp(world.port, get("A".repeat(43))))).toBe(503);
    const told = { code: "E_INTERNAL", detail: "option tickets failed", cause: down };
    expect(await world.nextError()).toMatchObject(told);
    const silent = createTickets({ store: { put: () => {}, take: () => new Promise(() => {}) } });
    const other = await startWorld({ ...early, tickets: silent, limits: { handshakeSeconds: 0.01 } });
    expect(await statusOf(rawTcp(other.port, get("A".repeat(43))))).toBe(503);
    expect(await other.nextError()).toMatchObject({ code: "E_TIMEOUT_HS" });
  });
});

it("without it, a bad token gets its 101, and fails with CA", async () => {
  const world = await startWorld({ ...early, verifyAtUpgrade: false });
  for (const [, request] of WAYS) expect(await statusOf(rawTcp(world.port, request("a.b.c")))).toBe(101);
  expect(await failure(world.connect({ tokenAtUpgrade: "authorization", token: "a.b.c" }))).toMatchObject({
    code: "E_AUTH_REQUIRED",
  });
});

describe("a DPoP header", () => {
  const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
  const dpop = async (access: string, over: object = {}, header: object = {}, pair = proof) =>
    await new SignJWT({
      jti: "1",
      htm: "GET",
      htu: "https://chat.example/room",
      iat: now(),
      ath: hash(access),
      ...over,
    })
      .setProtectedHeader({
        alg: pair.privateKey.algorithm.name === "ECDSA" ? "ES256" : "Ed25519",
        typ: "dpop+jwt",
        jwk: await exportJWK(pair.publicKey),
        ...header,
      } as JWTHeaderParameters)
      .sign(pair.privateKey);
  const request = (access: string, ...proofs: readonly string[]) =>
    upgradeRequest({ Authorization: `DPoP ${access}`, DPoP: proofs }, "GET /room?a=b HTTP/1.1");
  const ask = async (access: string, ...proofs: readonly string[]) => {
    const world = await startWorld(early);
    return { world, status: await statusOf(rawTcp(world.port, request(access, ...proofs))) };
  };
  it.each([{}, { htu: "https://CHAT.example:443/room" }, { htu: "https://chat.example/room?b=c#d" }])(
    "that is right gets its 101: %j",
    async (over) => {
      expect((await ask(bound, await dpop(bound, over))).status).toBe(101);
    },
  );

  it.each<[string, () => Promise<readonly string[]>]>([
    ["two", async () => [await dpop(bound), await dpop(bound)]],
    ["not a JWT", async () => ["x"]],
    ["empty", async () => [""]],
    ["another method", async () => [await dpop(bound, { htm: "POST" })]],
    ["another host", async () => [await dpop(bound, { htu: "https://other.example/room" })]],
    ["another path", async () => [await dpop(bound, { htu: "https://chat.example/" })]],
    ["another scheme", async () => [await dpop(bound, { htu: "wss://chat.example/room" })]],
    ["an address that is none", async () => [await dpop(bound, { htu: "room" })]],
    ["another token", async () => [await dpop(bound, { ath: hash("x") })]],
    ["no token", async () => [await dpop(bound, { ath: undefined })]],
    ["no jti", async () => [await dpop(bound, { jti: undefined })]],
    ["too old", async () => [await dpop(bound, { iat: now() - 200 })]],
    ["from the future", async () => [await dpop(bound, { iat: now() + 200 })]],
    ["another typ", async () => [await dpop(bound, {}, { typ: "JWT" })]],
    ["another key", async () => [await dpop(bound, {}, {}, await generateProofKey())]],
    [
      "the key in the header is not the one that signed",
      async () => [await dpop(bound, {}, { jwk: await exportJWK((await generateProofKey()).publicKey) })],
    ],
  ])("[token:dpop] %s: 401", async (_, proofs) => {
    const { world, status } = await ask(bound, ...(await proofs()));
    expect(status).toBe(401);
    expect(await world.nextError()).toMatchObject({ code: "E_POP" });
  });

  it("[token:dpop] with a bearer token: 401", async () => {
    const access = await token();
    expect((await ask(access, await dpop(access))).status).toBe(401);
  });

  it("opens no session: CA is asked for its own proof", async () => {
    const world = await startWorld(early);
    const answer = rawTcp(world.port, request(bound, await dpop(bound)));
    expect(await statusOf(answer)).toBe(101);
    expect(world.server.sessions.size).toBe(0);
  });

  it("is not looked at where the token is not checked before the answer", async () => {
    const world = await startWorld({ tokenAtUpgrade: ["authorization"] });
    expect(await statusOf(rawTcp(world.port, request(bound, "x")))).toBe(101);
  });
});

it.each([
  ["verifyAtUpgrade without a way", { verifyAtUpgrade: true }],
  ["verifyAtUpgrade of another type", { verifyAtUpgrade: "yes", tickets }],
  ["an empty list", { tokenAtUpgrade: [] }],
  ["no list", { tokenAtUpgrade: "authorization" }],
  ["an unknown way", { tokenAtUpgrade: ["ticket"] }],
  ["tickets that are none", { tickets: {} }],
  ["ticketSeconds beyond 30", { tickets, limits: { ticketSeconds: 31 } }],
])("%s: TypeError", (_, over) => {
  expect(() => createServer(serverOptions(over as object))).toThrow(TypeError);
});
