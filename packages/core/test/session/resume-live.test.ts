import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import type { LiveSession } from "../../src/session/live.ts";
import { settle } from "../support/clock.ts";
import { controlsOf, gate, LEVELS, ROLES, released, upTo, WIRES } from "../support/live.ts";
import { cut, resumable, resume, SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

describe("a session goes on", () => {
  for (const level of LEVELS) {
    for (const from of WIRES) {
      for (const to of WIRES) {
        for (const suite of ["x25519", "p256"] as const) {
          it(`${level}, ${suite}, from ${from} to ${to} [resume:again] [resume:same-message]`, async () => {
            const codec = suite === "p256" ? "cbor" : "json";
            const hooks = { trace: () => {} };
            const { pair, got, client, server } = await resumable({
              level,
              protocol: from,
              suite,
              codec,
              clientHooks: hooks,
              serverHooks: { authorize: () => true, ...hooks },
            });
            const id = client.id;
            for (const side of ROLES) await sessionOf(pair, side).send("t", 1);
            await settle();
            pair.link.tap = () => [];
            for (const side of ROLES) await sessionOf(pair, side).send("t", 2);
            await settle();
            await cut(pair);
            const waiting = ROLES.map((side) => sessionOf(pair, side).send("t", 3));
            await settle();
            await resume(pair, { protocol: to });
            await Promise.all(waiting);
            await settle();
            for (const side of ROLES) expect(got[side]).toEqual([1, 2, 3]);
            expect([client.id, server.id]).toEqual([id, id]);
            expect([client.protocol, server.protocol]).toEqual([to, to]);
            for (const side of ROLES) expect(sessionOf(pair, side).epochs).toEqual({ send: 0, receive: 0 });
            client.rekey();
            await settle();
            await client.send("t", 4);
            await settle();
            expect(got.server).toEqual([1, 2, 3, 4]);
            expect(await client.close()).toMatchObject({ clean: true, undetermined: [] });
            await released(pair);
          });
        }
      }
    }
  }

  it("of a bearer client, whose signed messages do not exist", async () => {
    const { pair, got, client } = await resumable({ proof: "none", level: "mac" });
    await cut(pair);
    const sent = client.send("t", 1);
    await resume(pair);
    await sent;
    await settle();
    expect(got.server).toEqual([1]);
    await client.close();
    await released(pair);
  });

  it("as long as it is cut, many times", async () => {
    const { pair, got, client, server } = await resumable();
    let n = 0;
    let link: { link: typeof pair.link } = pair;
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < 12; i++) {
      if (i % 3 === 1) link.link.tap = () => [];
      if (i % 4 === 2) server.rekey();
      n++;
      for (const side of ROLES) sent.push(sessionOf(pair, side).send("t", n));
      await settle(2);
      await cut(link as typeof pair);
      link = await resume(pair);
    }
    await Promise.all(sent);
    await settle();
    for (const side of ROLES) expect(got[side]).toEqual(upTo(n));
    expect(server.life.ledger.chains).toHaveLength(1);
    expect(client.life.ledger.chains).toHaveLength(1);
    await client.close();
    await released(pair);
  });

  it("requests and their replies, errors too, wherever they are when the connection is lost [resume:err]", async () => {
    const { pair, client, server } = await resumable();
    let calls = 0;
    server.handle("double", (n) => {
      calls++;
      return (n as number) * 2;
    });
    server.handle("fail", () => {
      throw new Error("no");
    });
    const way = new SlowLink(pair.link);
    const asked = [1, 2, 3].map((n) => client.request("double", n));
    const failed = client.request("fail", 1).catch((e) => e.code);
    const missing = client.request("missing", 1).catch((e) => e.code);
    await settle();
    // Two requests arrive, one reply of them; the failures are answered, and lost.
    for (let i = 0; i < 2; i++) way.deliver("c2s");
    await settle();
    way.deliver("s2c");
    for (let i = 0; i < 3; i++) way.deliver("c2s");
    await settle();
    way.cut();
    await settle();
    await resume(pair);
    expect(await Promise.all(asked)).toEqual([2, 4, 6]);
    expect([await failed, await missing]).toEqual(["E_HANDLER", "E_NO_HANDLER"]);
    expect(calls).toBe(3);
    await client.close();
    await released(pair);
  });

  it("after `close(1001)` of a server that keeps it, and after silence [resume:no-bye]", async () => {
    const { pair, got, client, server } = await resumable({ limits: { idleSeconds: 40 } });
    server.detach();
    await settle();
    expect([client.state, server.state]).toEqual(["reconnecting", "reconnecting"]);
    expect(controlsOf(pair, "server").filter((c) => c.top === "bye")).toEqual([]);
    const second = await resume(pair);
    new SlowLink(second.link);
    await pair.clock.advance(41_000);
    expect([client.state, server.state]).toEqual(["reconnecting", "reconnecting"]);
    expect(controlsOf(pair, "client").filter((c) => c.top === "bye")).toEqual([]);
    await resume(pair);
    await client.send("t", 1);
    await settle();
    expect(got.server).toEqual([1]);
    await client.close();
    await released(pair);
  });
});

