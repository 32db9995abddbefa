import { createServer as createTls } from "node:https";
import { createServer } from "@sealwire/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { certificate } from "./support/certificate.ts";
import { type HandshakeOptions, rawSession, rawSocket, rawTcp, statusOf, upgradeRequest } from "./support/raw.ts";
import { failure, listen, serverOptions, startWorld, until, type World } from "./support/world.ts";

const upgrade = async (world: World, headers: Record<string, string | readonly string[] | undefined>) => {
  const answer = rawTcp(world.port, upgradeRequest(headers));
  const status = await statusOf(answer);
  answer.socket.destroy();
  return status;
};

const MANY = { origins: ["https://app.example", "https://app.example:8443", "chrome-extension://abcdefghijklmnop"] };

describe("[hs:origin] whose pages may connect", () => {
  it.each<[string, string, number]>([
    ["the page of the same host", "https://chat.example", 101],
    ["the same host at http, behind a proxy", "http://chat.example", 101],
    ["another host", "https://evil.example", 403],
    ["a subdomain", "https://a.chat.example", 403],
    ["the host as a prefix", "https://chat.example.evil.example", 403],
    ["the host as a suffix", "https://evilchat.example", 403],
    ["another port", "https://chat.example:8443", 403],
    ["in capitals: no browser writes that", "https://CHAT.example", 403],
    ["with a path", "https://chat.example/", 403],
    ["with a user", "https://chat.example@chat.example", 403],
    ["a sandboxed page", "null", 403],
    ["a file", "file://", 403],
    ["nothing", "", 403],
    ["no URL", "chat.example", 403],
    ["two in one", "https://chat.example, https://evil.example", 403],
  ])("same-origin by default: %s", async (_, origin, status) => {
    const world = await startWorld();
    expect(await upgrade(world, { Origin: origin })).toBe(status);
  });

  it.each([
    ["the usual port, as some proxies write it", "chat.example:443", "https://chat.example", 101],
    ["that of http", "chat.example:80", "http://chat.example", 101],
    ["that of the other scheme", "chat.example:80", "https://chat.example", 403],
    ["another one", "chat.example:8443", "https://chat.example", 403],
    ["a page at another one", "chat.example:443", "https://chat.example:8443", 403],
    ["a page at another one, and the usual one behind it", "chat.example:8443:443", "https://chat.example:8443", 403],
    ["that of a scheme that no page has", "chat.example:80", "ftp://chat.example", 403],
    ["another host", "evil.example:443", "https://chat.example", 403],
    ["the usual one twice", "chat.example:443:443", "https://chat.example", 403],
    ["a user before it", "chat.example@evil.example:443", "https://chat.example", 403],
  ])("same-origin, a Host with a port: %s", async (_, host, origin, status) => {
    const world = await startWorld();
    expect(await upgrade(world, { Host: host, Origin: origin })).toBe(status);
  });

  it.each<[string, string, number]>([
    ["one of the list", "https://app.example", 101],
    ["the other, with its port", "https://app.example:8443", 101],
    ["an extension", "chrome-extension://abcdefghijklmnop", 101],
    ["the server's own host, which is not listed", "https://chat.example", 403],
    ["the same at http", "http://app.example", 403],
    ["in capitals", "https://APP.example", 403],
    ["with a default port", "https://app.example:443", 403],
    ["with a slash", "https://app.example/", 403],
    ["as a prefix", "https://app.example.evil.example", 403],
    ["null", "null", 403],
  ])("a list is exact: %s", async (_, origin, status) => {
    const world = await startWorld(MANY);
    expect(await upgrade(world, { Origin: origin })).toBe(status);
  });

  it.each([[{}], [MANY], [{ origins: [] }]])("no Origin is no browser, and may connect: %j", async (options) => {
    const world = await startWorld(options);
    expect(await upgrade(world, {})).toBe(101);
  });

  it("two Origin headers are none that is allowed", async () => {
    const world = await startWorld();
    expect(await upgrade(world, { Origin: ["https://chat.example", "https://evil.example"] })).not.toBe(101);
  });

  it("with TLS in this process an http page is not of the same origin", async () => {
    const { key, cert } = certificate();
    const server = createServer(serverOptions());
    const http = createTls({ key, cert });
    server.attach(http as never);
    const port = await listen(http as never);
    onTestFinished(() => {
      http.closeAllConnections();
      http.close();
    });
    const { connect } = await import("node:tls");
    const status = async (origin: string) => {
      const socket = connect({ port, host: "127.0.0.1", ca: cert, servername: "localhost" });
      socket.on("error", () => {});
      socket.write(upgradeRequest({ Origin: origin }));
      const line = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
      socket.destroy();
      return line.toString().split(" ")[1];
    };
    expect(await status("http://chat.example")).toBe("403");
    expect(await status("https://chat.example")).toBe("101");
  });

  it("a refused upgrade is over for good, also for a peer that does not close", async () => {
    const world = await startWorld();
    const answer = rawTcp(world.port, upgradeRequest({ Origin: "https://evil.example" }));
    await answer.closed;
    expect(await answer.head).toMatch(/^HTTP\/1\.1 403 /);
    await until(() => !answer.socket.writable || answer.socket.destroyed || !write(answer.socket));
  });
});

