import { type ConnectOptions, connect } from "@sealwire/client";
import { backend, DEFAULT_LIMITS, Ledger, type MacKey, tokenHash } from "@sealwire/core/internal";
import type { ServerOptions } from "@sealwire/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { now, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { CBOR, rawResume, rawSession, rawSocket, resumeMachine, TEXT } from "./support/raw.ts";
import { startRelay } from "./support/relay.ts";
import { failure, startWorld, until } from "./support/world.ts";

const soon = { minDelay: 1, maxDelay: 20 };

async function startPlace(over: Partial<ServerOptions> = {}) {
  const world = await startWorld(over);
  const relay = await startRelay(world.port);
  const open = async (o: Partial<ConnectOptions> = {}) => {
    const session = await connect(relay.url, {
      server: { id: SERVER_ID, keys: serverJwks },
      token: await token(),
      reconnect: soon,
      ...o,
    });
    onTestFinished(async () => void (await session.close()));
    return session;
  };
  return { ...world, relay, open };
}

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("a connection that is lost", () => {
  it.each(["client", "server", undefined] as const)("cut at %s: everything arrives once, in order", async (side) => {
    const place = await startPlace();
    const got: unknown[] = [];
    place.server.handle("n", (data) => {
      got.push(data);
    });
    const back: unknown[] = [];
    const session = await place.open();
    session.handle("back", (data) => {
      back.push(data);
    });
    const [peer] = place.server.sessions;
    for (let i = 0; i < 300; i++) {
      void session.send("n", i);
      void peer?.send("back", i);
      if (i % 100 === 50) {
        await until(() => got.length > 0);
        place.relay.cut(side);
        if (side !== "server") continue;
        // The client would talk to nobody until it has been silent for too long.
        await until(() => peer?.state === "reconnecting");
        place.relay.cut();
      }
    }
    await until(() => got.length === 300 && back.length === 300);
    expect(got).toEqual(count(300));
    expect(back).toEqual(count(300));
    expect(place.server.sessions.size).toBe(1);
    expect([...place.server.sessions][0]?.id).toBe(session.id);
  });

  it("requests in flight, of both sides, are answered on the next one", async () => {
    const place = await startPlace();
    let release = (_: unknown) => {};
    const held = new Promise((resolve) => {
      release = resolve;
    });
    place.server.handle("slow", async (data) => {
      await held;
      return [data];
    });
    const session = await place.open();
    session.handle("slow", async (data) => {
      await held;
      return { data };
    });
    const [peer] = place.server.sessions;
    let answered = 0;
    const answers = Promise.all([session.request("slow", 1), peer?.request("slow", 2)]);
    void answers.then(() => answered++);
    const states: string[] = [];
    peer?.onStateChange((state) => states.push(state));
    place.relay.closed = true;
    place.relay.cut();
    await until(() => states.includes("reconnecting"));
    release(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(0);
    place.relay.closed = false;
    expect(await answers).toEqual([[1], { data: 2 }]);
    expect(states).toEqual(["reconnecting", "open"]);
  });

  it("what was queued meanwhile goes over in order", async () => {
    const place = await startPlace();
    const got: unknown[] = [];
    place.server.handle("n", (data) => {
      got.push(data);
    });
    const session = await place.open();
    place.relay.closed = true;
    place.relay.cut();
    await until(() => session.state === "reconnecting");
    const sends = Promise.all(count(300).map((i) => session.send("n", `${i} ${"x".repeat(300)}`)));
    place.relay.closed = false;
    await sends;
    await until(() => got.length === 300);
    expect(got.map((data) => Number((data as string).split(" ")[0]))).toEqual(count(300));
  });

  it.each([
    [CBOR, TEXT],
    [TEXT, CBOR],
  ] as const)("from %s to %s: what was lost is sent again on the other wire", async (first, second) => {
    const world = await startWorld();
    const raw = await rawSession(world, { keep: true, protocol: first });
    const [peer] = world.server.sessions;
    raw.ws.terminate();
    await raw.info;
    await until(() => peer?.state === "reconnecting");
    const got: unknown[] = [];
    raw.session.handle("n", (data) => {
      got.push(data);
    });
    const sends = count(20).map((i) => peer?.send("n", i));
    const again = await rawResume(world, raw.session, { protocol: second });
    await again.open;
    await Promise.all(sends);
    await until(() => got.length === 20);
    expect(got).toEqual(count(20));
    expect(peer?.protocol).toBe(second);
    await raw.session.close();
  });

  it("[resume:old-lives] a connection that is half open is left for the next one, without an error", async () => {
    const place = await startPlace();
    const session = await place.open();
    const [peer] = place.server.sessions;
    const got: unknown[] = [];
    peer?.handle("n", (data) => {
      got.push(data);
    });
    await session.send("n", 0);
    await until(() => got.length === 1);
    place.relay.cut("client");
    await session.send("n", 1);
    await until(() => got.length === 2);
    expect(got).toEqual([0, 1]);
    expect(place.relay.taken).toBe(2);
    expect([...place.server.sessions]).toEqual([peer]);
    expect(place.errors).toEqual([]);
  });

  it("[resume:old-lives] a resume that is not confirmed takes nothing from the old connection; one that is closes it with 4409", async () => {
    const world = await startWorld();
    world.server.handle("ping", () => "pong");
    const raw = await rawSession(world, { keep: true });
    // What P repeats: a CH that the server answers, and no `resumed` after it.
    const half = await rawSocket(world);
    const { facts, ledger } = raw.session.life;
    const copy = new Ledger(DEFAULT_LIMITS, true, { sent: ledger.sent, acknowledged: 0, committed: ledger.committed });
    copy.chains = ledger.chains;
    half.ws.send((await resumeMachine({ facts, ledger: copy }).start()).send as Uint8Array);
    expect(await half.next()).toBeDefined();
    expect(await raw.session.request("ping", null)).toBe("pong");
    half.ws.terminate();
    await half.closed;
    expect(await raw.session.request("ping", null)).toBe("pong");
    const again = await rawResume(world, raw.session);
    await again.open;
    expect((await raw.closed).code).toBe(4409);
    expect(await raw.session.request("ping", null)).toBe("pong");
    await raw.session.close();
  });

  it("[resume:window] ends the session when nobody comes back in time", async () => {
    const place = await startPlace({ resume: { seconds: 1 } });
    const raw = await rawSession(place);
    const [peer] = place.server.sessions;
    void peer?.send("n", 1);
    raw.ws.terminate();
    expect(await peer?.closed).toMatchObject({ truncated: true, error: { code: "E_TRUNCATED" } });
    expect(place.server.sessions.size).toBe(0);
  });

  it("resume: false leaves nothing to come back to", async () => {
    const place = await startPlace({ resume: false });
    const session = await place.open();
    const before = session.id;
    place.relay.cut();
    await until(() => session.state === "open" && session.id !== before);
    expect(place.server.sessions.size).toBe(1);
  });
});

describe("the upgrade of a resume", () => {
  it("[resume:upgrade] the rules for origins apply to it", async () => {
    const world = await startWorld({ origins: ["https://chat.example"] });
    const raw = await rawSession(world, { keep: true, headers: { Origin: "https://chat.example" } });
    raw.ws.terminate();
    await raw.info;
    const foreign = rawResume(world, raw.session, { headers: { Origin: "https://evil.example" } });
    expect((await failure(foreign)).message).toContain("403");
    expect([await world.nextError(), await world.nextError()]).toMatchObject([
      { code: "E_TRUNCATED" },
      { code: "E_ORIGIN" },
    ]);
    const own = await rawResume(world, raw.session, { headers: { Origin: "https://chat.example" } });
    await own.open;
    expect(raw.session.state).toBe("open");
    await raw.session.close();
  });

  it("[resume:upgrade] it takes a place of its address until it is confirmed, and of all afterwards", async () => {
    const place = await startPlace({ limits: { unauthenticatedPerAddress: 1, connectionsPerAddress: 3 } });
    const session = await place.open();
    place.relay.closed = true;
    place.relay.cut();
    await until(() => session.state === "reconnecting");
    // One that says nothing has the only place: the resume is refused before it begins.
    const silent = await rawSocket(place);
    place.relay.closed = false;
    expect(await place.nextError()).toMatchObject({ code: "E_TRUNCATED" });
    expect(await place.nextError()).toMatchObject({ code: "E_BUSY" });
    expect(session.state).toBe("reconnecting");
    silent.ws.terminate();
    await until(() => session.state === "open");
    // Confirmed, it has a place among all and none among the unauthenticated.
    const other = await place.connect({ reconnect: false });
    const third = await place.connect({ reconnect: false });
    expect(await failure(place.connect({ reconnect: false }))).toMatchObject({ code: "E_CLOSED" });
    await Promise.all([other.close(), third.close()]);
  });

  it("remoteAddress is that of the connection that the session is on", async () => {
    const world = await startWorld({ trustProxy: 1 });
    const raw = await rawSession(world, { keep: true, headers: { "X-Forwarded-For": "192.0.2.1" } });
    const [peer] = world.server.sessions;
    expect(peer?.remoteAddress).toBe("192.0.2.1");
    raw.ws.terminate();
    await raw.info;
    const again = await rawResume(world, raw.session, { headers: { "X-Forwarded-For": "192.0.2.2" } });
    await again.open;
    expect(peer?.remoteAddress).toBe("192.0.2.2");
    await raw.session.close();
  });
});

describe("[resume:token] a token that comes with the upgrade of a resume", () => {
  const header = (text: string) => ({ Authorization: `Bearer ${text}` });
  const cases: Record<string, () => Promise<string>> = {
    "of another subject": () => token({ sub: "bob" }),
    "of another client": () => token({ client_id: "other" }),
    "of another class": () => token({ cnf: { jkt: "A".repeat(43) } }),
    "that has expired, within the clock tolerance": () => token({ exp: now() - 5 }),
    "that is revoked": () => token({ jti: "revoked" }),
    "of another issuer": () => token({ iss: "https://other.example" }),
  };
  const start = async () => {
    const world = await startWorld({ tokenAtUpgrade: ["authorization"] });
    const text = await token();
    const raw = await rawSession(world, { keep: true, headers: header(text), token: text });
    raw.ws.terminate();
    await raw.info;
    expect(await world.nextError()).toMatchObject({ code: "E_TRUNCATED" });
    return { world, raw };
  };

  it.each(Object.entries(cases))("%s: E_RESUME, and the session can still be resumed", async (_, make) => {
    const { world, raw } = await start();
    await world.server.revoke({ tokenId: "revoked" });
    const bad = await make();
    const refused = await rawResume(world, raw.session, { headers: header(bad), ath: await tokenHash(backend, bad) });
    expect(await refused.info).toMatchObject({ error: { code: "E_RESUME", remote: true } });
    const error = await world.nextError();
    expect(error).toMatchObject({ code: "E_RESUME", stage: "session" });
    expect(`${error.message} ${error.detail} ${error.cause}`).not.toContain(bad);
    const good = await token({ jti: "another" });
    const again = await rawResume(world, raw.session, { headers: header(good), ath: await tokenHash(backend, good) });
    await again.open;
    await raw.session.close();
  });

  it("that CH does not confirm: E_RESUME", async () => {
    const { world, raw } = await start();
    const refused = await rawResume(world, raw.session, { headers: header(await token()) });
    expect(await refused.info).toMatchObject({ error: { code: "E_RESUME", remote: true } });
  });
});

describe("who has no chain", () => {
  it("[resume:kid] a CH by an unknown chain is E_RESUME, 4504, and leaves every session alone", async () => {
    const place = await startPlace();
    const session = await place.open();
    const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: "A".repeat(22), typ: "sealwire-ch+jwt" }));
    const parts = [header, Buffer.from("{}"), Buffer.alloc(32)].map((part) => part.toString("base64url"));
    const text = await rawSocket(place, { protocols: [TEXT] });
    text.ws.send(parts.join("."));
    expect((await text.closed).code).toBe(4504);
    expect(await place.nextError()).toMatchObject({ code: "E_RESUME", stage: "header" });
    expect(session.state).toBe("open");
  });

  it("[resume:mac] a CH by the right kid and another key is E_CRYPTO, and takes nothing away", async () => {
    const world = await startWorld();
    const raw = await rawSession(world, { keep: true });
    const [peer] = world.server.sessions;
    const other = await rawSession(world, { keep: true });
    raw.ws.terminate();
    await raw.info;
    const [own] = raw.session.life.ledger.chains;
    const [foreign] = other.session.life.ledger.chains;
    const chain = { kid: own?.kid as string, key: foreign?.key as MacKey, bytes: undefined };
    const refused = await rawResume(world, raw.session, { chain });
    expect((await refused.closed).code).toBe(4501);
    const again = await rawResume(world, raw.session);
    await again.open;
    expect(peer?.state).toBe("open");
    await Promise.all([raw.session.close(), other.session.close()]);
  });
});
