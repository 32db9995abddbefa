import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { controlsOf, mute, other, ROLES, released, upTo } from "../support/live.ts";
import { cut, resumable, resume, SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const limits = { itemsBurst: 100_000, controlBurst: 10_000, itemsPerSecond: 100_000 };

describe("receipts", () => {
  it.each(ROLES)("the %s sends one after ackMessages messages [ack:send]", async (role) => {
    const { pair } = await resumable({ limits });
    const sender = sessionOf(pair, other(role));
    const acks = () => controlsOf(pair, role).filter((c) => c.top === "ack");
    for (let i = 0; i < 63; i++) await sender.send("t", i);
    await settle();
    expect(acks()).toEqual([]);
    await sender.send("t", 63);
    await settle();
    expect(acks()).toEqual([expect.objectContaining({ rcv: 64 })]);
    expect(sender.life.ledger.retention.all()).toEqual([]);
    await sender.close();
    await released(pair);
  });

  it("after ackBytes bytes of claims [ack:send]", async () => {
    const { pair, client } = await resumable({ limits: { ...limits, ackBytes: 10_000 } });
    const acks = () => controlsOf(pair, "server").filter((c) => c.top === "ack");
    await client.send("t", "x".repeat(9_800));
    await settle();
    expect(acks()).toEqual([]);
    await client.send("t", "x".repeat(200));
    await settle();
    expect(acks()).toEqual([expect.objectContaining({ rcv: 2 })]);
    await client.close();
    await released(pair);
  });

  it("after ackSeconds since the first, or with any other control message [ack:send]", async () => {
    const { pair, client, server } = await resumable({ limits });
    const acks = () => controlsOf(pair, "server").filter((c) => c.top === "ack");
    await client.send("t", 1);
    await pair.clock.advance(1500);
    await client.send("t", 2);
    await pair.clock.advance(499);
    expect(acks()).toEqual([]);
    await pair.clock.advance(1);
    expect(acks()).toEqual([expect.objectContaining({ rcv: 2 })]);
    await client.send("t", 3);
    server.rekey();
    await settle();
    await pair.clock.advance(5000);
    // Beside the `ack` that is part of the rekey.
    expect(acks()).toHaveLength(2);
    expect(client.life.ledger.retention.all()).toEqual([]);
    await client.close();
    await released(pair);
  });

  it("none because of control messages alone: two quiet ends stay quiet [ack:no-loop]", async () => {
    const { pair, client, server } = await resumable({ limits });
    for (const role of ROLES) for (let i = 0; i < 100; i++) await sessionOf(pair, role).send("t", i);
    await pair.clock.advance(5000);
    const count = () => ROLES.map((role) => controlsOf(pair, role).filter((c) => c.top === "ack").length);
    const before = count();
    await pair.clock.advance(600_000);
    expect(count()).toEqual(before);
    expect([...client.life.ledger.retention.all(), ...server.life.ledger.retention.all()]).toEqual([]);
    await client.close();
    await released(pair);
  });

  it("none in a session that cannot be resumed", async () => {
    const { pair, client } = await resumable({ limits, server: { resume: 0 } });
    for (let i = 0; i < 200; i++) await client.send("t", i);
    await pair.clock.advance(10_000);
    expect(controlsOf(pair, "server")).toEqual([]);
    await client.close();
    await released(pair);
  });

  it("cost the peer nothing: as many as there were messages [ctl:budget]", async () => {
    const { pair, client, got } = await resumable({
      limits: { itemsBurst: 100_000, ackMessages: 1, controlBurst: 5, controlPerSecond: 0.001 },
    });
    for (let i = 1; i <= 200; i++) await client.send("t", i);
    await settle();
    expect(controlsOf(pair, "server").filter((c) => c.top === "ack")).toHaveLength(200);
    expect(got.server).toEqual(upTo(200));
    expect(await client.close()).toMatchObject({ clean: true });
    await released(pair);
  });
});

describe("what is kept", () => {
  it.each([
    ["messages", { retainedMessages: 10 }, 10],
    ["bytes", { retainedBytes: 2_000 }, undefined],
  ] as const)(
    "a sender waits while %s are kept, in order, and goes on with a receipt [ack:keep] [ack:wait]",
    async (_, more, many) => {
      const { pair, client, got } = await resumable({ batch: false, limits: { ...limits, ...more } });
      const way = new SlowLink(pair.link);
      const sent = upTo(60).map((i) => client.send("t", i));
      await settle();
      const { ledger } = client.life;
      if (many !== undefined) expect(ledger.sent).toBe(many);
      expect(ledger.sent).toBeLessThan(60);
      expect(ledger.retention.full).toBe(true);
      expect(ledger.retention.all()).toHaveLength(ledger.sent);
      way.open();
      await pair.clock.advance(60_000);
      await Promise.all(sent);
      expect(got.server).toEqual(upTo(60));
      await client.close();
      await released(pair);
    },
  );

  it("more than may wait is refused, and takes no number [ack:wait]", async () => {
    const { pair, client, got } = await resumable({ limits: { ...limits, retainedMessages: 2, queuedMessages: 3 } });
    const way = new SlowLink(pair.link);
    const sent = upTo(7).map((i) =>
      client.send("t", i).then(
        () => i,
        (e) => e.code as string,
      ),
    );
    await settle();
    way.open();
    await pair.clock.advance(10_000);
    expect(await Promise.all(sent)).toEqual([1, 2, 3, 4, 5, "E_QUEUE_FULL", "E_QUEUE_FULL"]);
    expect(got.server).toEqual([1, 2, 3, 4, 5]);
    await client.close();
    await released(pair);
  });

  it("by bytes too, and what waited too long is not sent [ack:wait]", async () => {
    const { pair, client, got } = await resumable({ limits: { ...limits, retainedMessages: 1, queuedBytes: 1_000 } });
    await cut(pair);
    const code = (e: { code: string }) => e.code;
    const short = client.send("t", 1, { ttl: 5 }).catch(code);
    const long = client.send("t", 2, { ttl: 100 });
    expect(await client.send("t", "x".repeat(1_000)).catch(code)).toBe("E_QUEUE_FULL");
    await pair.clock.advance(5_000);
    expect(await short).toBe("E_EXPIRED");
    await resume(pair);
    await long;
    await settle();
    expect(got.server).toEqual([2]);
    await client.close();
    await released(pair);
  });

  it("a message that waits can be given up", async () => {
    const { pair, client, got } = await resumable();
    await cut(pair);
    const stop = new AbortController();
    const given = client.send("t", 1, { signal: stop.signal }).catch((e) => e.name);
    const asked = client.request("t", 1, { signal: stop.signal }).catch((e) => e.name);
    const sent = client.send("t", 2);
    await settle();
    stop.abort();
    await settle();
    await resume(pair);
    await sent;
    await settle();
    expect(await Promise.all([given, asked])).toEqual(["AbortError", "AbortError"]);
    expect(got.server).toEqual([2]);
    await client.close();
    await released(pair);
  });

  it("what waits at the end of the session leaves no listener on its signal", async () => {
    const { pair, client } = await resumable();
    let ended: AbortSignal | undefined;
    client.handle("signal", (_, { signal }) => {
      ended = signal;
    });
    await sessionOf(pair, "server").send("signal", 0);
    await settle();
    await cut(pair);
    const waiting = Array.from({ length: 3 }, (_, i) => client.send("t", i).catch((e) => e.code));
    await settle();
    await Promise.all(ROLES.map((role) => sessionOf(pair, role).close()));
    expect(await Promise.all(waiting)).toEqual(["E_CLOSED", "E_CLOSED", "E_CLOSED"]);
    await settle();
    expect(ended?.aborted).toBe(true);
    expect(getEventListeners(ended as AbortSignal, "abort")).toEqual([]);
    await released(pair);
  });

  it("what is expired unacknowledged is reported at that time, and makes room [ack:undetermined] [ack:keep]", async () => {
    const { pair, client } = await resumable({ limits: { ...limits, retainedMessages: 3, idleSeconds: 100_000 } });
    const reported: number[][] = [];
    client.onUndetermined((list) => reported.push(list.map(({ seq }) => seq)));
    mute(pair, "server");
    const sent = [20, 10, 30].map((ttl) => client.send("t", ttl, { ttl }));
    const waiting = client.send("t", 4, { ttl: 200 });
    await Promise.all(sent);
    await pair.clock.advance(9_999);
    expect(reported).toEqual([]);
    await pair.clock.advance(1);
    expect(reported).toEqual([[2]]);
    await waiting;
    await pair.clock.advance(20_000);
    expect(reported).toEqual([[2], [1], [3]]);
    pair.link.client.breakOff();
    pair.link.server.breakOff();
    await pair.clock.advance(120_000);
    expect((await client.closed).undetermined.map(({ seq }) => seq)).toEqual([4]);
    expect(pair.clock.pending).toBe(0);
  });

  it("both ends wait for each other's receipts, and none for ever", async () => {
    const { pair, got, client } = await resumable({ limits: { ...limits, retainedMessages: 2 } });
    const sent = upTo(40).flatMap((i) => ROLES.map((role) => sessionOf(pair, role).send("t", i)));
    await pair.clock.advance(90_000);
    await Promise.all(sent);
    for (const role of ROLES) expect(got[role]).toEqual(upTo(40));
    await client.close();
    await released(pair);
  });
});