/** False once the other end is gone altogether. */
const write = (socket: { write(s: string): boolean; destroyed: boolean }): boolean => {
  socket.write("x");
  return !socket.destroyed;
};

describe("the client's address behind proxies", () => {
  it.each<[string, number, string | readonly string[] | undefined, string]>([
    ["no proxy trusted: the header is the client's word", 0, "10.0.0.1", "127.0.0.1"],
    ["one proxy", 1, "10.0.0.1", "10.0.0.1"],
    ["one proxy, and what the client wrote before it", 1, "6.6.6.6, 10.0.0.1", "10.0.0.1"],
    ["two proxies", 2, "6.6.6.6, 10.0.0.1, 172.16.0.1", "10.0.0.1"],
    ["two headers are one list", 2, ["6.6.6.6, 10.0.0.1", "172.16.0.1"], "10.0.0.1"],
    ["fewer entries than proxies: the connection's own", 2, "10.0.0.1", "127.0.0.1"],
    ["no header", 1, undefined, "127.0.0.1"],
    ["an empty entry", 1, "10.0.0.1, ", "127.0.0.1"],
  ])("%s", async (_, trustProxy, forwarded, address) => {
    const world = await startWorld({ trustProxy, limits: { byeSeconds: 0.05 } });
    const headers = forwarded === undefined ? {} : { "X-Forwarded-For": forwarded };
    const session = rawTcp(world.port, upgradeRequest(headers), Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    await session.head;
    await world.nextError();
    expect(world.errors[0]?.context.remoteAddress).toBe(address);
  });
});

const from = (address: string): HandshakeOptions => ({ headers: { "x-forwarded-for": address } });

describe("[limit:connections] room per address", () => {
  const limits = { connectionsPerAddress: 3, unauthenticatedPerAddress: 2, unauthenticatedTotal: 4 };

  it("connectionsPerAddress counts sessions of one address, and frees their place", async () => {
    const world = await startWorld({ trustProxy: 1, limits });
    const [first] = [
      await rawSession(world, from("a")),
      await rawSession(world, from("a")),
      await rawSession(world, from("a")),
    ];
    expect((await failure(rawSocket(world, from("a")))).message).toContain("503");
    await rawSession(world, from("b"));
    await first?.session.close();
    await until(() => world.server.sessions.size === 3);
    await rawSession(world, from("a"));
  });

  it("unauthenticatedPerAddress counts until SR, and frees the place of one that gives up", async () => {
    const world = await startWorld({ trustProxy: 1, limits });
    const silent = [await rawSocket(world, from("a")), await rawSocket(world, from("a"))];
    expect((await failure(rawSocket(world, from("a")))).message).toContain("503");
    silent[0]?.ws.terminate();
    await world.nextError();
    await rawSession(world, from("a"));
    await rawSession(world, from("a"));
  });

  it("unauthenticatedTotal counts all addresses", async () => {
    const world = await startWorld({ trustProxy: 1, limits });
    const silent = await Promise.all(["a", "b", "c", "d"].map((a) => rawSocket(world, from(a))));
    expect((await failure(rawSocket(world, from("e")))).message).toContain("503");
    expect(await world.nextError()).toMatchObject({ code: "E_BUSY" });
    silent[0]?.ws.close();
    await world.nextError();
    await rawSession(world, from("e"));
  });

  it("an address that lies in front of the trusted hop does not help", async () => {
    const world = await startWorld({ trustProxy: 1, limits: { unauthenticatedPerAddress: 1 } });
    await rawSocket(world, from("liar-1, a"));
    expect((await failure(rawSocket(world, from("liar-2, a")))).message).toContain("503");
  });

  it("a refused upgrade takes no place", async () => {
    const world = await startWorld({ limits: { unauthenticatedPerAddress: 1 } });
    for (let i = 0; i < 5; i++) expect(await upgrade(world, { Origin: "https://evil.example" })).toBe(403);
    for (let i = 0; i < 5; i++) {
      const answer = rawTcp(world.port, upgradeRequest({ "Sec-WebSocket-Key": undefined }));
      expect(await statusOf(answer)).toBe(400);
      await answer.closed;
    }
    await rawSession(world);
  });
});
