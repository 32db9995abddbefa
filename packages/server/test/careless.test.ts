import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { connect as dial } from "node:net";
import { connect } from "@sealwire/client";
import { createServer } from "@sealwire/server";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { networkOf } from "../src/upgrade.ts";
import { now, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { failure, listen, serverOptions, startWorld, until } from "./support/world.ts";

describe("admit grants by true alone [auth:connection]", () => {
  it.each([undefined, null, 0, 1, "no", {}, Promise.resolve(undefined), Promise.resolve("yes"), false])(
    "%j",
    async (answer) => {
      const world = await startWorld({ admit: () => answer as never });
      expect(await failure(world.connect())).toMatchObject({ code: "E_FORBIDDEN", remote: true, closeCode: 3003 });
      expect(world.server.sessions.size).toBe(0);
    },
  );

  it("true, at once and later", async () => {
    for (const answer of [true, Promise.resolve(true)]) {
      const world = await startWorld({ admit: () => answer });
      expect((await world.connect()).subject).toBe("alice");
    }
  });

  it("a throw is no grant", async () => {
    const world = await startWorld({
      admit: () => {
        throw new Error("database down");
      },
    });
    expect(await failure(world.connect())).toMatchObject({ remote: true });
    expect(world.server.sessions.size).toBe(0);
  });
});

it("whoever changes the claims that it is shown changes nothing of what was checked [revoke:end]", async () => {
  const world = await startWorld({
    admit: ({ claims }) => {
      for (const name of Object.keys(claims)) delete (claims as Record<string, unknown>)[name];
      return true;
    },
  });
  const session = await world.connect();
  expect(await world.server.revoke({ subject: "alice", issuedBefore: now() + 1 })).toBe(1);
  expect(await session.closed).toMatchObject({ error: { code: "E_REVOKED", remote: true } });
});

describe("onError that fails does not reach the process, and changes nothing", () => {
  it.each<[string, () => void | Promise<void>]>([
    ["throws", () => void fail()],
    ["rejects", async () => void fail()],
  ])("%s", async (_, onError) => {
    const called = vi.fn(onError);
    const world = await startWorld({ onError: called });
    world.server.handle("broken", () => fail());
    const stranger = new WebSocket(world.url, ["sealwire.v1.text"]);
    stranger.on("open", () => stranger.send("garbage"));
    const [code] = await once(stranger, "close");
    expect(code).toBe(4400);
    const session = await world.connect();
    expect(await failure(session.request("broken", null))).toMatchObject({ code: "E_HANDLER", remote: true });
    await session.close();
    expect(called).toHaveBeenCalledTimes(2);
    await until(() => world.server.sessions.size === 0);
  });
});

function fail(): never {
  throw new Error("the logger is down");
}

it("a socket that ended before handleUpgrade takes no place of its address [limit:connections]", async () => {
  const server = createServer(serverOptions({ limits: { unauthenticatedPerAddress: 2 }, trustProxy: 1 }));
  const http = createHttp();
  let late = 0;
  http.on("upgrade", (req, socket, head) => {
    if (req.headers["x-late"] === undefined) return server.handleUpgrade(req, socket, head);
    socket.destroy();
    socket.once("close", () => {
      server.handleUpgrade(req, socket, head);
      late++;
    });
  });
  const port = await listen(http);
  onTestFinished(async () => {
    await server.close({ timeout: 200 });
    http.close();
  });
  for (let i = 0; i < 5; i++) {
    const socket = dial(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Late: 1\r\n\r\n");
    await once(socket, "close");
  }
  await until(() => late === 5);
  const session = await connect(`ws://127.0.0.1:${port}`, {
    server: { id: SERVER_ID, keys: serverJwks },
    token: await token(),
  });
  expect((await session.close()).clean).toBe(true);
});

it.each([
  ["192.0.2.1", "192.0.2.1"],
  ["192.0.2.1:4711", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:0:1::1", "2001:db8:0:1::/64"],
  ["2001:DB8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"],
  ["[2001:db8:0:1::7]:443", "2001:db8:0:1::/64"],
  ["2001:db8:0:2::1", "2001:db8:0:2::/64"],
  ["::1", "0:0:0:0::/64"],
  ["unknown", "unknown"],
])("%s counts as %s [limit:connections]", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
