import { createMemoryResumeStore, type Revocation, type ServerOptions } from "@sealwire/server";
import { describe, expect, it } from "vitest";
import { ISSUER, issuer, jwksOf, now, token } from "./support/keys.ts";
import { clock, rawResume, rawSession } from "./support/raw.ts";
import { failure, startWorld, until, type World } from "./support/world.ts";

/** What an application puts between its servers: everything that one says, every one hears, itself included. */
function startBus() {
  const said: Revocation[] = [];
  const wakes = new Set<() => void>();
  const publishRevocation = (revocation: Revocation) => {
    said.push(JSON.parse(JSON.stringify(revocation)) as Revocation);
    for (const wake of wakes) wake();
  };
  const revocations = {
    async *[Symbol.asyncIterator]() {
      for (let at = 0; ; ) {
        while (at < said.length) yield said[at++] as Revocation;
        await new Promise<void>((resolve) => wakes.add(resolve));
        wakes.clear();
      }
    },
  };
  return { said, publishRevocation, revocations };
}

async function startNodes(over: Partial<ServerOptions> = {}) {
  const store = createMemoryResumeStore();
  const bus = startBus();
  const { publishRevocation } = bus;
  const start = () =>
    startWorld({ resume: { seconds: 20, store }, publishRevocation, revocations: bus.revocations, ...over });
  return { a: await start(), b: await start(), store, bus };
}

/** Resolves once the servers have heard of a revocation with these tokens. */
const heard = (said: readonly Revocation[], ids: readonly unknown[]) =>
  until(() => ids.every((id) => said.some((r) => "tokens" in r && r.tokens?.some(({ tokenId }) => tokenId === id))));

/** Another token of the same subject, which nothing has revoked. */
const goesOn = async (world: World) => await (await world.connect({ token: await token({ jti: "other" }) })).close();

const isRefused = async (world: World, text: string) =>
  expect(await failure(world.connect({ token: text, reconnect: false }))).toMatchObject({
    code: "E_AUTH_REQUIRED",
    closeCode: 3000,
  });