describe("the end of the wait", () => {
  it.each(ROLES)(
    "the %s ends after pol.res seconds, and names what is undetermined [resume:window] [ack:undetermined]",
    async (role) => {
      const { pair, client } = await resumable();
      pair.link.tap = () => [];
      const sent = await sessionOf(pair, role).send("t", 1);
      await cut(pair);
      const waiting = sessionOf(pair, role)
        .send("t", 2)
        .catch((e) => e.code);
      await pair.clock.advance(119_999);
      expect(sessionOf(pair, role).state).toBe("reconnecting");
      await pair.clock.advance(1);
      const info = await sessionOf(pair, role).closed;
      expect(info).toMatchObject({ clean: false, truncated: true });
      expect(info.undetermined).toEqual([{ session: client.id, seq: sent.seq, topic: "t" }]);
      expect(await waiting).toBe("E_TRUNCATED");
      expect(pair.clock.pending).toBe(0);
    },
  );

  it.each([
    ["close", (s: LiveSession): void => void s.close()],
    ["fail", (s: LiveSession): void => s.fail(new SealwireError("E_REVOKED"))],
  ] as const)("%s without a connection ends at once", async (_, stop) => {
    const { pair, client, server } = await resumable();
    const asked = client.request("t", 1).catch((e) => e.code);
    await cut(pair);
    const waiting = client.send("t", 1).catch((e) => e.code);
    for (const session of [client, server]) stop(session);
    await settle();
    expect([client.state, server.state]).toEqual(["closed", "closed"]);
    await Promise.all([asked, waiting]);
    expect(pair.clock.pending).toBe(0);
    expect(server.life.ledger.chains).toEqual([]);
  });

  it("a resume does not change the end of the session, and both ends know it", async () => {
    const { pair, client, server } = await resumable();
    const end = server.expiresAt.getTime();
    await cut(pair);
    await pair.clock.advance(60_000);
    await resume(pair);
    expect(client.expiresAt.getTime()).toBe(end);
    await pair.clock.advance(3_600_000 - 60_001);
    expect(client.state).toBe("open");
    await pair.clock.advance(1);
    await released(pair);
    expect(pair.server.info?.error?.code).toBe("E_SESSION_EXPIRED");
  });

  it("a session that expires without a connection is over [resume:window]", async () => {
    const { pair, server } = await resumable();
    await pair.clock.advance(3_600_000 - 60_000);
    await cut(pair);
    await pair.clock.advance(60_000);
    expect(server.state).toBe("closed");
    expect(server.life.ledger.chains).toEqual([]);
    await pair.clock.advance(60_000);
    expect(pair.clock.pending).toBe(0);
  });

  it("whose client goes on: it is told what was lost, and waits for a new session [ack:undetermined]", async () => {
    const { pair, client } = await resumable({ clientHooks: { lost: () => true } });
    await pair.clock.advance(3_600_000 - 60_000);
    pair.link.tap = () => [];
    const sent = await client.send("t", 1);
    await cut(pair);
    const undetermined: unknown[] = [];
    client.onUndetermined((list) => undetermined.push(...list));
    await pair.clock.advance(60_000);
    expect([client.state, client.life.ledger.chains]).toEqual(["reconnecting", []]);
    expect(undetermined).toEqual([{ ...sent, topic: "t" }]);
    await client.close();
  });
});

