import { stopRefresh } from "@sealwire/client";
import { createTickets } from "@sealwire/server";
import { describe, expect, it } from "vitest";
import { NOTHING, World } from "./support/world.ts";

const asked = (world: World, reason: string) => world.asked.filter((ask) => ask.reason === reason);

async function open(seconds: number, serve: Parameters<World["serve"]>[0] = {}, jump = 0) {
  const world = new World().serve(serve);
  world.tokenSeconds = seconds;
  const session = await world.connect();
  world.client.clock.jump(jump);
  return { world, session };
}

describe("a token is replaced in time", () => {
  it.each([20, 60, 600, 7200])("of %i seconds: before its last part, again and again", async (seconds) => {
    const { world, session } = await open(seconds);
    await world.advance(seconds * 5_000);
    const at = asked(world, "refresh").map((ask) => ask.at);
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
    expect(at.length).toBeGreaterThanOrEqual(5);
    for (const [i, t] of at.entries()) {
      const since = t - (at[i - 1] ?? 0);
      expect(since).toBeLessThan(seconds * 1000);
      expect(since).toBeGreaterThan(seconds * 1000 * 0.6);
    }
    expect(world.seen.errors).toEqual([]);
  });

  it("also one that is good for five seconds, without a rush", async () => {
    const { world, session } = await open(5);
    await world.advance(50_000);
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
    expect(asked(world, "refresh").length).toBeLessThan(40);
  });

  it.each([3_600_000, -3_600_000])("by the server's word, also where the wall clock is set by %i ms", async (ms) => {
    const { world, session } = await open(60, {}, ms);
    await world.advance(300_000);
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
    expect(asked(world, "refresh").length).toBeLessThan(12);
  });

  it("auth-soon asks for one earlier", async () => {
    const { world } = await open(600, { limits: { refreshSeconds: 400 } });
    await world.advance(201_000);
    expect(asked(world, "refresh")).toHaveLength(1);
  });

  /** A server that sends auth-soon every 100 ms, for three seconds. */
  async function urged(token: (world: World) => string | Promise<string>) {
    const { world, session } = await open(600);
    world.token = () => token(world);
    const { attachment } = (world.sessions[0] as unknown as { life: { attachment: { control(c: object): void } } })
      .life;
    for (let i = 0; i < 30; i++) {
      attachment.control({ top: "auth-soon" });
      await world.advance(100);
    }
    expect(session.state).toBe("open");
    return asked(world, "refresh").map(({ at }) => at);
  }

  it("auth-soon again and again, for one end, is heeded once", async () => {
    const kept = await new World().issue();
    expect(await urged(() => kept)).toHaveLength(1);
  });

  it("auth-soon again and again, for an end that moves each time, is heeded once in a second", async () => {
    let longer = 600;
    const at = await urged((world) => world.issue(++longer));
    expect(at).toHaveLength(3);
    for (const [i, t] of at.slice(1).entries()) expect(t - (at[i] as number)).toBeGreaterThanOrEqual(1000);
  });

  it("its scopes go with it", async () => {
    const { world, session } = await open(60);
    expect(session.scopes).toEqual([]);
    const before = session.expiresAt.getTime();
    await world.advance(60_000);
    expect(session.expiresAt.getTime()).toBeGreaterThan(before);
  });
});