describe("two servers with one feed and one store", () => {
  it.each(["a", "b"] as const)(
    "[revoke:token] a session of a, revoked at %s: no token of it opens one at b",
    async (at) => {
      const w = await startNodes();
      const texts = await Promise.all([1, 2].map((n) => token({ jti: `jti-${n}` })));
      const raw = await rawSession(w.a, { token: texts[0] as string, keep: true });
      await raw.session.refresh(texts[1] as string);
      await w[at].server.revoke({ session: raw.session.id });
      expect(await raw.info).toMatchObject({ error: { code: "E_REVOKED", remote: true } });
      await heard(w.bus.said, ["jti-1", "jti-2"]);
      for (const text of texts) for (const world of [w.a, w.b]) await isRefused(world, text);
      await goesOn(w.b);
    },
  );

  it("[revoke:token] a token without jti is named by its claims", async () => {
    const w = await startNodes();
    const text = await token({ jti: undefined });
    const raw = await rawSession(w.a, { token: text });
    await w.a.server.revoke({ session: raw.session.id });
    await until(() => w.bus.said.length > 0);
    await isRefused(w.b, text);
    const another = await w.b.connect({ token: await token({ jti: undefined, exp: now() + 700 }) });
    await another.close();
  });

  it("[revoke:end] a session at b that rests on a token of the one at a ends", async () => {
    const w = await startNodes();
    const text = await token();
    const [first, second] = [await w.a.connect({ token: text, reconnect: false }), await w.b.connect({ token: text })];
    await w.a.server.revoke({ session: first.id });
    expect(await second.closed).toMatchObject({ code: 4403, error: { code: "E_REVOKED" } });
  });

  it("[revoke:end] a subject revoked at a: its session at b ends, also by a token of a clock that is ahead", async () => {
    const w = await startNodes();
    const session = await w.b.connect({ token: await token({ iat: now() + 20 }), reconnect: false });
    await w.a.server.revoke({ subject: "alice" });
    expect(await session.closed).toMatchObject({ code: 4403, error: { code: "E_REVOKED" } });
  });

  it("[revoke:resume] a subject revoked at b: nor is a session resumed that only the store has, by such a token", async () => {
    const w = await startNodes({ publishRevocation: () => {} });
    const raw = await rawSession(w.a, { token: await token({ iat: now() + 20 }), keep: true });
    await w.a.server.close();
    expect(await w.store.find(raw.session.life.ledger.chains[0]?.kid as string)).toBeDefined();
    await w.b.server.revoke({ subject: "alice" });
    const refused = await rawResume(w.b, raw.session);
    expect(await refused.info).toMatchObject({ error: { code: "E_RESUME", remote: true } });
  });

  it("a subject without a time: up to the latest iat that any issuer's token is accepted with, and no further", async () => {
    const said: Revocation[] = [];
    const keys = jwksOf(issuer);
    const world = await startWorld(
      {
        publishRevocation: (revocation) => void said.push(revocation),
        tokens: [
          { issuer: ISSUER, keys },
          { issuer: "https://late.example", keys, clockTolerance: 120 },
        ],
      },
      { clock: { ...clock, unix: () => 1_900_000_000_500 } },
    );
    await world.server.revoke({ subject: "alice" });
    await world.server.revoke({ subject: "bob", issuedBefore: 5 });
    expect(said).toEqual([
      { subject: "alice", issuedBefore: 1_900_000_121 },
      { subject: "bob", issuedBefore: 5 },
    ]);
  });

  it("[revoke:end] a subject whose token is later than the clock that was set back since: at every server", async () => {
    const bus = startBus();
    const { publishRevocation, revocations } = bus;
    const b = await startWorld({ revocations });
    let away = 0;
    const a = await startWorld({ publishRevocation }, { clock: { ...clock, unix: () => Date.now() + away } });
    const text = await token();
    const here = await b.connect({ token: text, reconnect: false });
    const there = await a.connect({ token: text, reconnect: false });
    away = -3_600_000;
    expect(await a.server.revoke({ subject: "alice" })).toBe(1);
    for (const session of [here, there]) expect(await session.closed).toMatchObject({ code: 4403 });
  });

  it("[revoke:token] [revoke:resume] a session that only the store has: neither its tokens nor a resume", async () => {
    const w = await startNodes();
    const texts = await Promise.all([1, 2].map((n) => token({ jti: `jti-${n}` })));
    const raw = await rawSession(w.a, { token: texts[0] as string, keep: true });
    await raw.session.refresh(texts[1] as string);
    const kid = raw.session.life.ledger.chains[0]?.kid as string;
    await w.a.server.close();
    expect(await w.store.find(kid)).toBeDefined();
    expect(await w.b.server.revoke({ session: raw.session.id })).toBe(0);
    for (const text of texts) await isRefused(w.b, text);
    const refused = await rawResume(w.b, raw.session);
    expect(await refused.info).toMatchObject({ error: { code: "E_RESUME", remote: true } });
    await goesOn(w.b);
  });

  it("[revoke:token] a server that hears of the session alone learns its tokens from the attempt to resume it", async () => {
    const w = await startNodes({ publishRevocation: () => {} });
    const text = await token();
    const raw = await rawSession(w.a, { token: text, keep: true });
    const id = raw.session.id;
    // Before it is parked, there is nothing to be found in the store.
    await w.b.server.revoke({ session: id });
    await w.a.server.close();
    const refused = await rawResume(w.b, raw.session);
    expect(await refused.info).toMatchObject({ error: { code: "E_RESUME", remote: true } });
    await isRefused(w.b, text);
  });

  it("[revoke:end] what is revoked while a server drains is not handed to another one", async () => {
    const w = await startNodes();
    let release = () => {};
    let asked = 0;
    w.a.server.handle("slow", () => {
      asked++;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    const text = await token();
    const raw = await rawSession(w.a, { token: text, keep: true });
    void raw.session.request("slow", 1).catch(() => {});
    await until(() => asked === 1);
    const closing = w.a.server.close();
    await w.b.server.revoke({ session: raw.session.id });
    await heard(w.bus.said, ["jti-1"]);
    release();
    await closing;
    await isRefused(w.b, text);
  });

  it("a revocation by token names the earlier ones of its session to the others, and that is all that is said", async () => {
    const w = await startNodes();
    const texts = await Promise.all([1, 2].map((n) => token({ jti: `jti-${n}` })));
    const raw = await rawSession(w.a, { token: texts[0] as string });
    await raw.session.refresh(texts[1] as string);
    await w.b.server.revoke({ tokenId: "jti-2" });
    await heard(w.bus.said, ["jti-1"]);
    await isRefused(w.b, texts[0] as string);
    const bob = await rawSession(w.a, { token: await token({ sub: "bob", jti: "bob" }) });
    await w.b.server.revoke({ subject: "bob" });
    await bob.info;
    const kinds = w.bus.said.map((r) => Object.keys(r).find((kind) => kind !== "until"));
    expect(kinds.sort()).toEqual(["session", "subject", "tokenId"]);
    expect(w.bus.said.find((r) => "subject" in r)).toMatchObject({ issuedBefore: expect.any(Number) });
  });

  it("a publication that fails rejects revoke, which holds here; from the feed it is reported", async () => {
    const publishRevocation = () => Promise.reject(new Error("the bus is down"));
    const world = await startWorld({ publishRevocation });
    const session = await world.connect({ reconnect: false });
    await expect(world.server.revoke({ session: session.id })).rejects.toThrow("the bus is down");
    expect(await session.closed).toMatchObject({ code: 4403 });
    await isRefused(world, await token());
    const fed = startBus();
    const other = await startWorld({ publishRevocation, revocations: fed.revocations });
    const lost = await other.connect({ reconnect: false });
    fed.publishRevocation({ session: lost.id });
    expect(await lost.closed).toMatchObject({ code: 4403 });
    await until(() => other.errors.some(({ error }) => error.code === "E_DEPENDENCY"));
    await until(() => other.server.sessions.size === 0);
  });
});
