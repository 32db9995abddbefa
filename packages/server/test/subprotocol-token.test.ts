import { createServer as createHttp } from "node:http";
import { connect } from "@sealwire/client";
import { backend, thumbprint } from "@sealwire/core/internal";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { jktOf, proof, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { CBOR, clientMachine, rawSession, rawSocket, rawTcp, statusOf, TEXT, upgradeRequest } from "./support/raw.ts";
import { failure, listen, startWorld } from "./support/world.ts";

const jkt = await jktOf(proof);
const signer = await backend.importSigner(proof);
const proofKey = { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
const enabled = { tokenAtUpgrade: ["subprotocol"] } as const;
const offering = (...names: readonly string[]) => ({ protocols: [CBOR, ...names] });
const bearer = (access: string) => `sealwire.bearer.${access}`;
const asked = (...names: readonly string[]) => upgradeRequest({ "Sec-WebSocket-Protocol": names.join(", ") });

describe("the way is enabled", () => {
  it.each([undefined, "sealwire.v1.text"] as const)("a bearer token goes so and again in CA: %s", async (protocol) => {
    const world = await startWorld(enabled);
    const session = await world.connect({
      tokenAtUpgrade: "subprotocol",
      ...(protocol === undefined ? {} : { protocols: [protocol] }),
    });
    expect(session.subject).toBe("alice");
    expect(session.protocol).toBe(protocol ?? CBOR);
  });

  it("[token:upgrade-ath] a key-bound token goes so; CA proves its hash", async () => {
    const world = await startWorld(enabled);
    const access = await token({ cnf: { jkt } });
    expect((await world.connect({ tokenAtUpgrade: "subprotocol", proof, token: access })).subject).toBe("alice");
  });

  it("[token:no-echo] the 101 never selects it: not where `ws` would, nor where nothing else is known", async () => {
    const world = await startWorld(enabled);
    const access = await token();
    const good = rawTcp(world.port, asked(TEXT, CBOR, bearer(access)));
    expect(await statusOf(good)).toBe(101);
    expect(await good.head).toContain(`Sec-WebSocket-Protocol: ${TEXT}`);
    expect(await good.head).not.toContain(access);
    const unknown = rawTcp(world.port, asked("sealwire.v9.cbor", bearer(access)));
    expect(await statusOf(unknown)).toBe(101);
    expect(await unknown.head).not.toContain("Sec-WebSocket-Protocol");
    expect(await unknown.head).not.toContain(access);
  });

  it.each<[string, (access: string) => string]>([
    ["alone", (a) => asked(bearer(a))],
    ["before a real one", (a) => asked(bearer(a), CBOR)],
    ["between two real ones", (a) => asked(TEXT, bearer(a), CBOR)],
    ["before another one", (a) => asked(CBOR, bearer(a), "chat")],
    [
      "in a header of its own, before the others",
      (a) => upgradeRequest({ "Sec-WebSocket-Protocol": [bearer(a), CBOR] }),
    ],
    ["empty", () => asked(CBOR, bearer(""))],
    ["two segments", () => asked(CBOR, bearer("a.b"))],
    ["an empty segment", () => asked(CBOR, bearer("a..c"))],
    ["four segments", () => asked(CBOR, bearer("a.b.c.d"))],
    ["another character of a name", () => asked(CBOR, bearer("a.b.c~d"))],
  ])("[token:subprotocol] %s: HTTP 400, without the token", async (_, request) => {
    const world = await startWorld(enabled);
    const access = await token();
    const answer = rawTcp(world.port, request(access));
    expect(await statusOf(answer)).toBe(400);
    await answer.closed;
    expect(answer.text()).toContain("sealwire.bearer.<token> comes last");
    expect(answer.text()).not.toContain(access);
    expect(world.server.sessions.size).toBe(0);
  });

  it.each([
    ["two of them", [bearer("a.b.c"), bearer("d.e.f")]],
    ["the same twice", [bearer("a.b.c"), bearer("a.b.c")]],
  ])("[token:two-sources] %s: HTTP 400", async (_, names) => {
    const world = await startWorld(enabled);
    expect(await statusOf(rawTcp(world.port, asked(CBOR, ...names)))).toBe(400);
  });

  const bound = (over: object = {}) => token({ cnf: { jkt }, ...over });
  it.each<[string, string, () => Promise<string>, (() => Promise<string>) | undefined, object]>([
    ["[token:upgrade-match] CA has another bearer token", "E_TOKEN", () => token({ jti: "other" }), () => token(), {}],
    [
      "[token:upgrade-match] ath of another token",
      "E_TOKEN",
      () => bound({ jti: "x" }),
      () => bound(),
      { proof: proofKey, tokenSentAtUpgrade: true },
    ],
    ["[token:upgrade-ath] key-bound, but CA has at", "E_POP", bound, undefined, { proof: proofKey }],
    ["[pop:stripped] key-bound, in a bearer CA", "E_POP", bound, undefined, {}],
    ["opaque base64url is no token here", "E_TOKEN", async () => "b3BhcXVl", undefined, {}],
  ])("%s: %s", async (_, code, upgrade, ca, options) => {
    const world = await startWorld(enabled);
    const first = await upgrade();
    const access = ca === undefined ? first : await ca();
    const error = await failure(rawSession(world, { ...options, token: access, ...offering(bearer(first)) }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true, closeCode: 3000 });
    expect(await world.nextError()).toMatchObject({ code });
  });

  it("[hs:members] a CH that lists it is refused, and what is said does not repeat it", async () => {
    const world = await startWorld(enabled);
    const access = await token();
    const socket = await rawSocket(world, offering(bearer(access)));
    const machine = await clientMachine({ token: access, offeredProtocols: [CBOR, bearer(access)] });
    socket.ws.send((await machine.start()).send as Uint8Array);
    expect(await socket.closed).toMatchObject({ code: 4400 });
    const error = await world.nextError();
    expect(error.code).toBe("E_CLAIMS");
    expect(`${error.stack}${error.detail}${JSON.stringify(socket.received)}`).not.toContain(access);
  });
});

it("the way is not enabled: the name is one that nobody knows, wherever it stands and however often", async () => {
  const world = await startWorld();
  expect(await statusOf(rawTcp(world.port, asked(bearer("a.b.c"), CBOR, bearer("d.e.f"))))).toBe(101);
  await rawSession(world, offering(bearer("garbage")));
  const socket = rawTcp(world.port, asked(bearer("a.b.c")));
  expect(await socket.head).toContain("101");
  expect(await socket.head).not.toContain("a.b.c");
  const error = await failure(rawSession(world, { token: "bad", ...offering(bearer(await token())) }));
  expect(error).toMatchObject({ code: "E_AUTH_REQUIRED" });
});

it("[hs:no-fallback] a server that echoes it is left with E_DOWNGRADE, before anything is sent", async () => {
  const http = createHttp();
  const received: unknown[] = [];
  const careless = new WebSocketServer({ server: http, handleProtocols: (offered) => [...offered].at(-1) ?? false });
  careless.on("connection", (ws) => ws.on("message", (data) => received.push(data)));
  const port = await listen(http);
  onTestFinished(() => {
    careless.close();
    http.close();
  });
  const access = await token();
  const error = await failure(
    connect(`ws://127.0.0.1:${port}/`, {
      server: { id: SERVER_ID, keys: serverJwks },
      token: access,
      tokenAtUpgrade: "subprotocol",
    }),
  );
  expect(error).toMatchObject({ code: "E_DOWNGRADE", detail: "the server selected another subprotocol" });
  expect(error.stack).not.toContain(access);
  expect(received).toEqual([]);
});

it.each(["a/b", "a=", "a b", "a.b", "ä"])("a client does not send %j so: TypeError", async (access) => {
  const error = await failure(
    connect("ws://127.0.0.1:1/", {
      server: { id: SERVER_ID, keys: serverJwks },
      token: access,
      tokenAtUpgrade: "subprotocol",
    }),
  );
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).not.toContain(access);
});
