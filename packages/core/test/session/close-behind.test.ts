import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { end, gate, mute, other, ROLES, type Role, released } from "../support/live.ts";
import { attempt, cut, resumable, resume, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

/** A session that was resumed, where whether one message may be sent again is not decided. */
async function undecided(role: Role) {
  const decision = gate<boolean>();
  let hangs = false;
  const authorize = ({ direction }: { direction: "in" | "out" }) =>
    hangs && direction === "out" ? decision.promise : true;
  const made = await resumable({ clientHooks: { authorize }, serverHooks: { authorize } });
  const { pair } = made;
  pair.link.tap = () => [];
  const sent = await sessionOf(pair, role).send("t", 1);
  await cut(pair);
  hangs = true;
  const resumed = await resume(pair);
  return { ...made, resumed, decision, sent, session: sessionOf(pair, role) };
}

describe("close while it is decided what is sent again", () => {
  it.each(ROLES)(
    "waits byeSeconds for a decision that never comes, then ends the session, %s [close:end]",
    async (role) => {
      const { pair, session, resumed, sent } = await undecided(role);
      const closed = session.close();
      await pair.clock.advance(1999);
      expect([session.state, resumed.link[role].closedWith]).toEqual(["open", undefined]);
      await pair.clock.advance(1);
      expect(resumed.link[role].closedWith).toEqual({ code: 1000, reason: "normal" });
      expect(await closed).toMatchObject({
        clean: false,
        truncated: true,
        undetermined: [{ seq: sent.seq, topic: "t" }],
      });
      // Nobody said bye: the other end waits for a resume that does not come.
      await pair.clock.advance(130_000);
      await released(pair);
    },
  );

  it.each(ROLES)("says bye behind the message where the decision comes in time, %s [close:bye-last]", async (role) => {
    const { pair, session, got, decision } = await undecided(role);
    const closed = session.close();
    await pair.clock.advance(1000);
    decision.open(true);
    await settle();
    expect(await closed).toMatchObject({ clean: true, truncated: false, undetermined: [] });
    expect(got[other(role)]).toEqual([1]);
    await released(pair);
  });

  it.each(ROLES)("ends the session where its connection is lost before the bye, %s [close:end]", async (role) => {
    const { pair, session, resumed } = await undecided(role);
    const closed = session.close();
    await cut(resumed);
    await settle();
    // The socket is gone: what arrived is given byeSeconds to be worked off.
    await pair.clock.advance(2000);
    expect((await closed).truncated).toBe(true);
    expect(session.state).toBe("closed");
    await pair.clock.advance(130_000);
    await released(pair);
  });

  it("ends the session where the client takes it up on another connection meanwhile [close:end]", async () => {
    const { pair, session, resumed } = await undecided("server");
    const closed = session.close();
    mute({ ...pair, link: resumed.link }, "server");
    const again = attempt(pair);
    await settle();
    expect((await closed).truncated).toBe(true);
    expect(again.server.connection.established).toBe(false);
    await pair.clock.advance(130_000);
    expect((await end(pair, "client")).clean).toBe(false);
  });
});
