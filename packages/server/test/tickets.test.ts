import { createHash } from "node:crypto";
import { connect } from "@sealwire/client";
import { generateProofKey } from "@sealwire/core";
import { backend, thumbprint } from "@sealwire/core/internal";
import { createTickets, memoryTicketStore, type TicketRecord, type TicketStore } from "@sealwire/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { jktOf, proof, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { type HandshakeOptions, rawSession, rawTcp, statusOf, upgradeRequest } from "./support/raw.ts";
import { failure, startWorld } from "./support/world.ts";

const jkt = await jktOf(proof);
const keyOf = async (pair: CryptoKeyPair) => {
  const signer = await backend.importSigner(pair);
  return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
};
const proofKey = await keyOf(proof);
const down = new Error("down");
const SOME = "A".repeat(43);
/** A client that does with a ticket what the protocol says, where nothing else is said. */
const using = (ticket: string, over: HandshakeOptions = {}): HandshakeOptions => ({
  path: `/?ticket=${ticket}`,
  token: ticket,
  tokenSentAtUpgrade: true,
  proof: proofKey,
  ...over,
});

afterEach(() => {
  vi.useRealTimers();
});

async function ticketWorld(store?: TicketStore, over: object = {}) {
  const tickets = createTickets(store === undefined ? {} : { store });
  const world = await startWorld({ tickets, ...over });
  const refused = async (options: HandshakeOptions) => {
    expect(await failure(rawSession(world, options))).toMatchObject({ code: "E_AUTH_REQUIRED", closeCode: 3000 });
    return await world.nextError();
  };
  return { tickets, world, refused };
}

describe("a ticket opens a session", () => {
  it("of a key-bound token: the principal is the token's", async () => {
    const { tickets, world } = await ticketWorld();
    const session = await world.connect({
      tokenAtUpgrade: "ticket",
      token: async () => await tickets.issue({ token: await token({ cnf: { jkt } }), jkt }),
      proof,
    });
    expect(session.subject).toBe("alice");
    const [served] = [...world.server.sessions];
    expect(served?.principal).toMatchObject({ subject: "alice", tokenId: "jti-1", thumbprint: jkt });
  });

  it("of a bearer token, with the key of the ticket, where proof is required; other parameters stay", async () => {
    const { tickets, world } = await ticketWorld(undefined, { proof: "required", levels: ["sig"] });
    const ticket = await tickets.issue({ token: await token(), jkt });
    const options = { tokenAtUpgrade: "ticket", token: ticket, proof, levels: ["sig"] } as const;
    await world.connect(options, "/?room=a");
    expect([...world.server.sessions][0]?.principal.thumbprint).toBe(jkt);
  });

  it("a client without one is served as ever", async () => {
    const { world } = await ticketWorld();
    await world.connect();
  });
});