describe("what is not sent again", () => {
  it("what the policy no longer admits is `void`, and reported [resume:void] [resume:withdrawn] [refresh:replace]", async () => {
    let narrow = false;
    const authorize = ({ direction, data }: { direction: string; data: unknown }): boolean =>
      direction === "in" || !narrow || data !== 2;
    const { pair, got, client, server } = await resumable({ serverHooks: { authorize } });
    const undetermined: unknown[] = [];
    server.onUndetermined((list) => undetermined.push(...list));
    pair.link.tap = () => [];
    for (let i = 1; i <= 3; i++) await server.send("t", i);
    narrow = true;
    await cut(pair);
    await resume(pair);
    await settle();
    expect(got.client).toEqual([1, 3]);
    expect(undetermined).toEqual([{ session: server.id, seq: 2, topic: "t" }]);
    await client.close();
    await released(pair);
  });

  it("asks a few ahead, and again where the rights change meanwhile [resume:again] [refresh:replace]", async () => {
    let [resuming, granted] = [false, true];
    const asked: number[] = [];
    const slow = gate<boolean>();
    const authorize = ({ direction, data }: { direction: string; data: unknown }): boolean | Promise<boolean> => {
      if (direction === "in" || !resuming) return true;
      asked.push(data as number);
      return granted && data === 3 && asked.length <= 16 ? slow.promise : granted;
    };
    const refresh = async () => ({ expiresAt: Math.floor(Date.now() / 1000) + 1e6, scopes: [] });
    const { pair, got, client, server } = await resumable({ serverHooks: { authorize, refresh } });
    pair.link.tap = () => [];
    for (const n of upTo(40)) await server.send("t", n);
    resuming = true;
    await cut(pair);
    await resume(pair);
    expect(got.client).toEqual([1, 2]);
    expect(asked).toEqual(upTo(18));
    granted = false;
    // Its answer waits as well.
    const refreshed = client.refresh("narrower");
    await settle();
    slow.open(true);
    await refreshed;
    expect(got.client).toEqual([1, 2]);
    await client.close();
    await released(pair);
  });

  it("what has expired is `void`, and reported when it does [resume:void] [ack:undetermined]", async () => {
    const { pair, got, client } = await resumable();
    const undetermined: unknown[] = [];
    client.onUndetermined((list) => undetermined.push(...list));
    pair.link.tap = () => [];
    await client.send("t", 1, { ttl: 10 });
    await client.send("t", 2);
    await cut(pair);
    await pair.clock.advance(9_999);
    expect(undetermined).toEqual([]);
    await pair.clock.advance(1);
    expect(undetermined).toEqual([{ session: client.id, seq: 1, topic: "t" }]);
    await resume(pair);
    await settle();
    expect(got.server).toEqual([2]);
    await client.close();
    await released(pair);
  });

  it.each([true, false])(
    "also where that happens while it is asked about, and the answer is %s [resume:void]",
    async (ok) => {
      let resuming = false;
      const slow = gate<boolean>();
      const authorize = ({ direction, data }: { direction: string; data: unknown }) =>
        direction === "in" || !resuming || data !== 1 || slow.promise;
      const { pair, got, client, server } = await resumable({ serverHooks: { authorize } });
      const undetermined: unknown[] = [];
      server.onUndetermined((list) => undetermined.push(...list));
      pair.link.tap = () => [];
      await server.send("t", 1, { ttl: 10 });
      await server.send("t", 2);
      resuming = true;
      await cut(pair);
      await resume(pair);
      await pair.clock.advance(12_000);
      slow.open(ok);
      await settle();
      expect([got.client, undetermined]).toEqual([[2], [{ session: server.id, seq: 1, topic: "t" }]]);
      expect(pair.errors.server).toEqual([]);
      await client.close();
      await released(pair);
    },
  );

  it("also where the receipt of its `void` comes before the end of that second [resume:void] [resume:withdrawn]", async () => {
    let resuming = false;
    const slow = gate<boolean>();
    const authorize = ({ direction, data }: { direction: string; data: unknown }) =>
      direction === "in" || !resuming || data !== 1 || slow.promise;
    const { pair, got, client, server } = await resumable({ limits: { ackMessages: 1 }, serverHooks: { authorize } });
    const undetermined: unknown[] = [];
    server.onUndetermined((list) => undetermined.push(...list));
    pair.link.tap = () => [];
    await pair.clock.advance(900);
    await server.send("t", 1, { ttl: 10 });
    await server.send("t", 2);
    resuming = true;
    await cut(pair);
    await pair.clock.advance(9_000);
    await resume(pair);
    await pair.clock.advance(200);
    slow.open(true);
    await settle();
    expect([got.client, server.life.ledger.acknowledged]).toEqual([[2], 2]);
    await pair.clock.advance(1_000);
    expect(undetermined).toEqual([{ session: server.id, seq: 1, topic: "t" }]);
    await client.close();
    await released(pair);
  });

  it("also where only the new connection tells the client what time it is: its clock stood still [resume:void]", async () => {
    const { pair, got, client } = await resumable();
    const undetermined: unknown[] = [];
    client.onUndetermined((list) => undetermined.push(...list));
    pair.link.tap = () => [];
    await client.send("t", 1, { ttl: 5 });
    await cut(pair);
    const asleep = pair.clock.elapsed();
    Object.assign(pair.clocks.client, { elapsed: () => asleep });
    await pair.clock.advance(7_000);
    expect(undetermined).toEqual([]);
    await resume(pair);
    expect(undetermined).toEqual([{ session: client.id, seq: 1, topic: "t" }]);
    expect(got.server).toEqual([]);
    await client.close();
    await released(pair);
  });

  it("what is larger on the new wire than the peer takes is `void`, and reported [resume:void] [resume:withdrawn]", async () => {
    const { pair, got, client } = await resumable({ level: "nest" });
    const undetermined: unknown[] = [];
    client.onUndetermined((list) => undetermined.push(...list));
    pair.link.tap = () => [];
    await client.send("t", "x".repeat(700_000));
    await client.send("t", 2);
    await cut(pair);
    await resume(pair, { protocol: "sealwire.v1.text" });
    await settle();
    expect(got.server).toEqual([2]);
    expect(undetermined).toEqual([{ session: client.id, seq: 1, topic: "t" }]);
    await client.close();
    await released(pair);
  });

  it("messages live as long as the window is open, and no longer than may be", async () => {
    for (const [res, life] of [
      [120, 180],
      [250, 300],
      [3600, 300],
    ]) {
      const { pair, client } = await resumable({ server: { resume: res as number } });
      let expires: Date | undefined;
      sessionOf(pair, "server").handle("e", (_, { message }) => {
        expires = message.expiresAt;
      });
      await client.send("e", 1);
      await settle();
      expect((expires as Date).getTime() - pair.clock.unix()).toBe((life as number) * 1000);
      await client.close();
      await released(pair);
    }
  });
});