describe("where there is none", () => {
  it("a token that is a string: the session ends with it, and nothing is asked for", async () => {
    const world = new World().serve();
    const session = await world.connect({ token: await world.issue(60) });
    const [first] = world.sessions;
    await world.advance(70_000);
    expect(await first!.closed).toMatchObject({ code: 4510 });
    expect(await world.settled(session.closed)).toMatchObject({ code: 4510, error: { code: "E_SESSION_EXPIRED" } });
    expect(world.sessions).toHaveLength(1);
    expect([world.asked, world.left.timers]).toEqual([[], 0]);
  });

  it("a function that fails: told, asked again with growing pauses, and in time once it works", async () => {
    // The server does not ask before that.
    const { world, session } = await open(600, { limits: { refreshSeconds: 5 } });
    world.token = (reason) =>
      reason === "refresh" && world.now < 540_000 ? Promise.reject(new TypeError("no")) : world.issue();
    await world.advance(599_000);
    const at = asked(world, "refresh").map((ask) => ask.at);
    expect([session.state, world.sessions.length, at.length > 2, at.length < 40]).toEqual(["open", 1, true, true]);
    // Each pause is somewhere from the half to the whole of twice as much as the one before, up to 32 seconds.
    for (const [i, t] of at.slice(1, -1).entries()) {
      const most = Math.min(1000 * 2 ** i, 32_000);
      expect(t - (at[i] as number)).toBeGreaterThan(most / 2 - 1);
      expect(t - (at[i] as number)).toBeLessThan(most + 100);
    }
    expect(world.seen.errors.length).toBe(at.filter((t) => t < 540_000).length);
    expect(world.seen.errors[0]).toMatchObject({ code: "E_TOKEN", stage: "local", fatal: false, remote: false });
  });

  it("a token that the server refuses: told as the server's word, and asked again", async () => {
    const { world, session } = await open(100);
    let bad = 2;
    world.token = () => (bad-- > 0 ? "not.a.token" : world.issue());
    await world.advance(99_000);
    expect(world.seen.errors).toHaveLength(2);
    expect(world.seen.errors[0]).toMatchObject({ code: "E_TOKEN", remote: true });
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
  });

  it("one that never answers is given up, and asked again", async () => {
    const { world, session } = await open(100);
    let hang = true;
    world.token = () => {
      if (!hang) return world.issue();
      hang = false;
      return new Promise(() => {});
    };
    await world.advance(300_000);
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
    expect(world.seen.errors).toHaveLength(1);
  });

  it("one that was kept: asked again, more and more often, until there is another", async () => {
    const { world, session } = await open(600);
    const kept = await world.issue();
    world.token = (reason) => (reason === "refresh" && world.now < 570_000 ? kept : world.issue());
    await world.advance(599_000);
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
    expect(session.expiresAt.getTime()).toBeGreaterThan(world.client.clock.unix() + 500_000);
    expect(asked(world, "refresh").length).toBeLessThan(10);
  });

  it("stopRefresh(): not asked again; the session ends with its token, and no other takes its place", async () => {
    const { world, session } = await open(100);
    world.token = () => {
      throw stopRefresh();
    };
    await world.advance(99_000);
    expect([session.state, world.asked.length]).toEqual(["open", 2]);
    const info = await world.settled(session.closed);
    expect(info).toMatchObject({ code: 4510, error: { code: "E_SESSION_EXPIRED" } });
    await world.advance(5_000);
    expect(world.left).toEqual(NOTHING);
  });

  it("one that was kept almost to the end: asked until then", async () => {
    const { world, session } = await open(600);
    const kept = await world.issue();
    world.token = (reason) => (reason === "refresh" && world.now < 599_000 ? kept : world.issue());
    await world.advance(660_000);
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
    expect(asked(world, "refresh").length).toBeLessThan(15);
  });

  it("a page with tickets alone: the session ends with the token of its ticket, and another ticket opens the next", async () => {
    const world = new World();
    const tickets = createTickets({ now: () => world.server.clock.unix() });
    world.serve({ tickets });
    const jkt = await world.jkt();
    world.token = async (reason) => {
      if (reason === "refresh") throw new Error("no access token in the page");
      return await tickets.issue({ token: await world.issue(100), jkt });
    };
    const session = await world.connect({ tokenAtUpgrade: "ticket" });
    const { id } = session;
    await world.advance(99_000);
    expect([session.state, session.id === id]).toEqual(["open", true]);
    await world.advance(3_000);
    expect([session.state, session.id === id, world.sessions.length]).toEqual(["open", false, 2]);
  });

  it("the longest life of a session is reached: a new session, and not a token every moment", async () => {
    const { world, session } = await open(600, { limits: { sessionSeconds: 900 } });
    const { id } = session;
    await world.advance(899_000);
    expect(session.id).toBe(id);
    expect(asked(world, "refresh").length).toBeLessThan(12);
    await world.advance(10_000);
    expect([session.state, session.id === id, world.sessions.length]).toEqual(["open", false, 2]);
  });
});

describe("with a lost connection in between", () => {
  it("an answer that was lost is made up for by what resumed says", async () => {
    const { world, session } = await open(100);
    // The connection breaks off with every token that is sent: the server may have it, or not.
    world.token = async (reason) => {
      const token = await world.issue();
      if (reason === "refresh") world.client.clock.deliver(() => world.cut(), world.asked.length % 2 === 0 ? 3 : 13);
      return token;
    };
    await world.advance(600_000);
    expect([session.state, world.sessions.length]).toEqual(["open", 1]);
    expect(world.seen.errors).toEqual([]);
  });

  it("none is asked for without a connection", async () => {
    const { world, session } = await open(400, { resume: { seconds: 1000 } });
    const { accept } = world.server;
    world.refuse();
    world.cut();
    await world.advance(350_000);
    expect(asked(world, "refresh")).toEqual([]);
    (world.server as { accept?: unknown }).accept = accept;
    await world.until(() => session.state === "open");
    await world.advance(45_000);
    expect([asked(world, "refresh").length, world.sessions.length]).toEqual([1, 1]);
  });
});

describe("a user is revoked [revoke:end]", () => {
  it.each([0, -90_000])("whose token was issued before the server's wall clock was set by %i ms", async (ms) => {
    const { world, session } = await open(600);
    world.server.clock.jump(ms);
    expect(await world.sealwire.revoke({ subject: session.subject })).toBe(1);
    expect(await world.settled(session.closed)).toMatchObject({ code: 4403, error: { code: "E_REVOKED" } });
  });
});