describe("a ticket opens no session", () => {
  it("[ticket:once] the second time", async () => {
    const { tickets, world, refused } = await ticketWorld();
    const ticket = await tickets.issue({ token: await token(), jkt });
    await rawSession(world, using(ticket));
    expect(await refused(using(ticket))).toMatchObject({ code: "E_TOKEN" });
  });

  it("[ticket:once] for more than one of twenty that come at once", async () => {
    const { tickets, world } = await ticketWorld(undefined, { limits: { unauthenticatedPerAddress: 50 } });
    const ticket = await tickets.issue({ token: await token(), jkt });
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => rawSession(world, using(ticket))));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("[ticket:once] after somebody else tried it with another key", async () => {
    const { tickets, refused } = await ticketWorld();
    const ticket = await tickets.issue({ token: await token({ cnf: { jkt } }), jkt });
    const other = await keyOf(await generateProofKey());
    expect(await refused(using(ticket, { proof: other }))).toMatchObject({ code: "E_POP" });
    expect(await refused(using(ticket))).toMatchObject({ code: "E_TOKEN" });
  });

  it.each([
    ["default", {}, 30_000],
    ["shorter", { limits: { ticketSeconds: 5 } }, 5_000],
  ])("[ticket:life] after limit ticketSeconds, %s", async (_, over, life) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { tickets, world, refused } = await ticketWorld(undefined, over);
    const [first, second] = [
      await tickets.issue({ token: await token(), jkt }),
      await tickets.issue({ token: await token(), jkt }),
    ];
    vi.setSystemTime(Date.now() + life - 1);
    await rawSession(world, using(first));
    vi.setSystemTime(Date.now() + 1);
    expect(await refused(using(second))).toMatchObject({ code: "E_TOKEN" });
  });

  it.each<[string, string, (ticket: string) => Promise<HandshakeOptions>]>([
    [
      "[token:upgrade-ath] CA has a key-bound access token as at",
      "E_POP",
      async (t) => ({
        ...using(t),
        token: await token({ cnf: { jkt } }),
        tokenSentAtUpgrade: false,
      }),
    ],
    ["[token:upgrade-match] bearer CA with an access token", "E_TOKEN", async (t) => ({ path: `/?ticket=${t}` })],
    ["[pop:stripped] bearer CA with the ticket", "E_POP", async (t) => ({ path: `/?ticket=${t}`, token: t })],
    ["[token:upgrade-match] ath of another ticket", "E_TOKEN", async (t) => using(t, { token: SOME })],
    [
      "[token:upgrade-match] ath of the access token",
      "E_TOKEN",
      async (t) => using(t, { token: await token({ cnf: { jkt } }) }),
    ],
    ["in CA, without the query", "E_TOKEN", async (t) => ({ token: t, proof: proofKey })],
    ["one that was never issued", "E_TOKEN", async () => using(SOME)],
  ])("%s: %s", async (_, code, options) => {
    const { tickets, refused } = await ticketWorld();
    const ticket = await tickets.issue({ token: await token({ cnf: { jkt } }), jkt });
    expect(await refused(await options(ticket))).toMatchObject({ code });
  });

  it.each<[string, (access: string) => Partial<TicketRecord>]>([
    ["[ticket:jkt] a record without the thumbprint of a key", (access) => ({ token: access, issuedAt: Date.now() })],
    [
      "[ticket:jkt] a record with another key than its token's",
      (access) => ({ token: access, jkt: SOME, issuedAt: Date.now() }),
    ],
    ["[ticket:life] a record without a time", (access) => ({ token: access, jkt })],
    ["[token:signature] a record with a token that is none", () => ({ token: "a.b.c", jkt, issuedAt: Date.now() })],
  ])("%s: E_TOKEN", async (_, record) => {
    const access = await token({ cnf: { jkt } });
    const { refused } = await ticketWorld({ put: () => {}, take: () => record(access) as TicketRecord });
    expect(await refused(using(SOME))).toMatchObject({ code: "E_TOKEN" });
  });

  it("[ticket:jkt] a record of a bearer token without a thumbprint, in a bearer CA: E_TOKEN", async () => {
    const access = await token();
    const record = { token: access, issuedAt: Date.now() } as TicketRecord;
    const { refused } = await ticketWorld({ put: () => {}, take: () => record });
    expect(await refused({ path: `/?ticket=${SOME}`, token: SOME })).toMatchObject({ code: "E_TOKEN" });
  });

  it.each([
    ["rejects", () => Promise.reject(down)],
    [
      "throws",
      () => {
        throw down;
      },
    ],
  ])("a store that %s: E_INTERNAL, and onError is told which one and why", async (_, take) => {
    const { world } = await ticketWorld({ put: () => {}, take });
    expect(await failure(rawSession(world, using(SOME)))).toMatchObject({ code: "E_INTERNAL", closeCode: 1011 });
    const error = await world.nextError();
    expect(error).toMatchObject({ code: "E_INTERNAL", detail: "option tickets failed", cause: down });
    expect(String(error)).not.toContain(SOME);
  });
});

describe("the query", () => {
  const get = (query: string) => upgradeRequest({}, `GET /${query} HTTP/1.1`);

  it.each([
    ["two tickets", `?ticket=${SOME}&ticket=${SOME}`],
    ["two, one empty", `?ticket=${SOME}&ticket`],
  ])("[token:two-sources] %s: HTTP 400", async (_, query) => {
    const { world } = await ticketWorld();
    expect(await statusOf(rawTcp(world.port, get(query)))).toBe(400);
  });

  it.each([
    "?ticket",
    "?ticket=",
    `?ticket=${"A".repeat(21)}`,
    `?ticket=%41${"A".repeat(42)}`,
    "?a=?ticket=A&ticket=b",
  ])("[ticket:form] %s: HTTP 400", async (query) => {
    const { world } = await ticketWorld();
    expect(await statusOf(rawTcp(world.port, get(query)))).toBe(400);
  });

  it("[ticket:form] an access token is no ticket: HTTP 400 that does not repeat it", async () => {
    const { world } = await ticketWorld();
    const access = await token();
    const answer = rawTcp(world.port, get(`?ticket=${access}`));
    expect(await statusOf(answer)).toBe(400);
    await answer.closed;
    expect(answer.text()).not.toContain(access);
  });

  it("[token:query] an access token as access_token opens nothing, and is not looked at", async () => {
    const { world, refused } = await ticketWorld(undefined, { tokenAtUpgrade: ["authorization", "subprotocol"] });
    const access = await token({ cnf: { jkt } });
    const options = { path: `/?access_token=${access}`, token: access, proof: proofKey, tokenSentAtUpgrade: true };
    expect(await refused(options)).toMatchObject({ code: "E_TOKEN" });
    await rawSession(world, { path: "/?access_token=garbage" });
  });

  it("where tickets are not enabled, it is not looked at", async () => {
    const world = await startWorld();
    expect(await statusOf(rawTcp(world.port, get("?ticket=x&ticket=y")))).toBe(101);
    await rawSession(world, { path: `/?ticket=${SOME}` });
  });
});

