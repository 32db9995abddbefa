import type { Chain } from "@sealwire/core/internal";
import { createServer } from "@sealwire/server";
import { describe, expect, it, vi } from "vitest";
import { token } from "./support/keys.ts";
import { rawResume, rawSession, rawTcp, statusOf, upgradeRequest } from "./support/raw.ts";
import { failure, serverOptions, startWorld } from "./support/world.ts";

const ORIGIN = "https://app.example";
const origins = [ORIGIN];
const verify = (value: string, { subject }: { subject: string }) => value === `of-${subject}`;
const cookie = { name: "sid", verify };
const headers = (value: string, origin: string | undefined = ORIGIN) => ({ cookie: value, origin });

describe("a cookie as an additional factor", () => {
  it.each(["sid=of-alice", "a=b; sid=of-alice; xsid=1; sidx=2", "sid=of-alice;", "a=1;sid=of-alice"])(
    "%s and a token of the same principal",
    async (value) => {
      const world = await startWorld({ cookie, origins });
      await rawSession(world, { headers: headers(value) });
    },
  );

  it("is asked for as transmitted, with the principal, once", async () => {
    const seen = vi.fn(() => Promise.resolve(true));
    const world = await startWorld({ cookie: { name: "sid", verify: seen }, origins });
    await rawSession(world, { headers: headers('sid="%41=1"') });
    expect(seen.mock.calls).toEqual([['"%41=1"', [...world.server.sessions][0]?.principal]]);
  });

  it.each<[string, string, (value: string, principal: { subject: string }) => unknown]>([
    ["another principal's", "sid=of-bob", verify],
    ["one that verify gives no true for", "sid=of-alice", () => "yes"],
    ["one that verify rejects later", "sid=of-alice", () => Promise.resolve(false)],
  ])("[cookie:principal] %s: E_FORBIDDEN, 3003, and admit is not asked", async (_, value, check) => {
    const admit = vi.fn(() => true);
    const world = await startWorld({ cookie: { name: "sid", verify: check as typeof verify }, origins, admit });
    const error = await failure(rawSession(world, { headers: headers(value) }));
    expect(error).toMatchObject({ code: "E_FORBIDDEN", remote: true, closeCode: 3003 });
    expect(await world.nextError()).toMatchObject({ code: "E_FORBIDDEN" });
    expect(admit).not.toHaveBeenCalled();
    expect(world.server.sessions.size).toBe(0);
  });

  it("does not stand in for admit", async () => {
    const world = await startWorld({ cookie, origins, admit: () => false });
    const error = await failure(rawSession(world, { headers: headers("sid=of-alice") }));
    expect(error).toMatchObject({ code: "E_FORBIDDEN" });
  });

  it.each(["cookie.verify", "admit"])("%s fails: E_INTERNAL, and onError is told which one and why", async (name) => {
    const down = new Error("down");
    const fails = () => Promise.reject(down);
    const options = name === "admit" ? { cookie, admit: fails } : { cookie: { name: "sid", verify: fails } };
    const world = await startWorld({ ...options, origins });
    const error = await failure(rawSession(world, { headers: headers("sid=of-alice") }));
    expect(error).toMatchObject({ code: "E_INTERNAL", closeCode: 1011 });
    const told = await world.nextError();
    expect(told).toMatchObject({ code: "E_INTERNAL", detail: `option ${name} failed`, cause: down });
    expect(String(told)).not.toContain("of-alice");
  });

  it("[cookie:no-token] is never the token: with a bad one nothing is asked of it", async () => {
    const seen = vi.fn(() => true);
    const world = await startWorld({ cookie: { name: "sid", verify: seen }, origins });
    const access = await token();
    const error = await failure(rawSession(world, { token: "bad", headers: headers(`sid=${access}`) }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", closeCode: 3000 });
    expect(seen).not.toHaveBeenCalled();
  });

  it.each<[string, object, string]>([
    ["[cookie:once] none", { Origin: ORIGIN }, "E_FORBIDDEN"],
    ["[cookie:once] another one", { Origin: ORIGIN, Cookie: "xsid=a; sidx=b; SID=c" }, "E_FORBIDDEN"],
    ["[cookie:once] two", { Origin: ORIGIN, Cookie: "sid=of-alice; sid=of-alice" }, "E_FORBIDDEN"],
    ["[cookie:once] two headers", { Origin: ORIGIN, Cookie: ["sid=of-alice", "sid=of-bob"] }, "E_FORBIDDEN"],
    ["[cookie:origin] no Origin", { Cookie: "sid=of-alice" }, "E_ORIGIN"],
    ["[cookie:origin] another Origin", { Origin: "https://evil.example", Cookie: "sid=of-alice" }, "E_ORIGIN"],
    ["[cookie:origin] the Origin null", { Origin: "null", Cookie: "sid=of-alice" }, "E_ORIGIN"],
  ])("%s: HTTP 403", async (_, over, code) => {
    const world = await startWorld({ cookie, origins });
    const answer = rawTcp(world.port, upgradeRequest({ ...over }));
    expect(await statusOf(answer)).toBe(403);
    await answer.closed;
    expect(answer.text()).not.toContain("of-alice");
    expect((await world.nextError()).code).toBe(code);
  });

  it("[cookie:origin] same-origin is an allow-list too", async () => {
    const world = await startWorld({ cookie });
    const own = `http://127.0.0.1:${world.port}`;
    await rawSession(world, { headers: headers("sid=of-alice", own) });
    expect(await statusOf(rawTcp(world.port, upgradeRequest({ Cookie: "sid=of-alice" })))).toBe(403);
  });
});

describe("[resume:admit] the cookie of a resume", () => {
  const lost = async () => {
    const world = await startWorld({ cookie, origins });
    const raw = await rawSession(world, { keep: true, headers: headers("sid=of-alice") });
    raw.ws.terminate();
    await raw.info;
    expect(await world.nextError()).toMatchObject({ code: "E_TRUNCATED" });
    return { world, raw };
  };

  it("is the new upgrade's: another principal's is E_FORBIDDEN, 3003, and leaves the session as it is", async () => {
    const { world, raw } = await lost();
    const [chain] = raw.session.life.ledger.chains;
    const other = await rawResume(world, raw.session, { headers: headers("sid=of-bob") });
    expect(await other.info).toMatchObject({ error: { code: "E_FORBIDDEN", remote: true } });
    expect((await other.closed).code).toBe(3003);
    expect(await world.nextError()).toMatchObject({ code: "E_FORBIDDEN" });
    // The server never derived from the one that the client would try first now.
    const own = await rawResume(world, raw.session, { chain: chain as Chain, headers: headers("sid=of-alice") });
    await own.open;
    await raw.session.close();
  });

  it.each<[string, Record<string, string>]>([
    ["[cookie:once] none", { origin: ORIGIN }],
    ["[cookie:origin] no Origin", { cookie: "sid=of-alice" }],
  ])("[resume:upgrade] %s: HTTP 403", async (_, over) => {
    const { world, raw } = await lost();
    expect((await failure(rawResume(world, raw.session, { headers: over }))).message).toContain("403");
  });
});

it("no cookie is looked at where none is asked for", async () => {
  const world = await startWorld();
  await rawSession(world, { headers: { cookie: "sid=a; sid=b" } });
});

it.each([
  ["no name", { verify }],
  ["a name that is none", { name: "a b", verify }],
  ["no verify", { name: "sid" }],
])("%s: TypeError", (_, bad) => {
  expect(() => createServer(serverOptions({ cookie: bad as typeof cookie }))).toThrow(TypeError);
});
