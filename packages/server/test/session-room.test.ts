import type { Chain } from "@sealwire/core/internal";
import { createMemoryResumeStore } from "@sealwire/server";
import { describe, expect, it } from "vitest";
import { token } from "./support/keys.ts";
import { type RawSession, rawResume, rawSession } from "./support/raw.ts";
import { failure, startWorld, until, type World } from "./support/world.ts";

const idsOf = ({ server }: World) => [...server.sessions].map(({ id }) => id);

async function lostSession(world: World, sub = "alice"): Promise<RawSession> {
  const raw = await rawSession(world, { keep: true, token: await token({ sub }) });
  const [peer] = [...world.server.sessions].filter(({ id }) => id === raw.session.id);
  raw.ws.terminate();
  await raw.info;
  await until(() => peer?.state === "reconnecting");
  return raw;
}

describe("[limit:sessions] sessions of one principal", () => {
  it("without a connection count: a new one ends the one that was lost first, and no other", async () => {
    const world = await startWorld({ limits: { sessionsPerSubject: 3 } });
    const bob = await lostSession(world, "bob");
    const ends: unknown[] = [];
    world.server.onSession((session) => void session.closed.then((info) => ends.push([session.id, info])));
    const [first, second, third] = [await lostSession(world), await lostSession(world), await lostSession(world)];
    // What is taken up again and lost again was lost last.
    const again = await rawResume(world, first.session);
    await again.open;
    again.ws.terminate();
    await again.info;
    const lost = () => [...world.server.sessions].every(({ state }) => state === "reconnecting");
    await until(lost);
    const fourth = await lostSession(world);
    const names = [bob, first, third, fourth].map(({ session }) => session.id);
    await until(() => ends.length === 1);
    expect(new Set(idsOf(world))).toEqual(new Set(names));
    expect(ends).toEqual([[second.session.id, expect.objectContaining({ code: 4409, clean: false, truncated: true })]]);
    expect(ends[0]).toMatchObject([{}, { error: { code: "E_TRUNCATED" } }]);
    expect((await (await rawResume(world, second.session)).info).error).toMatchObject({ code: "E_RESUME" });
    await (await rawResume(world, third.session)).open;
  });

  it("with a connection are not ended: E_BUSY, 1013, until one has ended; others are served", async () => {
    const world = await startWorld({ limits: { sessionsPerSubject: 2 } });
    const [first] = [await rawSession(world), await rawSession(world)];
    const error = await failure(rawSession(world));
    expect(error).toMatchObject({ code: "E_BUSY", remote: true, closeCode: 1013 });
    expect(await world.nextError()).toMatchObject({ code: "E_BUSY", detail: "sessionsPerSubject" });
    await rawSession(world, { token: await token({ sub: "bob" }) });
    await first.session.close();
    await until(() => world.server.sessions.size === 2);
    await rawSession(world);
  });

  it("that come at once are never more", async () => {
    const world = await startWorld({ limits: { sessionsPerSubject: 2, unauthenticatedPerAddress: 10 } });
    const all = Array.from({ length: 10 }, () =>
      rawSession(world).then(
        () => "in",
        ({ code }) => code,
      ),
    );
    const outcomes = await Promise.all(all);
    expect(outcomes.filter((outcome) => outcome === "in")).toHaveLength(2);
    expect(new Set(outcomes)).toEqual(new Set(["in", "E_BUSY"]));
    expect(world.server.sessions.size).toBe(2);
  });

  it("that were admitted too late leave their room", async () => {
    const gates: (() => void)[] = [];
    const admit = () => new Promise<boolean>((resolve) => gates.push(() => resolve(true)));
    const world = await startWorld({ limits: { sessionsPerSubject: 1 }, admit });
    const gone = rawSession(world, {
      afterAuth: (ws) => void until(() => gates.length === 1).then(() => ws.terminate()),
    });
    await failure(gone);
    await world.nextError();
    gates[0]?.();
    const next = rawSession(world);
    await until(() => gates.length === 2);
    gates[1]?.();
    await next;
    expect(world.server.sessions.size).toBe(1);
  });

  it("that come from a store need room as well, and are left where they are without it", async () => {
    const store = createMemoryResumeStore();
    const a = await startWorld({ resume: { store } });
    const b = await startWorld({ resume: { store }, limits: { sessionsPerSubject: 1 } });
    const raw = await lostSession(a);
    const other = await rawSession(b);
    const [chain] = raw.session.life.ledger.chains;
    const attempt = async () => await rawResume(b, raw.session, { chain: chain as Chain });
    // It is parked a moment after its loss.
    let refused = await (await attempt()).info;
    while (refused.error?.code === "E_RESUME") refused = await (await attempt()).info;
    expect(refused.error).toMatchObject({ code: "E_BUSY", remote: true });
    await other.session.close();
    await until(() => b.server.sessions.size === 0);
    await (await attempt()).open;
    expect(idsOf(b)).toEqual([raw.session.id]);
  });
});

describe("[limit:sessions] all sessions", () => {
  it("are limited; a principal has room again where one of its own is without a connection", async () => {
    const world = await startWorld({ limits: { sessions: 2 } });
    const [alice, bob] = [
      await lostSession(world, "alice"),
      await rawSession(world, { token: await token({ sub: "bob" }) }),
    ];
    const carol = await token({ sub: "carol" });
    expect(await failure(rawSession(world, { token: carol }))).toMatchObject({ code: "E_BUSY", closeCode: 1013 });
    const next = await rawSession(world);
    await until(() => world.server.sessions.size === 2);
    expect(new Set(idsOf(world))).toEqual(new Set([bob.session.id, next.session.id]));
    expect(idsOf(world)).not.toContain(alice.session.id);
    await next.session.close();
    await until(() => world.server.sessions.size === 1);
    await rawSession(world, { token: carol });
  });
});