describe("more than one source [token:two-sources]", () => {
  const header = { Authorization: "Bearer a.b.c" };
  const subprotocol = { "Sec-WebSocket-Protocol": "sealwire.v1.cbor, sealwire.bearer.a.b.c" };
  const ticket = `GET /?ticket=${SOME} HTTP/1.1`;
  it.each<[string, object, string | undefined]>([
    ["header and subprotocol", { ...header, ...subprotocol }, undefined],
    ["header and ticket", header, ticket],
    ["subprotocol and ticket", subprotocol, ticket],
    ["all three", { ...header, ...subprotocol }, ticket],
  ])("%s: HTTP 400; with one way enabled, 101", async (_, headers, line) => {
    const all = { tokenAtUpgrade: ["authorization", "subprotocol"] } as const;
    const { world } = await ticketWorld(undefined, all);
    expect(await statusOf(rawTcp(world.port, upgradeRequest({ ...headers }, line)))).toBe(400);
    const one = await startWorld({ tokenAtUpgrade: ["authorization"] });
    expect(await statusOf(rawTcp(one.port, upgradeRequest({ ...headers }, line)))).toBe(101);
  });
});

describe("issuing", () => {
  it("[ticket:random] 43 characters of 32 random bytes, kept as a hash only", async () => {
    const put = vi.fn<TicketStore["put"]>();
    const tickets = createTickets({ store: { put, take: () => undefined } });
    const issued = await Promise.all(Array.from({ length: 100 }, () => tickets.issue({ token: "a.b.c", jkt })));
    expect(new Set(issued).size).toBe(100);
    for (const [i, ticket] of issued.entries()) {
      expect(ticket).toMatch(/^[A-Za-z0-9_-]{43}$/);
      const [hash, record, seconds] = put.mock.calls[i] as Parameters<TicketStore["put"]>;
      expect(hash).toBe(createHash("sha256").update(ticket).digest("base64url"));
      expect(JSON.stringify([hash, record])).not.toContain(ticket);
      expect(seconds).toBe(30);
    }
  });

  it.each([
    ["no token", { jkt }],
    ["an empty token", { token: "", jkt }],
    ["[ticket:jkt] no thumbprint", { token: "a.b.c" }],
    ["[ticket:jkt] a thumbprint of another length", { token: "a.b.c", jkt: jkt.slice(1) }],
  ])("%s: TypeError", async (_, of) => {
    expect(await failure(createTickets().issue(of as { token: string; jkt: string }))).toBeInstanceOf(TypeError);
  });

  it("the store in memory is bounded: E_BUSY, until tickets are used or over", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const tickets = createTickets({ store: memoryTicketStore({ capacity: 2 }) });
    const of = { token: "a.b.c", jkt };
    const first = await tickets.issue(of);
    await tickets.issue(of);
    expect(await failure(tickets.issue(of))).toMatchObject({ code: "E_BUSY" });
    expect(await tickets.take(first)).toMatchObject(of);
    expect(await tickets.take(first)).toBeUndefined();
    const third = await tickets.issue(of);
    expect(await failure(tickets.issue(of))).toMatchObject({ code: "E_BUSY" });
    vi.setSystemTime(Date.now() + 30_000);
    expect(await tickets.take(third)).toBeUndefined();
    await tickets.issue(of);
    await tickets.issue(of);
  });

  it.each([0, 1.5, Number.NaN, "10"])("capacity %s: TypeError", (capacity) => {
    expect(() => memoryTicketStore({ capacity: capacity as number })).toThrow(TypeError);
  });
});

describe("the client", () => {
  const to = (options: object, address = "ws://127.0.0.1:1/") =>
    failure(connect(address, { server: { id: SERVER_ID, keys: serverJwks }, token: SOME, ...options }));

  it.each<[string, object, string?]>([
    ["a ticket without a proof key", { tokenAtUpgrade: "ticket" }],
    ["[token:query] an access token as ticket", { tokenAtUpgrade: "ticket", proof, token: "a.b.c" }],
    ["a ticket that is too short", { tokenAtUpgrade: "ticket", proof, token: "A".repeat(21) }],
    ["an unknown way", { tokenAtUpgrade: "cookie" }],
    ["[token:query] an address with a token", {}, "ws://127.0.0.1:1/?access_token=a.b.c"],
    ["[token:query] an address with a ticket", {}, `ws://127.0.0.1:1/?a=b&ticket=${SOME}`],
  ])("%s: TypeError that does not repeat it", async (_, options, address) => {
    const error = await to(options, address);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).not.toMatch(/A{21}|a\.b\.c/);
  });
});
