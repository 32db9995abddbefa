import { createServer as createHttp } from "node:http";
import { connect } from "@sealwire/client";
import { createServer } from "@sealwire/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { CBOR, clientHello, rawSocket, rawTcp, statusOf, TEXT, upgradeRequest } from "./support/raw.ts";
import { failure, listen, serverOptions, startWorld, until } from "./support/world.ts";

async function bareHttp() {
  const http = createHttp();
  const port = await listen(http);
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const open = async (path: string) =>
    await connect(`ws://127.0.0.1:${port}${path}`, {
      server: { id: SERVER_ID, keys: serverJwks },
      token: await token(),
    });
  return { http, port, open };
}

describe("attach", () => {
  it("takes one path, whatever the query says, and nothing else", async () => {
    const world = await startWorld({}, { path: "/ws" });
    await world.connect({}, "/ws");
    await world.connect({}, "/ws?room=1");
    for (const path of ["/", "/ws/", "/ws2", "//ws", "/%77s", "/x/../ws2"]) {
      const answer = rawTcp(world.port, upgradeRequest({}, `GET ${path} HTTP/1.1`));
      expect([path, await statusOf(answer)]).toEqual([path, 404]);
      await answer.closed;
    }
  });

  it.each(["//", "///", "http://[", "*", "/\\", "//[::1"])(
    "a target that is no URL ends nothing but itself: %s",
    async (path) => {
      for (const at of ["/ws", undefined]) {
        const world = await startWorld({}, at === undefined ? {} : { path: at });
        const answer = rawTcp(world.port, upgradeRequest({}, `GET ${path} HTTP/1.1`));
        expect(await statusOf(answer)).toBeGreaterThan(0);
        await (await world.connect()).close();
      }
    },
  );

  it("two servers on one HTTP server, by path", async () => {
    const { http, open } = await bareHttp();
    const [a, b] = [createServer(serverOptions()), createServer(serverOptions())];
    a.attach(http, { path: "/a" });
    const detach = b.attach(http, { path: "/b" });
    a.handle("who", () => "a");
    b.handle("who", () => "b");
    expect(await (await open("/a")).request("who", null)).toBe("a");
    expect(await (await open("/b")).request("who", null)).toBe("b");
    expect(() => b.attach(http, { path: "/a" })).toThrow(TypeError);
    detach();
    expect(await failure(open("/b"))).toMatchObject({ code: "E_CLOSED" });
    expect(await (await open("/a")).request("who", null)).toBe("a");
    await Promise.all([a.close(), b.close()]);
    expect(http.listenerCount("upgrade")).toBe(0);
  });

  it("one server on every path that is nobody else's", async () => {
    const { http, open } = await bareHttp();
    const [a, rest] = [createServer(serverOptions()), createServer(serverOptions())];
    a.attach(http, { path: "/a" });
    rest.attach(http);
    a.handle("who", () => "a");
    rest.handle("who", () => "rest");
    expect(await (await open("/a")).request("who", null)).toBe("a");
    expect(await (await open("/x")).request("who", null)).toBe("rest");
    await Promise.all([a.close(), rest.close()]);
  });

  it("leaves the paths of other upgrade listeners alone", async () => {
    const { http, port } = await bareHttp();
    const server = createServer(serverOptions());
    server.attach(http, { path: "/ws" });
    http.on("upgrade", (req, socket) => {
      if (req.url === "/other") socket.end("HTTP/1.1 418 Teapot\r\n\r\n");
    });
    expect(await statusOf(rawTcp(port, upgradeRequest({}, "GET /other HTTP/1.1")))).toBe(418);
    await server.close();
  });

  it("handleUpgrade serves an application's own routing", async () => {
    const { http, open } = await bareHttp();
    const server = createServer(serverOptions());
    server.handle("who", () => "routed");
    http.on("upgrade", (req, socket, head) => server.handleUpgrade(req, socket, head));
    expect(await (await open("/anything")).request("who", null)).toBe("routed");
    await server.close();
  });

  it("CH in the same packet as the upgrade is not lost", async () => {
    const world = await startWorld();
    const hello = Buffer.from((await clientHello()) as Uint8Array);
    const head = Buffer.from([0x82, 0xfe, hello.length >> 8, hello.length & 255, 0, 0, 0, 0]);
    const answer = rawTcp(world.port, Buffer.concat([Buffer.from(upgradeRequest()), head, hello]));
    expect(await statusOf(answer)).toBe(101);
    // Behind the 101 comes SH, a binary message.
    await until(() => answer.text().split("\r\n\r\n")[1]?.startsWith("\x82") === true);
    expect(world.errors).toEqual([]);
  });
});

