import { type ConnectOptions, connect } from "@sealwire/client";
import { createMemoryReplayStore, generateKey } from "@sealwire/core";
import { createMemoryResumeStore, type ResumeStore, type ServerOptions, type ServerSession } from "@sealwire/server";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { identityKey, jktOf, now, proof, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { rawResume, rawSession, rawSocket, resumeMachine } from "./support/raw.ts";
import { startRelay } from "./support/relay.ts";
import { startWorld, until, type World } from "./support/world.ts";

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Two servers of one identity, and a path that leads to the first. */
async function startTwo(over: Partial<ServerOptions> = {}, store: ResumeStore = createMemoryResumeStore()) {
  const resume = { seconds: 20, store };
  const a = await startWorld({ resume, ...over });
  const b = await startWorld({ resume, ...over });
  const relay = await startRelay(a.port);
  const open = async (o: Partial<ConnectOptions> = {}) => {
    const session = await connect(relay.url, {
      server: { id: SERVER_ID, keys: serverJwks },
      token: await token(),
      reconnect: { minDelay: 1, maxDelay: 20 },
      ...o,
    });
    onTestFinished(async () => void (await session.close()));
    return session;
  };
  return { a, b, relay, open, store };
}

const only = (world: World): ServerSession => {
  const [session, ...more] = world.server.sessions;
  expect(more).toEqual([]);
  return session as ServerSession;
};

describe("a server that drains", () => {
  it.each(["aead", "mac", "sig", "nest"] as const)("%s: its sessions go on at another one", async (level) => {
    const { a, b, relay, open } = await startTwo({ levels: [level] });
    const got: unknown[] = [];
    for (const { server } of [a, b]) server.handle("n", (data) => void got.push(data));
    const session = await open({ levels: [level], token: await token({ cnf: { jkt: await jktOf(proof) } }), proof });
    const id = session.id;
    const back: unknown[] = [];
    session.handle("back", (data) => void back.push(data));
    const first = only(a);
    const undetermined: unknown[] = [];
    session.onUndetermined((lost) => undetermined.push(lost));
    for (let i = 0; i < 50; i++) {
      void session.send("n", i);
      void first.send("back", i);
    }
    const opened = new Promise<ServerSession>((resolve) => b.server.onSession(resolve));
    relay.target = b.port;
    await a.server.close();
    const info = await first.closed;
    expect(info).toMatchObject({ code: 4409, error: { code: "E_SUPERSEDED" }, undetermined: [] });
    const second = await opened;
    expect([second.id, second.state, session.id]).toEqual([id, "open", id]);
    expect(second.principal).toEqual(first.principal);
    for (let i = 50; i < 100; i++) {
      void session.send("n", i);
      void second.send("back", i);
    }
    await until(() => got.length === 100 && back.length === 100);
    expect([got, back]).toEqual([count(100), count(100)]);
    expect(undetermined).toEqual([]);
    // Nothing was lost, and nobody is told of a fault.
    expect([...a.errors, ...b.errors].map(({ error }) => error.code)).toEqual([]);
  });

  it("what came is handled and answered before it goes", async () => {
    const { a, b, relay, open } = await startTwo();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    a.server.handle("slow", async (data) => {
      asked++;
      await held;
      return { at: "a", data };
    });
    b.server.handle("slow", (data) => ({ at: "b", data }));
    const session = await open();
    const first = session.request("slow", 1);
    await until(() => asked === 1);
    relay.target = b.port;
    const closing = a.server.close();
    const second = session.request("slow", 2);
    setImmediate(release);
    await closing;
    expect(await first).toEqual({ at: "a", data: 1 });
    expect(await second).toEqual({ at: "b", data: 2 });
  });

  it("a handler that never answers holds it no longer than the timeout, and the session goes on", async () => {
    const { a, b, relay, open } = await startTwo();
    a.server.handle("hang", () => new Promise(() => {}));
    b.server.handle("ping", () => "pong");
    const session = await open();
    void session.request("hang", 1).catch(() => {});
    await session.send("x", 1);
    relay.target = b.port;
    await a.server.close({ timeout: 400 });
    expect(await session.request("ping", null)).toBe("pong");
    expect(only(b).id).toBe(session.id);
  });

  it("a batch that two of them have in part comes to the third without what either has [resume:again]", async () => {
    const got: string[] = [];
    const hang = () => new Promise<never>(() => {});
    let decided = 0;
    // The second one gets as far as the third item of the batch.
    const authorize = ({ topic }: { topic: string }) => topic !== "work" || ++decided !== 2 || hang();
    const { a, b, relay, open, store } = await startTwo({ limits: { concurrentHandlers: 1 } });
    await b.server.close();
    const resume = { seconds: 20, store };
    const [second, third] = [await startWorld({ resume, authorize }), await startWorld({ resume })];
    const session = await open();
    a.server.handle("work", (n) => {
      got.push(`a ${n}`);
      return hang();
    });
    for (const [name, { server }] of Object.entries({ second, third })) {
      server.handle("work", (n) => void got.push(`${name} ${n}`));
      server.handle("read", (n) => void got.push(`${name} ${n}`));
    }
    const stream = only(a).messages("read");
    void stream.next().then(({ value }) => got.push(`a ${value.data}`));
    for (const [n, topic] of ["work", "work", "work", "read"].entries()) void session.send(topic, n);
    await until(() => got.length === 2);
    relay.target = second.port;
    await a.server.close({ timeout: 200 });
    await until(() => decided === 2);
    relay.target = third.port;
    await second.server.close({ timeout: 200 });
    await session.send("work", 4);
    await until(() => got.includes("third 4"));
    expect(got).toEqual(["a 0", "a 3", "second 1", "third 2", "third 4"]);
  });

  it("sessions that wait for a connection go on there too", async () => {
    const { a, b, relay, open } = await startTwo();
    b.server.handle("ping", () => "pong");
    const session = await open();
    const first = only(a);
    relay.closed = true;
    relay.cut();
    await until(() => first.state === "reconnecting");
    await a.server.close();
    expect(a.server.sessions.size).toBe(0);
    relay.target = b.port;
    relay.closed = false;
    expect(await session.request("ping", null)).toBe("pong");
    expect(only(b).id).toBe(session.id);
  });

  it.each(["park", "claim"] as const)(
    "a store whose %s never answers holds it no longer than the timeout",
    async (method) => {
      const inner = createMemoryResumeStore();
      const store: ResumeStore = { ...inner, [method]: () => new Promise(() => {}) };
      const { a, relay, open } = await startTwo({}, store);
      const sessions = [await open({ reconnect: false }), await open({ reconnect: false })];
      const [first, second] = [...a.server.sessions];
      if (method === "claim") {
        relay.closed = true;
        relay.cut();
        await until(() => first?.state === "reconnecting" && second?.state === "reconnecting");
      }
      await a.server.close({ timeout: 200 });
      expect(a.server.sessions.size).toBe(0);
      for (const session of [first, second]) expect(session?.state).toBe("closed");
      await Promise.all(sessions.map(({ closed }) => closed));
    },
  );

  it("without a store it says bye: away, and the session ends", async () => {
    const a = await startWorld();
    const session = await a.connect({ reconnect: false });
    await a.server.close();
    expect(await session.closed).toMatchObject({ clean: true, truncated: false, code: 1001 });
  });
});

describe("a lost session in a store", () => {
  it("is resumed at another server; who lost it ends its copy with E_SUPERSEDED, and nothing is undetermined", async () => {
    const { a, b, relay, open } = await startTwo({ resume: { seconds: 1, store: createMemoryResumeStore() } });
    const session = await open();
    const first = only(a);
    relay.closed = true;
    relay.cut();
    await until(() => first.state === "reconnecting");
    relay.target = b.port;
    relay.closed = false;
    await until(() => session.state === "open" && b.server.sessions.size === 1);
    expect(await first.closed).toMatchObject({ error: { code: "E_SUPERSEDED" }, undetermined: [] });
    expect(session.state).toBe("open");
  });

  it("is resumed at the server that lost it as well, which takes it back", async () => {
    const { a, relay, open, store } = await startTwo();
    const session = await open();
    const first = only(a);
    const kids = (first as unknown as { life: { ledger: { chains: { kid: string }[] } } }).life.ledger.chains;
    relay.closed = true;
    relay.cut();
    await until(() => first.state === "reconnecting");
    while ((await store.find(kids[0]?.kid as string)) === undefined) await new Promise((r) => setImmediate(r));
    relay.closed = false;
    await until(() => session.state === "open" && first.state === "open");
    expect(await store.find(kids[0]?.kid as string)).toBeUndefined();
    expect(only(a)).toBe(first);
  });

  it("goes there and back: a stale copy takes nothing", async () => {
    const { a, b, relay, open } = await startTwo();
    for (const { server } of [a, b]) server.handle("ping", () => "pong");
    const session = await open();
    const first = only(a);
    for (const target of [b, a, b, a]) {
      const held = [...a.server.sessions, ...b.server.sessions].find(({ state }) => state === "open");
      relay.closed = true;
      relay.cut();
      await until(() => held?.state === "reconnecting");
      // Parked once this turn of the loop is over.
      await new Promise((resolve) => setTimeout(resolve, 20));
      relay.target = target.port;
      relay.closed = false;
      expect(await session.request("ping", null)).toBe("pong");
      expect([...target.server.sessions].filter(({ state }) => state === "open").length).toBe(1);
    }
    expect(await first.closed).toMatchObject({ error: { code: "E_SUPERSEDED" } });
    expect(only(a).id).toBe(session.id);
  });

  it("[resume:compare] a CH that is repeated at another server takes nothing away", async () => {
    const store = createMemoryResumeStore();
    const resume = { seconds: 20, store };
    const [a, b] = [await startWorld({ resume }), await startWorld({ resume })];
    const raw = await rawSession(a, { keep: true });
    raw.ws.terminate();
    await raw.info;
    const kid = raw.session.life.ledger.chains[0]?.kid as string;
    while ((await store.find(kid)) === undefined) await new Promise((r) => setImmediate(r));
    for (const world of [a, b]) {
      const half = await rawSocket(world);
      half.ws.send((await resumeMachine(raw.session.life).start()).send as Uint8Array);
      expect(await half.next()).toBeDefined();
      half.ws.terminate();
      await half.closed;
    }
    expect(await store.find(kid)).toBeDefined();
    const again = await rawResume(b, raw.session);
    await again.open;
    expect(only(b).state).toBe("open");
    await raw.session.close();
  });

  it("[resume:compare] of two servers that confirm it at once, one gets it", async () => {
    const inner = createMemoryResumeStore();
    let claims = 0;
    const store: ResumeStore = {
      ...inner,
      claim: async (id) => {
        claims++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return inner.claim(id);
      },
    };
    const resume = { seconds: 20, store };
    const [a, b, c] = [await startWorld({ resume }), await startWorld({ resume }), await startWorld({ resume })];
    const [one, two] = [await rawSession(a, { keep: true }), await rawSession(a, { keep: true })];
    // The same client twice: its second self has what the first one has.
    const { machine } = two.session.life as unknown as { machine: object };
    Object.assign(machine, { facts: one.session.life.facts });
    two.session.life.ledger.chains = one.session.life.ledger.chains;
    for (const { ws, info } of [one, two]) {
      ws.terminate();
      await info;
    }
    two.session.life.ledger.chains = one.session.life.ledger.chains;
    const kid = one.session.life.ledger.chains[0]?.kid as string;
    while ((await inner.find(kid)) === undefined) await new Promise((r) => setImmediate(r));
    const attempts = await Promise.all([rawResume(b, one.session), rawResume(c, two.session)]);
    await until(() => b.server.sessions.size + c.server.sessions.size > 0);
    await until(() => b.errors.length + c.errors.length > 0);
    expect(claims).toBe(2);
    expect(b.server.sessions.size + c.server.sessions.size).toBe(1);
    expect([...b.errors, ...c.errors].map(({ error }) => error.code)).toContain("E_RESUME");
    for (const { ws } of attempts) ws.terminate();
  });

  it("[revoke:resume] a session, a subject or a token that is revoked meanwhile is not resumed elsewhere", async () => {
    for (const revocation of [{ subject: "alice" }, { tokenId: "jti-1" }, "session"] as const) {
      const store = createMemoryResumeStore();
      const [a, b] = [await startWorld({ resume: { store } }), await startWorld({ resume: { store } })];
      const raw = await rawSession(a, { keep: true });
      raw.ws.terminate();
      await raw.info;
      const kid = raw.session.life.ledger.chains[0]?.kid as string;
      while ((await store.find(kid)) === undefined) await new Promise((r) => setImmediate(r));
      await b.server.revoke(revocation === "session" ? { session: raw.session.id } : revocation);
      const refused = await rawResume(b, raw.session);
      expect(await refused.info).toMatchObject({ error: { code: "E_RESUME", remote: true } });
      expect(b.server.sessions.size).toBe(0);
    }
  });

  it.each(["find", "claim", "park"] as const)(
    "a store whose %s fails is reported, and refuses that attempt alone",
    async (method) => {
      const inner = createMemoryResumeStore();
      let down = true;
      const store: ResumeStore = { ...inner };
      store[method] = (async (...args: unknown[]) => {
        if (down) throw new Error("the store is down");
        return await (inner[method] as (...of: unknown[]) => unknown)(...args);
      }) as never;
      const { a, b, relay, open } = await startTwo({}, store);
      b.server.handle("ping", () => "pong");
      const session = await open();
      const first = only(a);
      const before = session.id;
      relay.closed = true;
      relay.cut();
      await until(() => first.state === "reconnecting");
      if (method === "park") await until(() => a.errors.some(({ error }) => error.code === "E_DEPENDENCY"));
      relay.target = b.port;
      relay.closed = false;
      await until(() => [...a.errors, ...b.errors].some(({ error }) => error.code === "E_DEPENDENCY"));
      down = false;
      // Resumed once the store is back; a session that was never parked has a new one in its place.
      expect(await session.request("ping", null)).toBe("pong");
      if (method === "park") expect(session.id).not.toBe(before);
    },
  );

  it("a state that nobody of this identity wrote is reported and refused", async () => {
    const inner = createMemoryResumeStore();
    const park: ResumeStore["park"] = (id, kids, until, state) => {
      const text = Buffer.from(state)
        .toString()
        .replace(/"v":\d+/, '"v":0');
      return inner.park(id, kids, until, Buffer.from(text));
    };
    const { a, b, relay, open } = await startTwo({}, { ...inner, park });
    const session = await open();
    relay.target = b.port;
    await a.server.close();
    const reported = await b.nextError();
    expect(reported).toMatchObject({ code: "E_DEPENDENCY", fatal: false });
    await until(() => session.state === "open");
  });
});

describe("identity keys that change while sessions live", () => {
  it("sessions open and are resumed across the change, with the old key pinned and with both", async () => {
    const next = await generateKey();
    const store = createMemoryResumeStore();
    const resume = { seconds: 20, store };
    const old = await startWorld({ resume });
    const relay = await startRelay(old.port);
    const open = async (keys: typeof serverJwks) => {
      const session = await connect(relay.url, {
        server: { id: SERVER_ID, keys },
        token: () => token(),
        reconnect: { minDelay: 1, maxDelay: 20 },
      });
      onTestFinished(async () => void (await session.close()));
      return session;
    };
    const both = { keys: [identityKey.publicJwk, next.publicJwk] };
    const [pinsOld, pinsBoth] = [await open(serverJwks), await open(both)];
    const ids = [pinsOld.id, pinsBoth.id];
    const identity = { id: SERVER_ID, keys: [next.privateJwk, identityKey.privateJwk] };
    const renewed = await startWorld({ resume, identity });
    renewed.server.handle("ping", () => "pong");
    relay.target = renewed.port;
    await old.server.close();
    for (const session of [pinsOld, pinsBoth]) expect(await session.request("ping", null)).toBe("pong");
    expect([pinsOld.id, pinsBoth.id]).toEqual(ids);
    // The new key signs: who pins both takes it, and who pins it alone as well.
    for (const keys of [both, { keys: [next.publicJwk] }])
      expect(await (await open(keys)).request("ping", null)).toBe("pong");
    // Without the old key an open session goes on all the same: no identity key signs in a resume.
    const last = await startWorld({ resume, identity: { id: SERVER_ID, keys: [next.privateJwk] } });
    last.server.handle("ping", () => "pong again");
    relay.target = last.port;
    await renewed.server.close();
    expect(await pinsOld.request("ping", null)).toBe("pong again");
    expect(pinsOld.id).toBe(ids[0]);
  });
});

describe("idempotent messages", () => {
  const start = async (first: World) => {
    const relay = await startRelay(first.port);
    const session = await connect(relay.url, {
      server: { id: SERVER_ID, keys: serverJwks },
      token: () => token(),
      reconnect: { minDelay: 1, maxDelay: 20 },
    });
    onTestFinished(async () => void (await session.close()));
    return { relay, session, before: session.id };
  };

  it("[idem:store] are delivered once across sessions and servers that share a store", async () => {
    const replay = createMemoryReplayStore({ startedAt: now() - 10, skew: 30 });
    const got: unknown[] = [];
    const [a, b] = [await startWorld({ replay, resume: false }), await startWorld({ replay, resume: false })];
    for (const { server } of [a, b]) server.handle("order", (data) => void got.push(data));
    const { relay, session, before } = await start(a);
    for (let i = 0; i < 10; i++) void session.send("order", i, { idempotent: true });
    await until(() => got.length === 10);
    relay.target = b.port;
    relay.cut();
    await until(() => session.state === "open" && session.id !== before);
    void session.send("order", 10, { idempotent: true });
    await until(() => got.includes(10));
    expect(got).toEqual(count(11));
  });

  it("[idem:closed] a server that restarted with a store in memory takes new ones, and refuses what it cannot know", async () => {
    const got: unknown[] = [];
    const a = await startWorld({ resume: { seconds: 20 } });
    a.server.handle("order", (data) => void got.push(data));
    const { relay, session, before } = await start(a);
    const denied: unknown[] = [];
    session.onDenied(({ code }) => denied.push(code));
    for (let i = 0; i < 3; i++) void session.send("order", i, { idempotent: true });
    await until(() => got.length === 3);
    // The process is gone, with what it remembered, and another one begins five seconds later.
    relay.closed = true;
    relay.cut();
    const real = Date.now;
    const later = vi.spyOn(Date, "now").mockImplementation(() => real() + 5000);
    onTestFinished(() => later.mockRestore());
    const b = await startWorld({ resume: { seconds: 20 } });
    b.server.handle("order", (data) => void got.push(data));
    relay.target = b.port;
    relay.closed = false;
    await until(() => session.state === "open" && session.id !== before);
    void session.send("order", "new", { idempotent: true });
    await until(() => got.includes("new") && denied.length === 3);
    expect(got).toEqual([0, 1, 2, "new"]);
    expect(denied).toEqual(["E_REPLAY_STORE", "E_REPLAY_STORE", "E_REPLAY_STORE"]);
  });
});
