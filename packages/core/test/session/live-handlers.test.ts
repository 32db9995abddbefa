import { describe, expect, it } from "vitest";
import type { Message } from "../../src/session/types.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, gate, live, ROLES, sentBy, seqsOf, upTo } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";

type Authorize = (request: { readonly topic: string; readonly direction: string; readonly data: unknown }) => unknown;
const inbound = (decide: Authorize) => ({
  serverHooks: { authorize: ((r: Parameters<Authorize>[0]) => (r.direction === "out" ? true : decide(r))) as never },
});

describe("authorization", () => {
  const DENIALS: [string, Authorize][] = [
    ["false", () => false],
    ["undefined", () => undefined],
    ["null", () => null],
    ["1", () => 1],
    ["a string", () => "yes"],
    ["an object", () => ({})],
    ["a promise of false", async () => false],
    ["a promise of 1", async () => 1],
    ["a function", () => () => true],
    [
      "a throw",
      () => {
        throw new Error("secret");
      },
    ],
    ["a rejection", () => Promise.reject(new Error("secret"))],
  ];

  it.each(DENIALS)(
    "%s is no permission: no handler sees it, one err says so [auth:deny-default] [req:failure]",
    async (_, decide) => {
      const pair = await live(inbound((r) => (r.topic === "ok" ? true : decide(r))));
      pair.server.session!.handle("t", () => expect.unreachable("denied"));
      pair.server.session!.handle("ok", () => 1);
      const stream = pair.server.session![Symbol.asyncIterator]();
      void stream.next().then((r) => expect(r.done).toBe(true));
      const denied: unknown[] = [];
      pair.client.session!.onDenied((d) => denied.push(d));
      await pair.client.session!.send("t", 1);
      await expect(pair.client.session!.request("t", 1)).rejects.toMatchObject({
        code: "E_DENIED",
        remote: true,
        detail: undefined,
      });
      expect(await pair.client.session!.request("ok", 1)).toBe(1);
      expect(controlsOf(pair, "server")).toEqual([
        { seq: 1, top: "err", code: "E_DENIED", ref: 1, rcv: 1 },
        { seq: 2, top: "err", code: "E_DENIED", ref: 2, rcv: expect.any(Number) },
      ]);
      expect(denied).toEqual([{ topic: "t", seq: 1, code: "E_DENIED" }]);
    },
  );

  it.each(["E_DENIED", "E_EXPIRED", "E_RATE"])(
    "a one-way message that the peer refuses with %s is reported [req:failure]",
    async (code) => {
      const pair = await live();
      const denied: unknown[] = [];
      pair.client.session!.onDenied((d) => denied.push(d));
      const puppet = Puppet.seize(pair, "server");
      await pair.client.session!.send("t", 1);
      puppet.deliver(await puppet.control({ top: "err", code, ref: 1 }));
      await until(() => denied.length > 0);
      expect(denied).toEqual([{ topic: "t", seq: 1, code }]);
    },
  );

  it.each(DENIALS)("%s: sending is denied too, and uses no number [seq:late]", async (_, decide) => {
    const pair = await live({
      serverHooks: { authorize: ((r: never) => ((r as { topic: string }).topic === "ok" ? true : decide(r))) as never },
    });
    await expect(pair.server.session!.send("t", 1)).rejects.toMatchObject({
      code: "E_DENIED",
      remote: false,
      fatal: false,
    });
    await expect(pair.server.session!.request("t", 1)).rejects.toMatchObject({ code: "E_DENIED", remote: false });
    expect(seqsOf(pair, "server")).toEqual([]);
    await pair.server.session!.send("ok", 1);
    expect(seqsOf(pair, "server")).toEqual([1]);
  });

  it("a slow decision holds back what comes after it: order of arrival is order of delivery", async () => {
    const gates = [gate<boolean>(), gate<boolean>()];
    const pair = await live(inbound(({ data }) => gates[data as number]?.promise ?? true));
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    for (const d of [0, 1, 2]) await pair.client.session!.send("t", d);
    gates[1]!.open(true);
    await settle();
    expect(seen).toEqual([]);
    gates[0]!.open(true);
    await until(() => seen.length === 3);
    expect(seen).toEqual([0, 1, 2]);
  });

  it("messages keep the order of the calls where outbound decisions take their time [seq:send]", async () => {
    const first = gate<boolean>();
    const authorize = ({ data }: { data: unknown }) =>
      data === 0 ? first.promise : data === 2 ? Promise.resolve(true) : true;
    const pair = await live({ batch: false, serverHooks: { authorize } });
    const sent = [0, 1, 2, 3].map((d) => pair.server.session!.send("t", d));
    await settle();
    expect(seqsOf(pair, "server")).toEqual([]);
    first.open(true);
    await Promise.all(sent);
    expect(sentBy(pair, "server").map((c) => [c.seq, c.dat])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 3],
    ]);
    await pair.server.session!.send("t", 4);
    expect(seqsOf(pair, "server")).toEqual(upTo(5));
  });

  it("a message denied behind a slow one leaves no gap; an aborted one neither", async () => {
    const first = gate<boolean>();
    const authorize = ({ data }: { data: unknown }) => (data === 0 ? first.promise : data !== 1);
    const pair = await live({ batch: false, serverHooks: { authorize } });
    const abort = new AbortController();
    const options = [{}, {}, { signal: abort.signal }, {}];
    const sent = Promise.allSettled([0, 1, 2, 3].map((d) => pair.server.session!.send("t", d, options[d])));
    abort.abort();
    first.open(true);
    expect((await sent).map((s) => s.status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(sentBy(pair, "server").map((c) => [c.seq, c.dat])).toEqual([
      [1, 0],
      [2, 3],
    ]);
  });
});