describe("subprotocols", () => {
  it.each<[string, readonly string[], string]>([
    ["[hs:select] the client's first", [TEXT, CBOR], TEXT],
    ["[hs:select] the client's first, the other way", [CBOR, TEXT], CBOR],
    ["[hs:select] unknown ones are passed over", ["sealwire.v9.cbor", "chat", CBOR, TEXT], CBOR],
    [
      "[hs:select] one that looks like a token is never echoed",
      ["sealwire.bearer.eyJhbGciOiJFUzI1NiJ9.e30.AAAA", TEXT],
      TEXT,
    ],
  ])("%s", async (_, protocols, selected) => {
    const world = await startWorld();
    const { ws } = await rawSocket(world, { protocols });
    expect(ws.protocol).toBe(selected);
  });

  it.each<[string, string | undefined]>([
    ["none", undefined],
    ["an unknown one", "chat"],
    ["another version", "sealwire.v2.cbor"],
    ["another case", "Sealwire.v1.cbor"],
    ["a token-like one", "sealwire.bearer.eyJhbGciOiJFUzI1NiJ9.e30.AAAA"],
  ])("%s: closed with 4406, and nothing is echoed [hs:no-common]", async (_, protocol) => {
    const world = await startWorld({ limits: { byeSeconds: 0.05 } });
    const answer = rawTcp(world.port, upgradeRequest({ "Sec-WebSocket-Protocol": protocol }));
    expect(await answer.head).toMatch(/^HTTP\/1\.1 101 /);
    expect(await answer.head).not.toMatch(/sec-websocket-protocol/i);
    await answer.closed;
    expect(answer.text()).toContain(`\x88\x0b${String.fromCharCode(4406 >> 8, 4406 & 255)}negotiate`);
  });

  it("[hs:no-deflate] permessage-deflate is never negotiated, however it is offered", async () => {
    const world = await startWorld();
    const { ws } = await rawSocket(world, { deflate: true });
    expect(ws.extensions).toBe("");
    for (const offer of [
      "permessage-deflate",
      "permessage-deflate; server_no_context_takeover; client_max_window_bits",
    ]) {
      const answer = rawTcp(world.port, upgradeRequest({ "Sec-WebSocket-Extensions": offer }));
      expect(await answer.head).toMatch(/^HTTP\/1\.1 101 /);
      expect(await answer.head).not.toMatch(/extensions/i);
    }
  });

  it("[hs:no-deflate] the client offers no extension", async () => {
    const world = await startWorld();
    const offers: unknown[] = [];
    world.http.on("upgrade", (req) => offers.push(req.headers["sec-websocket-extensions"]));
    await world.connect();
    expect(offers).toEqual([undefined]);
  });
});

describe("upgrade requests that are garbage", () => {
  const headers = Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`X-${i}`, "1"]));
  it.each<[string, string, readonly number[]]>([
    ["no key", upgradeRequest({ "Sec-WebSocket-Key": undefined }), [400]],
    ["a short key", upgradeRequest({ "Sec-WebSocket-Key": "AAAA" }), [400]],
    [
      "two keys",
      upgradeRequest({ "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="] }),
      [400],
    ],
    ["version 7", upgradeRequest({ "Sec-WebSocket-Version": "7" }), [400, 426]],
    ["no version", upgradeRequest({ "Sec-WebSocket-Version": undefined }), [400, 426]],
    ["POST", upgradeRequest({}, "POST / HTTP/1.1"), [405]],
    ["another upgrade", upgradeRequest({ Upgrade: "h2c" }), [400]],
    ["2,001 headers", upgradeRequest(headers), [101, 400, 431]],
    ["headers of 20 KB", upgradeRequest({ "X-Big": "x".repeat(20_000) }), [431]],
    [
      "spaces in Sec-WebSocket-Protocol",
      upgradeRequest({ "Sec-WebSocket-Protocol": `a${" ".repeat(15_000)}b` }),
      [400],
    ],
    [
      "32,000 spaces in Sec-WebSocket-Protocol",
      upgradeRequest({ "Sec-WebSocket-Protocol": `a${" ".repeat(32_000)}b` }),
      [400, 431],
    ],
    ["empty subprotocols", upgradeRequest({ "Sec-WebSocket-Protocol": ",,," }), [400]],
    ["a subprotocol twice", upgradeRequest({ "Sec-WebSocket-Protocol": `${CBOR},${CBOR}` }), [400]],
    ["extension constructor", upgradeRequest({ "Sec-WebSocket-Extensions": "constructor" }), [101]],
    ["extension __proto__", upgradeRequest({ "Sec-WebSocket-Extensions": "__proto__; a=1" }), [101]],
    ["a broken extension header", upgradeRequest({ "Sec-WebSocket-Extensions": ';;="' }), [101, 400]],
    ["no request at all", "\x16\x03\x01\x02\x00\x01\x00\x01", [400]],
    ["HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]],
  ])("%s: answered, and others do not notice", async (_, request, statuses) => {
    const world = await startWorld();
    const session = await world.connect();
    world.server.handle("ping", () => "pong");
    expect(statuses).toContain(await statusOf(rawTcp(world.port, request)));
    expect(await session.request("ping", null)).toBe("pong");
    await (await world.connect()).close();
  });

  it("a peer that goes away in the middle of the upgrade", async () => {
    const world = await startWorld();
    for (let i = 0; i < 20; i++) {
      const { socket } = rawTcp(world.port, upgradeRequest());
      await new Promise<void>((resolve) => socket.once("connect", resolve));
      if (i % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await (await world.connect()).close();
  });
});
