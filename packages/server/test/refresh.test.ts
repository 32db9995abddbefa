import { inspect } from "node:util";
import type { ServerSession } from "@sealwire/server";
import { describe, expect, it } from "vitest";
import { jktOf, now, proof, token } from "./support/keys.ts";
import { rawSession } from "./support/raw.ts";
import { failure, startWorld, until } from "./support/world.ts";

const bySubject = ({ principal, topic }: { principal: { scopes: ReadonlySet<string> }; topic: string }) =>
  principal.scopes.has(topic);

const scoped = (scope: string, over = {}) => token({ scope, jti: scope, ...over });

describe("a refresh", () => {
  it("[refresh:replace] narrower scopes deny what comes, what waits for its handler, and what is sent", async () => {
    const world = await startWorld({ authorize: bySubject, limits: { concurrentHandlers: 1 } });
    const handled: unknown[] = [];
    let release = () => {};
    const busy = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.server.handle("a", async (data) => {
      handled.push(data);
      await busy;
    });
    world.server.handle("b", (data) => {
      handled.push(data);
      return "b";
    });
    const raw = await rawSession(world, { token: await scoped("a b") });
    const [peer] = world.server.sessions as ReadonlySet<ServerSession>;
    const principals: unknown[] = [];
    peer?.onPrincipalChange(({ scopes }) => principals.push([...scopes]));
    const denied: unknown[] = [];
    raw.session.onDenied(({ topic, code }) => denied.push([topic, code]));
    // The only place is taken: what comes next was granted, and waits.
    await raw.session.send("a", 1);
    await until(() => handled.length === 1);
    const waits = failure(raw.session.request("b", 2));
    await raw.session.send("b", 3);
    const granted = await raw.session.refresh(await scoped("a"));
    expect(granted.scopes).toEqual(["a"]);
    expect(principals).toEqual([["a"]]);
    expect(await failure(raw.session.request("b", 4))).toMatchObject({ code: "E_DENIED", remote: true });
    expect(await failure(peer?.send("b", 5) as Promise<unknown>)).toMatchObject({ code: "E_DENIED", remote: false });
    release();
    expect(await waits).toMatchObject({ code: "E_DENIED", remote: true });
    await until(() => denied.length === 1);
    expect(denied).toEqual([["b", "E_DENIED"]]);
    expect(handled).toEqual([1]);
    await raw.session.refresh(await scoped("b a", { jti: "again" }));
    expect(await raw.session.request("b", 6)).toBe("b");
    await raw.session.close();
  });

  const others: Record<string, () => Promise<string>> = {
    "another subject": () => token({ sub: "bob" }),
    "another client": () => token({ client_id: "other" }),
    "no client": () => token({ client_id: undefined }),
    "a key-bound one for a bearer": async () => token({ cnf: { jkt: await jktOf(proof) } }),
    "another audience": () => token({ aud: "https://other.example" }),
    "another issuer": () => token({ iss: "https://other.example" }),
    "one that is revoked": () => token({ jti: "revoked" }),
    "an expired one": () => token({ exp: now() - 1 }),
    "one that expired within the clock tolerance": () => token({ exp: now() }),
    "one too long": () => token({ filler: "x".repeat(20_000) }),
    garbage: async () => "garbage",
  };

  it.each(Object.entries(others))("[refresh:same] %s is refused, and the session goes on", async (_, make) => {
    const world = await startWorld();
    await world.server.revoke({ tokenId: "revoked" });
    world.server.handle("ping", () => "pong");
    const raw = await rawSession(world);
    const [peer] = world.server.sessions;
    const before = peer?.principal;
    const text = await make();
    expect(await failure(raw.session.refresh(text))).toMatchObject({ code: "E_TOKEN", remote: true, fatal: false });
    expect(peer?.principal).toBe(before);
    expect(await raw.session.request("ping", null)).toBe("pong");
    for (const { error, context } of world.errors) {
      const told = `${inspect(error, { depth: 10 })} ${error.stack} ${JSON.stringify(context)}`;
      expect(told).not.toContain(text.length > 20 ? text.slice(-20) : `"${text}"`);
    }
    await raw.session.close();
  });

  it("[refresh:same] a bearer token for a key-bound session is refused", async () => {
    const world = await startWorld();
    const session = await world.connect({ token: await token({ cnf: { jkt: await jktOf(proof) } }), proof });
    const refresh = (session as unknown as { refresh(text: string): Promise<unknown> }).refresh(await token());
    expect(await failure(refresh)).toMatchObject({ code: "E_TOKEN", remote: true });
    await session.close();
  });

  it("admit is asked again, and its no changes nothing", async () => {
    const asked: unknown[] = [];
    const admit = ({ claims }: { claims: Readonly<Record<string, unknown>> }) => {
      asked.push(claims.jti);
      return claims.jti !== "jti-2";
    };
    const world = await startWorld({ admit });
    const raw = await rawSession(world);
    expect(await failure(raw.session.refresh(await token({ jti: "jti-2" })))).toMatchObject({ code: "E_TOKEN" });
    await raw.session.refresh(await token({ jti: "jti-3" }));
    expect(asked).toEqual(["jti-1", "jti-2", "jti-3"]);
    expect([...world.server.sessions][0]?.principal.tokenId).toBe("jti-3");
    expect(await world.nextError()).toMatchObject({ code: "E_FORBIDDEN", fatal: false });
    await raw.session.close();
  });

  it("[refresh:same] a token that is revoked while admit is asked is refused, and the session goes on by its old one", async () => {
    let release = (_: boolean) => {};
    let asked = 0;
    const admit = () => (++asked === 1 ? true : new Promise<boolean>((resolve) => (release = resolve)));
    const world = await startWorld({ admit });
    world.server.handle("ping", () => "pong");
    const raw = await rawSession(world);
    const [peer] = world.server.sessions;
    let told = 0;
    peer?.onPrincipalChange(() => told++);
    const refused = failure(raw.session.refresh(await token({ jti: "jti-2" })));
    await until(() => asked === 2);
    expect(await world.server.revoke({ tokenId: "jti-2" })).toBe(0);
    release(true);
    expect(await refused).toMatchObject({ code: "E_TOKEN", remote: true, fatal: false });
    expect([told, peer?.principal.tokenId]).toEqual([0, "jti-1"]);
    expect(await raw.session.request("ping", null)).toBe("pong");
    await raw.session.close();
  });

  it("[sr:end] moves the end of the session, and the session ends there", async () => {
    const world = await startWorld();
    const raw = await rawSession(world, { token: await token({ exp: now() + 600 }) });
    const [peer] = world.server.sessions;
    const end = now() + 2;
    expect((await raw.session.refresh(await token({ exp: end, jti: "short" }))).expiresAt).toBe(end);
    expect(peer?.expiresAt).toEqual(new Date(end * 1000));
    const info = await raw.info;
    expect(info.error).toMatchObject({ code: "E_SESSION_EXPIRED", closeCode: 4510 });
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(end - 1);
  });

  it("goes no further than the longest life of a session", async () => {
    const world = await startWorld({ limits: { sessionSeconds: 300 } });
    const raw = await rawSession(world);
    const before = raw.session.ends;
    const granted = await raw.session.refresh(await token({ exp: now() + 900, jti: "long" }));
    expect(granted.expiresAt).toBe(before);
    await raw.session.close();
  });

  it("no more than 64 tokens at a time: each can still be revoked with the session", async () => {
    const world = await startWorld({ limits: { controlBurst: 200 } });
    const raw = await rawSession(world, { limits: { controlBurst: 200 } });
    for (let i = 0; i < 64; i++) await raw.session.refresh(await token({ jti: `n-${i}` }));
    expect(await failure(raw.session.refresh(await token({ jti: "n-64" })))).toMatchObject({ code: "E_TOKEN" });
    await world.server.revoke({ session: raw.session.id });
    expect(await failure(world.connect({ token: await token({ jti: "n-0" }) }))).toMatchObject({
      code: "E_AUTH_REQUIRED",
    });
  });
});
