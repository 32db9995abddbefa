import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import type { Attachment } from "../../src/session/attachment.ts";
import { settle } from "../support/clock.ts";
import { other, ROLES, type Role, released, upTo } from "../support/live.ts";
import { attempt, cut, resumable, resume, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

/** An end that sent three messages and `pings` pings, of which nothing arrived before the connection was lost. */
async function behind(role: Role, pings: number) {
  const made = await resumable({ limits: { retainedMessages: 3, controlBurst: 4 } });
  const { pair } = made;
  pair.link.tap = () => [];
  for (const n of upTo(3)) await sessionOf(pair, role).send("t", n);
  for (const _ of upTo(pings)) await (sessionOf(pair, role).receiver as Attachment).control({ top: "ping" });
  expect(sessionOf(pair, role).life.ledger.sent).toBe(3 + pings);
  await cut(pair);
  return made;
}

describe("a peer that is far behind", () => {
  it.each(ROLES)("is sent what it may keep and what void it takes, by the %s", async (role) => {
    const { pair, got, client } = await behind(role, 10);
    await resume(pair);
    expect(got[other(role)]).toEqual(upTo(3));
    await client.close();
    await released(pair);
  });

  it.each(ROLES)(
    "beyond that the %s does not resume, and the session stays as it is [resume:bounded]",
    async (role) => {
      const { pair } = await behind(role, 11);
      const tried = attempt(pair);
      await settle();
      expect(tried[role].info?.error).toMatchObject({ code: "E_RESUME", stage: "session" });
      for (const side of ROLES) expect(sessionOf(pair, side).state).toBe("reconnecting");
      await pair.clock.advance(120_000);
      expect((await sessionOf(pair, role).closed).undetermined).toHaveLength(3);
      await pair.clock.advance(10_000);
      expect(pair.clock.pending).toBe(0);
    },
  );
});

describe("what a resume costs", () => {
  it("nothing of the budget of control messages, however often, and void nothing within its bound [ctl:budget]", async () => {
    const { pair, got, client, server } = await resumable({
      limits: { controlBurst: 1, controlPerSecond: 0.001, retainedMessages: 3 },
    });
    for (const n of upTo(10)) {
      // A ping that is lost: the peer gets void in its place.
      pair.link.tap = () => [];
      for (const role of ROLES) await sessionOf(pair, role).send("t", n);
      await (server.receiver as Attachment).control({ top: "ping" });
      await cut(pair);
      const { link } = await resume(pair);
      Object.assign(pair, { link });
    }
    expect(got).toEqual({ client: upTo(10), server: upTo(10) });
    // Nothing was charged: there is as much left as at the beginning.
    for (const { life } of [client, server]) expect(life.ledger.budget.control.level(pair.clock.elapsed())).toBe(1);
    await client.close();
    await released(pair);
  });

  it("items once each: what was lost counts when it arrives, and not again [limit:rate]", async () => {
    const { pair, got, client } = await resumable({ limits: { itemsBurst: 6, itemsPerSecond: 1 } });
    await client.send("t", 1);
    await settle();
    pair.link.tap = () => [];
    for (const n of [2, 3, 4, 5, 6]) await client.send("t", n);
    await cut(pair);
    const { link } = await resume(pair);
    Object.assign(pair, { link });
    expect(got.server).toEqual(upTo(6));
    for (const n of [7, 8]) await client.send("t", n);
    await settle();
    expect(got.server).toEqual(upTo(7));
    await pair.clock.advance(1000);
    expect(got.server).toEqual(upTo(8));
    void client.close();
    await pair.clock.advance(1000);
    await released(pair);
  });
});

describe("what is sent again", () => {
  const limits = { itemsBurst: 10_000, itemsPerSecond: 10_000 };

  it.each(ROLES)("goes in slices, between which the event loop turns, by the %s", async (role) => {
    const { pair, got, client } = await resumable({ limits });
    pair.link.tap = () => [];
    for (const n of upTo(600)) await sessionOf(pair, role).send("t", n);
    await cut(pair);
    const { link } = await resume(pair);
    const own = role === "client" ? "c2s" : "s2c";
    // No timer has run yet.
    expect(link.log.filter(({ direction }) => direction === own).length).toBeLessThan(300);
    expect(got[other(role)].length).toBeGreaterThan(200);
    await pair.clock.advance(0);
    expect(got[other(role)]).toEqual(upTo(600));
    await client.close();
    await released(pair);
  });

  it.each(ROLES)("ends with its connection, and goes on in the next one, by the %s", async (role) => {
    const { pair, got, client } = await resumable({ limits });
    pair.link.tap = () => [];
    for (const n of upTo(600)) await sessionOf(pair, role).send("t", n);
    await cut(pair);
    const first = await resume(pair);
    const count = first.link.log.length;
    first.link.client.breakOff();
    first.link.server.breakOff();
    await pair.clock.advance(10);
    expect(first.link.log).toHaveLength(count);
    const waiting = sessionOf(pair, role).send("t", 601);
    await resume(pair);
    await pair.clock.advance(10);
    await waiting;
    await settle();
    expect(got[other(role)]).toEqual(upTo(601));
    await client.close();
    await released(pair);
  });

  it("is filled with void where the session ends meanwhile, so that the peer has an authentic reason [revoke:end]", async () => {
    const { pair, got, client, server } = await resumable({ limits });
    pair.link.tap = () => [];
    for (const n of upTo(600)) await server.send("t", n);
    await cut(pair);
    await resume(pair);
    const before = got.client.length;
    server.fail(new SealwireError("E_REVOKED"));
    await pair.clock.advance(0);
    expect((await client.closed).error).toMatchObject({ code: "E_REVOKED", remote: true });
    expect(got.client).toHaveLength(before);
    await released(pair);
  });
});
