import type { CloseInfo, Level, Message } from "@sealwire/core";
import { createServer, type Principal, type ServerOptions, type ServerSession } from "@sealwire/server";
import { compactVerify, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { ISSUER, identityKey, issuer, jktOf, jwksOf, proof, SERVER_ID, token } from "./support/keys.ts";
import { failure, serverOptions, startWorld } from "./support/world.ts";

const without = (name: keyof ServerOptions): ServerOptions => {
  const { [name]: _, ...rest } = serverOptions();
  return rest as ServerOptions;
};

describe("options that cannot work are TypeErrors when the server is made", () => {
  const offCurve = { ...identityKey.privateJwk, y: identityKey.privateJwk.x };
  it.each<[string, () => ServerOptions, RegExp]>([
    ["no authorize", () => without("authorize"), /authorize/],
    ["authorize is no function", () => ({ ...serverOptions(), authorize: true as never }), /authorize/],
    ["no token policy", () => serverOptions({ tokens: [] }), /tokens/],
    ["one issuer twice", () => serverOptions({ tokens: [policy(), policy()] }), /twice/],
    [
      "key set at http",
      () => serverOptions({ tokens: { issuer: ISSUER, keys: new URL("http://idp.example/jwks") } }),
      /https/,
    ],
    ["no identity key", () => serverOptions({ identity: { id: SERVER_ID, keys: [] } }), /identity/],
    ["identity key off the curve", () => serverOptions({ identity: { id: SERVER_ID, keys: [offCurve] } }), /P-256/],
    [
      "a public identity key",
      () => serverOptions({ identity: { id: SERVER_ID, keys: [identityKey.publicJwk as never] } }),
      /public/,
    ],
    [
      "server id with a space",
      () => serverOptions({ identity: { id: "a b", keys: [identityKey.privateJwk] } }),
      /identity\.id/,
    ],
    ["empty levels", () => serverOptions({ levels: [] }), /levels/],
    ["unknown level", () => serverOptions({ levels: ["top" as never] }), /levels/],
    ["unknown protocol", () => serverOptions({ protocols: ["chat" as never] }), /protocols/],
    ["unknown codec", () => serverOptions({ codecs: ["xml" as never] }), /codecs/],
    ["unknown suite", () => serverOptions({ suites: ["p521" as never] }), /suites/],
    ["unknown order", () => serverOptions({ order: "any" as never }), /order/],
    ["half a window", () => serverOptions({ limits: { replayWindow: 1.5 } }), /replayWindow/],
    ["trustProxy that is no count", () => serverOptions({ trustProxy: -1 }), /trustProxy/],
    ["trustProxy true", () => serverOptions({ trustProxy: true as never }), /trustProxy/],
    ["origins as one string", () => serverOptions({ origins: "https://a.example" as never }), /origins/],
    ["origins with a pattern", () => serverOptions({ origins: ["https://*.a.example"] }), /origins/],
    ["an origin with a path", () => serverOptions({ origins: ["https://a.example/"] }), /origins/],
    [
      "a symmetric token algorithm",
      () => serverOptions({ tokens: { ...policy(), algorithms: ["HS256"] } }),
      /algorithms/,
    ],
    ["token algorithm none", () => serverOptions({ tokens: { ...policy(), algorithms: ["none"] } }), /algorithms/],
    ["a limit that is no number", () => serverOptions({ limits: { idleSeconds: Number.NaN } }), /idleSeconds/],
    [
      "a limit of the protocol",
      () => serverOptions({ limits: { claimsDepth: 8 } }),
      /claimsDepth is part of the protocol/,
    ],
    ["an unknown limit", () => serverOptions({ limits: { idleSecond: 5 } as never }), /idleSecond/],
  ])("%s", (_, options, text) => {
    expect(() => createServer(options())).toThrow(TypeError);
    expect(() => createServer(options())).toThrow(text);
  });

  it("a missing authorize is a compile error", () => {
    const options = { identity: { id: SERVER_ID, keys: [] }, tokens: policy() };
    // @ts-expect-error authorize is required
    expect(() => createServer(options)).toThrow(TypeError);
  });
});

const policy = () => ({ issuer: ISSUER, keys: jwksOf(issuer) });

describe("what server and client agree on", () => {
  const LEVELS: readonly Level[] = ["mac", "sig", "aead", "nest"];
  const table = LEVELS.flatMap((level, i) =>
    (["sealwire.v1.cbor", "sealwire.v1.text"] as const).map(
      (protocol, j) =>
        [
          level,
          protocol,
          (["cbor", "json"] as const)[(i + j) % 2],
          (["x25519", "p256"] as const)[(i >> 1) % 2],
        ] as const,
    ),
  );
  it.each(table)("%s on %s, codec %s, suite %s", async (level, protocol, codec, suite) => {
    const world = await startWorld({ levels: [level], protocols: [protocol], codecs: [codec!], suites: [suite!] });
    world.server.handle("echo", (data, { session, message }) => ({ data, level: session.level, seq: message.seq }));
    const bound = await token({ cnf: { jkt: await jktOf(proof) } });
    const session = await world.connect({ levels: LEVELS, proof, token: bound });
    expect(session).toMatchObject({ level, protocol, codec, suite, subject: "alice" });
    expect(await session.request("echo", { a: [1, "ü"] })).toEqual({ data: { a: [1, "ü"] }, level, seq: 1 });
    expect(await session.close()).toMatchObject({ clean: true, truncated: false, code: 1000 });
  });

  it.each([
    ["levels", { levels: ["mac"] as const }, {}],
    ["codecs", { codecs: ["json"] as const }, { codecs: ["cbor"] as const }],
    ["suites", { suites: ["p256"] as const }, { suites: ["x25519"] as const }],
  ])("nothing in common in %s: E_NEGOTIATE, 4406", async (_, server, client) => {
    const world = await startWorld(server);
    const error = await failure(world.connect(client));
    expect(error).toMatchObject({ code: "E_NEGOTIATE", remote: true, closeCode: 4406 });
    expect(await world.nextError()).toMatchObject({ code: "E_NEGOTIATE", remote: false });
  });

  it("takes the client's order", async () => {
    const world = await startWorld({ suites: ["x25519", "p256"], codecs: ["cbor", "json"], levels: ["aead", "mac"] });
    const session = await world.connect({
      suites: ["p256", "x25519"],
      codecs: ["json", "cbor"],
      levels: ["mac", "aead"],
    });
    expect(session).toMatchObject({ suite: "p256", codec: "json", level: "mac" });
  });
});

describe("sessions and handlers", () => {
  it("onSession comes before anything is delivered; sessions holds it until it ends", async () => {
    const world = await startWorld();
    const log: string[] = [];
    let ended: Promise<CloseInfo> | undefined;
    const off = world.server.onSession((session: ServerSession) => {
      log.push(`session ${session.principal.subject}`);
      ended = session.closed;
      session.handle("own", () => {
        log.push("own handler");
        return 1;
      });
    });
    world.server.handle("own", () => 2);
    const session = await world.connect();
    expect(await session.request("own", null)).toBe(1);
    expect(log).toEqual(["session alice", "own handler"]);
    expect([...world.server.sessions].map((s) => s.remoteAddress)).toEqual(["127.0.0.1"]);
    expect([...world.server.sessions][0]?.id).toBe(session.id);
    await session.close();
    expect(await ended).toMatchObject({ clean: true });
    expect(world.server.sessions.size).toBe(0);
    off();
    await (await world.connect()).close();
    expect(log.filter((l) => l.startsWith("session"))).toHaveLength(1);
  });

  it("the principal has what the token says", async () => {
    const world = await startWorld();
    let principal: Principal | undefined;
    world.server.onSession((session) => {
      principal = session.principal;
    });
    const jkt = await jktOf(proof);
    await world.connect({ proof, token: await token({ cnf: { jkt }, roles: ["admin"] }) });
    expect(principal).toMatchObject({
      issuer: ISSUER,
      subject: "alice",
      clientId: "app",
      tokenId: "jti-1",
      scopes: new Set(["chat.say", "chat.msg", "chat.join"]),
      thumbprint: jkt,
      claims: { roles: ["admin"] },
    });
  });

  it.each(["sig", "nest"] as const)("level %s: a message carries evidence with the token", async (level) => {
    const world = await startWorld({ levels: [level] });
    let got: Message | undefined;
    world.server.handle("pay", (_, { message }) => {
      got = message;
      return null;
    });
    const jkt = await jktOf(proof);
    const access = await token({ cnf: { jkt } });
    const session = await world.connect({ levels: [level], proof, token: access });
    await session.request("pay", { amount: 100 });
    expect(got?.signed?.token).toBe(access);
    const { jws, jwk } = got?.signed ?? {};
    const { protectedHeader } = await compactVerify(jws as string, await importJWK({ ...jwk }, "ES256"));
    expect(protectedHeader.kid).toBe(jkt);
  });

  it.each(["aead", "mac"] as const)("level %s: no evidence", async (level) => {
    const world = await startWorld({ levels: [level] });
    let got: Message | undefined;
    world.server.handle("pay", (_, { message }) => {
      got = message;
      return null;
    });
    await (await world.connect({ levels: [level] })).request("pay", 1);
    expect(got).toBeDefined();
    expect(got?.signed).toBeUndefined();
  });

  it("one handler per topic, and it can be removed", async () => {
    const world = await startWorld();
    const off = world.server.handle("a", () => 1);
    expect(() => world.server.handle("a", () => 2)).toThrow(TypeError);
    const session = await world.connect();
    expect(await session.request("a", null)).toBe(1);
    off();
    expect(await failure(session.request("a", null))).toMatchObject({ code: "E_NO_HANDLER", remote: true });
    world.server.handle("a", () => 3);
    expect(await session.request("a", null)).toBe(3);
  });

  it("a topic that cannot exist is a TypeError", async () => {
    const world = await startWorld();
    expect(() => world.server.handle("no spaces", () => 1)).toThrow(TypeError);
  });

  it("a listener that throws ends that session alone, with E_INTERNAL", async () => {
    const world = await startWorld();
    const off = world.server.onSession(() => {
      throw new Error("listener");
    });
    const info = await (await world.connect({ reconnect: false })).closed;
    expect(info.error).toMatchObject({ code: "E_INTERNAL", remote: true, closeCode: 1011 });
    expect(await world.nextError()).toMatchObject({ code: "E_INTERNAL", remote: false });
    expect(world.server.sessions.size).toBe(0);
    off();
    await world.connect();
  });
});

describe("authorize", () => {
  it.each<[string, () => unknown]>([
    ["false", () => false],
    ["undefined", () => undefined],
    ["1", () => 1],
    ["a promise of false", async () => false],
    [
      "a throw",
      () => {
        throw new Error("policy");
      },
    ],
    [
      "a rejection",
      async () => {
        throw new Error("policy");
      },
    ],
  ])("[auth:deny-default] %s denies both ways, and no handler runs", async (_, answer) => {
    const world = await startWorld({ authorize: answer as ServerOptions["authorize"] });
    let handled = 0;
    world.server.handle("t", () => handled++);
    const session = await world.connect();
    expect(await failure(session.request("t", null))).toMatchObject({ code: "E_DENIED", remote: true });
    const denied = new Promise((resolve) => session.onDenied(resolve));
    await session.send("t", 1);
    expect(await denied).toEqual({ topic: "t", seq: 2, code: "E_DENIED" });
    const [peer] = world.server.sessions;
    expect(await failure(peer?.send("t", 1) as Promise<unknown>)).toMatchObject({ code: "E_DENIED", remote: false });
    expect(handled).toBe(0);
  });

  it("sees principal, topic, direction, kind and data of each", async () => {
    const seen: unknown[] = [];
    const world = await startWorld({
      authorize: ({ principal, ...rest }) => {
        seen.push([principal.subject, rest]);
        return true;
      },
    });
    world.server.handle("q", () => "reply");
    const session = await world.connect();
    const got = session.messages("n").next();
    await session.request("q", { a: 1 });
    const [peer] = world.server.sessions;
    await peer?.send("n", "note");
    await got;
    expect(seen).toEqual([
      ["alice", { topic: "q", direction: "in", kind: "request", data: { a: 1 } }],
      ["alice", { topic: "n", direction: "out", kind: "message", data: "note" }],
    ]);
  });

  it("[auth:connection] admit decides per connection: E_FORBIDDEN, 3003", async () => {
    const world = await startWorld({ admit: ({ subject }) => subject !== "mallory" });
    await world.connect();
    const error = await failure(world.connect({ token: await token({ sub: "mallory" }) }));
    expect(error).toMatchObject({ code: "E_FORBIDDEN", remote: true, closeCode: 3003 });
    expect(await world.nextError()).toMatchObject({ code: "E_FORBIDDEN", remote: false });
  });
});