describe("handlers", () => {
  it("one per topic: a second is a TypeError until the first is removed", async () => {
    const pair = await live();
    const session = pair.server.session!;
    const remove = session.handle("t", () => 1);
    expect(() => session.handle("t", () => 2)).toThrow(TypeError);
    expect(() => session.handle("no topic", () => 2)).toThrow(TypeError);
    remove();
    remove();
    const again = session.handle("t", () => 3);
    remove();
    expect(await pair.client.session!.request("t", 0)).toBe(3);
    again();
    await expect(pair.client.session!.request("t", 0)).rejects.toMatchObject({ code: "E_NO_HANDLER" });
  });

  it("a handler of the session goes before one of the server", async () => {
    const pair = await live({ serverHooks: { handler: (topic) => (topic === "t" ? () => "server" : undefined) } });
    expect(await pair.client.session!.request("t", 0)).toBe("server");
    pair.server.session!.handle("t", () => "session");
    expect(await pair.client.session!.request("t", 0)).toBe("session");
  });

  it("begin in order, at most concurrentHandlers at once; nothing is lost", async () => {
    const pair = await live({ limits: { concurrentHandlers: 3, receiveQueueMessages: 2 } });
    const begun: number[] = [];
    const gates = Array.from({ length: 12 }, () => gate());
    let [active, most] = [0, 0];
    pair.server.session!.handle("t", async (d) => {
      begun.push(d as number);
      most = Math.max(most, ++active);
      await gates[d as number]!.promise;
      active--;
    });
    for (let i = 0; i < 12; i++) await pair.client.session!.send("t", i);
    await settle();
    expect(begun).toEqual([0, 1, 2]);
    expect(pair.link.server.paused).toBe(true);
    gates[1]!.open();
    await until(() => begun.length === 4);
    for (const g of gates) g.open();
    await until(() => begun.length === 12);
    expect(begun).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(most).toBe(3);
    await until(() => !pair.link.server.paused);
  });

  it("are told what the message was, and its life", async () => {
    const pair = await live({ level: "sig" });
    const got: Message[] = [];
    pair.server.session!.handle("t", (_, { message }) => void got.push(message));
    await pair.client.session!.send("t", { a: 1 }, { ttl: 10 });
    await until(() => got.length === 1);
    const now = pair.clock.unix();
    expect(got).toMatchObject([
      { topic: "t", data: { a: 1 }, seq: 1, issuedAt: new Date(now), expiresAt: new Date(now + 10_000) },
    ]);
    expect(got[0]!.signed!.jws.split(".")).toHaveLength(3);
  });
});

describe("iterators", () => {
  it.each(ROLES)(
    "every message of a topic, in order; all topics without one; none that a handler takes, %s receives",
    async (role) => {
      const pair = await live();
      const [from, to] = role === "server" ? [pair.client, pair.server] : [pair.server, pair.client];
      const a = to.session!.messages("a");
      const all = to.session![Symbol.asyncIterator]();
      to.session!.handle("h", () => {});
      for (const topic of ["a", "h", "b", "a"]) await from.session!.send(topic, topic);
      expect((await a.next()).value).toMatchObject({ topic: "a", seq: 1 });
      expect((await a.next()).value).toMatchObject({ topic: "a", seq: 4 });
      const seqs = [await all.next(), await all.next(), await all.next()].map((r) => r.value.seq);
      expect(seqs).toEqual([1, 3, 4]);
    },
  );

  it.each([
    ["messages", { receiveQueueMessages: 3 }, 1],
    ["bytes", { receiveQueueBytes: 3000 }, 900],
  ])("one that is not read stops reading; all arrives when it is read, %s [limit:rate]", async (_, limits, size) => {
    const pair = await live({ limits });
    const stream = pair.server.session!.messages("t");
    for (let i = 0; i < 20; i++) await pair.client.session!.send("t", { i, pad: "x".repeat(size) });
    await settle();
    expect(pair.link.server.paused).toBe(true);
    expect(pair.trace.server.length).toBeLessThan(6);
    for (let i = 0; i < 20; i++) expect((await stream.next()).value.data).toMatchObject({ i });
    await until(() => !pair.link.server.paused);
    expect(controlsOf(pair, "server")).toEqual([]);
  });

  it("break ends one and gives back its room", async () => {
    const pair = await live({ limits: { receiveQueueMessages: 2 } });
    const stream = pair.server.session!.messages("t");
    for (let i = 0; i < 5; i++) await pair.client.session!.send("t", i);
    for await (const message of stream) {
      expect(message.data).toBe(0);
      break;
    }
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    await until(() => pair.trace.server.length === 5);
    expect(pair.link.server.paused).toBe(false);
  });

  it("at the end what is queued can still be read, who waits is woken, a new one is over", async () => {
    const pair = await live();
    const [full, waiting] = [pair.server.session!.messages("t"), pair.server.session!.messages("u")];
    const woken = waiting.next();
    await pair.client.session!.send("t", 1);
    await pair.client.session!.close();
    expect(await woken).toMatchObject({ done: true });
    expect(await full.next()).toMatchObject({ value: { data: 1 }, done: false });
    expect(await full.next()).toMatchObject({ done: true });
    expect(await pair.server.session!.messages("t").next()).toMatchObject({ done: true });
  });

  it("the signal of a handler is aborted at the end", async () => {
    const pair = await live();
    const signals: AbortSignal[] = [];
    pair.server.session!.handle("t", (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    });
    await pair.client.session!.send("t", 1);
    await until(() => signals.length === 1);
    expect(signals[0]!.aborted).toBe(false);
    await pair.client.session!.close();
    await until(() => pair.server.info !== undefined);
    expect(signals[0]!.aborted).toBe(true);
    expect(signals[0]!.reason).toMatchObject({ code: "E_CLOSED" });
  });
});
