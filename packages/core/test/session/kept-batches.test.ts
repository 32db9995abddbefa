import { expect, it } from "vitest";
import { decodeSession, encodeSession } from "../../src/session/snapshot.ts";
import type { Data } from "../../src/wire/json.ts";
import { settle, until } from "../support/clock.ts";
import { keptIn } from "../support/kept.ts";
import { end, LEVELS, sentBy, upTo } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";
import { attempt, cut, resumable, resume } from "../support/reconnect.ts";

const none = { limits: { ackSeconds: 9999 } };

for (const level of LEVELS)
  for (const codec of ["json", "cbor"] as const)
    it(`a batch that was lost is sent again whole, once and in order, ${level}, ${codec} [resume:same-message] [resume:batch]`, async () => {
      const { pair, client, got, server } = await resumable({ level, codec });
      server.handle("double", (n) => 2 * (n as number));
      const way = pair.link.tap;
      pair.link.tap = (direction, payload, i) => (direction === "c2s" ? [] : way(direction, payload, i));
      for (const n of upTo(3)) void client.send("t", n);
      const replies = Promise.all(upTo(3).map((n) => client.request("double", n)));
      await settle();
      await cut(pair);
      for (const n of [4, 5, 6]) void client.send("t", n);
      await resume(pair, { protocol: "sealwire.v1.text" });
      expect(got.server).toEqual(upTo(6));
      expect(await replies).toEqual([2, 4, 6]);
      // What waited for the connection went under one number.
      expect(pair.trace.client.filter((r) => r.direction === "out" && r.kind === "application")).toHaveLength(3);
      await client.close();
    });

it("counts its items: a sender waits when as many are kept as may be [ack:keep] [ack:wait]", async () => {
  const { pair, client } = await resumable({ limits: { retainedMessages: 10, ackMessages: 4, ackSeconds: 9999 } });
  const way = pair.link.tap;
  pair.link.tap = (direction, payload, i) => (direction === "c2s" ? [] : way(direction, payload, i));
  for (const n of upTo(25)) void client.send("t", n);
  await settle();
  const { ledger } = client.life;
  expect([ledger.sent, ledger.retention.full]).toEqual([1, true]);
  expect(ledger.retention.all()[0]?.topics).toHaveLength(10);
});

it("its items count for the receipts, which come after so many of them [ack:due]", async () => {
  const { pair, client } = await resumable({ limits: { ackMessages: 4, ackSeconds: 9999 } });
  for (const n of upTo(8)) void client.send("t", n);
  await settle();
  expect(client.life.ledger.retention.all()).toEqual([]);
  expect(pair.trace.server.filter((r) => r.direction === "out")).toHaveLength(1);
});

it("items whose receipt is not known are reported by number and index [ack:undetermined]", async () => {
  const { pair, client } = await resumable(none);
  const way = pair.link.tap;
  pair.link.tap = (direction, payload, i) => (direction === "c2s" ? [] : way(direction, payload, i));
  const [a, b, c] = await Promise.all([client.send("t", 1), client.send("u", 2), client.send("t", 3)]);
  await client.send("t", 4);
  await cut(pair);
  await pair.clock.advance(200_000);
  const { session } = a;
  expect((await client.closed).undetermined).toEqual([
    { ...a, topic: "t" },
    { ...b, topic: "u" },
    { ...c, topic: "t" },
    { session, seq: 2, topic: "t" },
  ]);
});

it("of which an item is not granted any more is withdrawn whole [resume:batch] [resume:void] [resume:withdrawn]", async () => {
  let revoked = false;
  const authorize = ({ topic }: { topic: string }) => topic === "t" || !revoked;
  const { pair, server, got } = await resumable({ ...none, serverHooks: { authorize } });
  const undetermined: unknown[] = [];
  server.onUndetermined((list) => undetermined.push(...list));
  const way = pair.link.tap;
  pair.link.tap = (direction, payload, i) => (direction === "s2c" ? [] : way(direction, payload, i));
  await Promise.all([server.send("t", 1), server.send("secret", 2)]);
  await server.send("t", 3);
  await cut(pair);
  revoked = true;
  await resume(pair);
  expect(got.client).toEqual([3]);
  expect(undetermined).toMatchObject([
    { seq: 1, index: 0 },
    { seq: 1, index: 1, topic: "secret" },
  ]);
  expect(pair.errors.server).toMatchObject([{ code: "E_DENIED" }]);
});

it("goes through a store, and its refusals stay free [ctl:budget]", async () => {
  const { pair, client, server, got } = await resumable({ ...none, server: { resume: 120, exportableChain: true } });
  for (const n of upTo(2)) void server.send("t", n);
  await settle();
  // What acknowledges it can be an err that is lost and said again.
  await client.send("t", 0);
  await server.request("none", 1).catch(() => {});
  for (const n of [3, 4, 5]) void server.send("t", n);
  await settle();
  const { facts, ledger } = server.life;
  const bytes = encodeSession(...server.snapshot(null));
  const time = { unix: pair.clock.unix(), elapsed: pair.clock.elapsed() };
  const { backend, serverId, serverKey } = facts.keys;
  const signers = serverKey === undefined ? [] : [serverKey as never];
  const read = await decodeSession(bytes, { backend, limits: pair.limits, serverId, signers, time });
  expect(keptIn(read.ledger)).toEqual(keptIn(ledger));
  expect(ledger.retention.all()).toHaveLength(1);
  expect(upTo(6).map((i) => read.ledger.budget.refuse([1, i]))).toEqual([true, true, true, true, true, false]);
  expect(got.client).toEqual(upTo(5));
  await client.close();
});

it("an ack to each of its items is free, and no more [ctl:budget]", async () => {
  const limits = { controlPerSecond: 1, controlBurst: 2, heartbeatSeconds: 9999, ackSeconds: 9999 };
  const { pair, client } = await resumable({ limits });
  const puppet = Puppet.seize(pair, "server");
  pair.link.tap = () => [];
  for (const n of upTo(3)) void client.send("t", n);
  await settle();
  for (const _ of upTo(5)) puppet.deliver(await puppet.control({ top: "ack", rcv: 1 }));
  await settle();
  expect(pair.client.info).toBe(undefined);
  puppet.deliver(await puppet.control({ top: "ack", rcv: 1 }));
  expect((await end(pair, "client")).error).toMatchObject({ code: "E_QUOTA", remote: false });
});

it("a connection that is lost in the turn in which it was sent loses nothing of it", async () => {
  const { pair, client, got } = await resumable();
  for (const n of upTo(3)) void client.send("t", n);
  pair.link.client.breakOff();
  pair.link.server.breakOff();
  await settle();
  expect(got.server).toEqual([]);
  attempt(pair);
  await until(() => got.server.length === 3);
  expect(got.server).toEqual(upTo(3));
  expect(sentBy(pair, "client")).toHaveLength(1);
});

it("a handler that answers much in one turn is answered in order, whatever waits", async () => {
  const { client, server } = await resumable({ limits: { retainedMessages: 20, ackMessages: 4 } });
  const seen: Data[] = [];
  client.handle("part", (d) => void seen.push(d));
  server.handle("all", async () => {
    await Promise.all(upTo(100).map((n) => server.send("part", n)));
    return "done";
  });
  expect(await client.request("all", null)).toBe("done");
  expect(seen).toEqual(upTo(100));
});
