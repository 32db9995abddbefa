import { describe, expect, it } from "vitest";
import { clientHello, rawSession, rawSocket, rawTcp, statusOf, upgradeRequest } from "./support/raw.ts";
import { failure, startWorld, until } from "./support/world.ts";

describe("server.close", () => {
  it("says bye to every session, and clients see a clean end", async () => {
    const world = await startWorld();
    const clients = await Promise.all([1, 2, 3, 4].map(() => world.connect({ reconnect: false })));
    await world.server.close();
    for (const client of clients) {
      const info = await client.closed;
      expect(info).toMatchObject({ clean: true, truncated: false, code: 1001 });
    }
    expect(world.server.sessions.size).toBe(0);
  });

  it("[close:code] the socket closes with 1001 and the coarse name", async () => {
    const world = await startWorld();
    const raw = await rawSession(world);
    await world.server.close();
    expect(await raw.closed).toEqual({ code: 1001, reason: "away" });
  });

  it("delivers what stands before the bye", async () => {
    const world = await startWorld();
    const client = await world.connect({ reconnect: false });
    const got: unknown[] = [];
    client.handle("t", (data) => {
      got.push(data);
    });
    const [session] = world.server.sessions;
    for (let i = 0; i < 10; i++) void session?.send("t", i);
    await world.server.close();
    await client.closed;
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("refuses whoever comes meanwhile with 503, and afterwards", async () => {
    const world = await startWorld();
    const raw = await rawSession(world);
    raw.ws.pause();
    const closing = world.server.close({ timeout: 300 });
    expect(await statusOf(rawTcp(world.port, upgradeRequest()))).toBe(503);
    expect(await failure(world.connect())).toMatchObject({ code: "E_CLOSED" });
    await closing;
    expect(world.http.listenerCount("upgrade")).toBe(0);
  });

  it("waits no longer than its timeout for a peer that says nothing", async () => {
    const world = await startWorld();
    const raw = await rawSession(world);
    raw.ws.pause();
    await world.server.close({ timeout: 50 });
    expect(world.server.sessions.size).toBe(0);
    raw.ws.resume();
    await raw.closed;
  });

  it("ends connections that are no session yet, and those that have no subprotocol", async () => {
    // Nobody waits for the peer's close frame as long as that.
    const world = await startWorld({ limits: { byeSeconds: 60 } });
    const silent = await rawSocket(world);
    const half = await rawSocket(world);
    half.ws.send(await clientHello());
    await half.next();
    const none = rawTcp(world.port, upgradeRequest({ "Sec-WebSocket-Protocol": undefined }));
    await none.head;
    await world.server.close({ timeout: 1000 });
    expect((await silent.closed).code).toBe(1001);
    expect((await half.closed).code).toBe(1001);
    await none.closed;
    expect(await new Promise((resolve) => world.http.getConnections((_, n) => resolve(n)))).toBe(0);
  });

  it("twice is once", async () => {
    const world = await startWorld();
    await world.connect();
    await Promise.all([world.server.close(), world.server.close()]);
    await world.server.close();
  });

  it("a handshake that is under way does not become a session", async () => {
    const world = await startWorld();
    let upgrades = 0;
    world.http.on("upgrade", () => upgrades++);
    const clients = Array.from({ length: 5 }, () => world.connect().catch((error: { code: string }) => error.code));
    await until(() => upgrades === 5);
    await world.server.close();
    const results = await Promise.all(clients);
    for (const result of results) if (typeof result === "object") expect(await result.closed).toBeDefined();
    expect(world.server.sessions.size).toBe(0);
  });
});

describe("how sessions end", () => {
  it("[close:truncated] a cut connection is truncated on both sides, a clean one on neither", async () => {
    const world = await startWorld({ resume: false });
    const raw = await rawSession(world);
    const [session] = world.server.sessions;
    raw.ws.terminate();
    expect(await session?.closed).toMatchObject({ truncated: true, clean: false, error: { code: "E_TRUNCATED" } });
    expect(await raw.info).toMatchObject({ truncated: true, clean: false });
  });

  it("[close:hint] a bare close code is no word of the peer", async () => {
    const world = await startWorld({ resume: false });
    const raw = await rawSession(world);
    const [session] = world.server.sessions;
    raw.ws.close(4403, "revoked");
    expect(await session?.closed).toMatchObject({ truncated: true, error: { code: "E_TRUNCATED", remote: true } });
  });

  it("pending requests of both sides are rejected, and handlers are told", async () => {
    const world = await startWorld();
    let aborted: Promise<unknown> | undefined;
    world.server.handle("hang", (_, { signal }) => {
      aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
      return aborted;
    });
    const client = await world.connect();
    client.handle("hang", () => new Promise(() => {}));
    const [session] = world.server.sessions;
    const [mine, theirs] = [failure(client.request("hang", 1)), failure(session!.request("hang", 1))];
    await until(() => aborted !== undefined);
    await client.close();
    expect(await mine).toMatchObject({ code: "E_CLOSED" });
    expect(await theirs).toMatchObject({ code: "E_CLOSED" });
    await aborted;
  });

  it("an authorization that never answers keeps no session", async () => {
    let asked = 0;
    let grant = (_: boolean) => {};
    const authorize = () => {
      asked++;
      return new Promise<boolean>((resolve) => {
        grant = resolve;
      });
    };
    const world = await startWorld({ authorize, resume: false, limits: { byeSeconds: 0.1 } });
    let handled = 0;
    world.server.handle("t", () => handled++);
    const raw = await rawSession(world);
    const [session] = world.server.sessions;
    for (let i = 0; i < 3; i++) void raw.session.send("t", i);
    await until(() => asked === 1);
    raw.ws.terminate();
    expect(await session?.closed).toMatchObject({ truncated: true });
    expect(world.server.sessions.size).toBe(0);
    grant(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect([asked, handled]).toEqual([1, 0]);
  });

  it("[sr:end] the session ends with the token: E_SESSION_EXPIRED, 4510", async () => {
    const world = await startWorld({ limits: { sessionSeconds: 1 } });
    const client = await world.connect();
    const info = await client.closed;
    expect(info.error).toMatchObject({ code: "E_SESSION_EXPIRED", closeCode: 4510 });
    await until(() => world.server.sessions.size === 0);
  });
});
