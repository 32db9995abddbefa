import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/registry.generated.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, end, LEVELS, live, mute, other, ROLES, released, upTo } from "../support/live.ts";
import { type Claims, type Content, Puppet } from "../support/puppet.ts";

describe("control messages", () => {
  for (const as of ROLES) {
    it(`each carries the highest number committed, ${as} [ctl:rcv-send]`, async () => {
      const pair = await live({ limits: { idleSeconds: 9999 } });
      const puppet = Puppet.seize(pair, other(as));
      const ping = async () => puppet.deliver(await puppet.control({ top: "ping" }));
      await ping();
      puppet.deliver(await puppet.message(), await puppet.message());
      await ping();
      await until(() => controlsOf(pair, as).length === 2);
      void pair[as].session!.close();
      await until(() => controlsOf(pair, as).length === 3);
      expect(controlsOf(pair, as)).toEqual([
        { seq: 1, top: "pong", ref: 1, rcv: 1 },
        { seq: 2, top: "pong", ref: 4, rcv: 4 },
        { seq: 3, top: "bye", rcv: 4 },
      ]);
    });

    const BAD: [string, Claims | string][] = [
      ["unknown top", { top: "hello" }],
      ["no top", {}],
      ["top of a prototype", { top: "constructor" }],
      ["pong without ref", { top: "pong" }],
      ["pong with a batch ref", { top: "pong", ref: [1, 0] }],
      ["pong with ref 0", { top: "pong", ref: 0 }],
      ["err without code", { top: "err", ref: 1 }],
      ["err without ref", { top: "err", code: "E_DENIED" }],
      ["err with a string as ref", { top: "err", code: "E_DENIED", ref: "1" }],
      ["err with a code that is fatal", { top: "err", code: "E_CRYPTO", ref: 1 }],
      ["err with no code", { top: "err", code: "toString", ref: 1 }],
      ["bye with an unknown name", { top: "bye", code: "so long" }],
      ["bye with an error code", { top: "bye", code: "E_REVOKED" }],
      ["bye with null", { top: "bye", code: null }],
      ["no rcv", { top: "ping", rcv: undefined }],
      ["rcv as string", { top: "ping", rcv: "0" }],
      ["rcv negative", { top: "ping", rcv: -1 }],
      ["no seq", { top: "ping", seq: undefined }],
      ["seq as string", { top: "ping", seq: "1" }],
      ["an array", "[]"],
      ["text", "ping"],
    ];
    it.each(BAD)(`refuses what does not fit the table, ${as}: %s [ctl:members]`, async (_, content: Content) => {
      const pair = await live();
      await pair[as].session!.send("t", 1);
      const puppet = Puppet.seize(pair, other(as));
      puppet.deliver(await puppet.control(content));
      expect((await end(pair, as)).error).toMatchObject({
        code: "E_CLAIMS",
        stage: "claims",
        closeCode: 4400,
        remote: false,
      });
    });
  }

  it.each([
    ["more than was sent", [3]],
    ["more than was sent, later", [1, 3]],
    ["less than before", [2, 1]],
    ["zero again", [1, 0]],
  ])("refuses rcv that is %s [ctl:rcv]", async (_, values) => {
    const pair = await live();
    for (let i = 0; i < 2; i++) await pair.client.session!.send("t", i);
    const puppet = Puppet.seize(pair, "server");
    for (const rcv of values) puppet.deliver(await puppet.control({ top: "pong", ref: 1, rcv }));
    expect((await end(pair, "client")).error).toMatchObject({ code: "E_SEQ", stage: "claims", closeCode: 4502 });
  });

  it("takes rcv that stays or grows up to what was sent [ctl:rcv]", async () => {
    const pair = await live();
    for (let i = 0; i < 2; i++) await pair.client.session!.send("t", i);
    const puppet = Puppet.seize(pair, "server");
    for (const rcv of [0, 0, 1, 1, 2, 2]) puppet.deliver(await puppet.control({ top: "pong", ref: 1, rcv }));
    puppet.deliver(await puppet.control({ top: "ping", rcv: 2 }));
    await until(() => controlsOf(pair, "client").length === 1);
    expect(pair.client.info).toBe(undefined);
  });

  it("ignores members it does not know [ctl:unknown-member]", async () => {
    const pair = await live();
    const puppet = Puppet.seize(pair);
    puppet.deliver(
      await puppet.control({ top: "ping", exp: "x", x: { deep: [1.5] }, pad: 7, ref: 99, code: "whatever" }),
    );
    await until(() => controlsOf(pair, "server").length === 1);
    expect(controlsOf(pair, "server")).toEqual([{ seq: 1, top: "pong", ref: 1, rcv: 1 }]);
    expect(pair.server.info).toBe(undefined);
  });

  it("never answers control with err, also where it refuses everything [ctl:no-err]", async () => {
    const pair = await live({ serverHooks: { authorize: ({ direction }) => direction === "out" } });
    await pair.server.session!.send("t", 1);
    const puppet = Puppet.seize(pair);
    puppet.deliver(
      await puppet.control({ top: "err", code: "E_DENIED", ref: 1 }),
      await puppet.control({ top: "err", code: "E_DENIED", ref: 1 }),
      await puppet.control({ top: "err", code: "E_HANDLER", ref: [1, 7] }),
      await puppet.control({ top: "pong", ref: 1 }),
      await puppet.control({ top: "ping", exp: 1 }),
      await puppet.message(),
    );
    await until(() => controlsOf(pair, "server").length === 2);
    await settle();
    expect(controlsOf(pair, "server")).toMatchObject([
      { top: "pong", ref: 5 },
      { top: "err", ref: 6 },
    ]);
  });

  const CODES: ErrorCode[] = [
    "E_EXPIRED",
    "E_FUTURE",
    "E_TTL",
    "E_DENIED",
    "E_RATE",
    "E_REPLAY_STORE",
    "E_NO_HANDLER",
    "E_HANDLER",
    "E_INVALID",
  ];
  it.each(CODES)("err %s ends the request it names, and nothing else", async (code) => {
    const pair = await live({ batch: false });
    const [asked, other] = [1, 2].map((d) => pair.client.session!.request("t", d));
    const puppet = Puppet.seize(pair, "server");
    puppet.deliver(
      await puppet.control({ top: "err", code, ref: 1, rcv: 1 }),
      await puppet.message(puppet.claims({ ref: 2 })),
    );
    await expect(asked).rejects.toMatchObject({ code, ref: 1, remote: true, fatal: false, closeCode: undefined });
    expect(await other).toBe(1);
    expect(pair.client.info).toBe(undefined);
  });
});

describe("ping and pong", () => {
  for (const level of LEVELS) {
    it(`the server pings every 30 s, the client answers each with one pong, ${level} [ctl:ping] [ctl:pong]`, async () => {
      const pair = await live({ level });
      await pair.clock.advance(29_999);
      expect(controlsOf(pair, "server")).toEqual([]);
      await pair.clock.advance(1);
      await until(() => controlsOf(pair, "client").length === 1);
      await pair.clock.advance(30_000);
      await until(() => controlsOf(pair, "client").length === 2);
      expect(controlsOf(pair, "server")).toEqual([
        { seq: 1, top: "ping", rcv: 0 },
        { seq: 2, top: "ping", rcv: 1 },
      ]);
      expect(controlsOf(pair, "client")).toEqual([
        { seq: 1, top: "pong", ref: 1, rcv: 1 },
        { seq: 2, top: "pong", ref: 2, rcv: 2 },
      ]);
    });
  }

  it("a quiet session lives for an hour by its heartbeat alone [ctl:ping]", async () => {
    const pair = await live();
    for (let i = 0; i < 119; i++) {
      await pair.clock.advance(30_000);
      await until(() => controlsOf(pair, "client").length === i + 1);
    }
    expect([pair.client.info, pair.server.info]).toEqual([undefined, undefined]);
  });

  it.each(ROLES)("a silent peer is given up after idleSeconds, %s [ctl:idle]", async (role) => {
    const pair = await live();
    await pair[other(role)].session!.send("t", 1);
    await settle();
    mute(pair, other(role));
    await pair.clock.advance(119_999);
    expect(pair[role].info).toBe(undefined);
    await pair.clock.advance(1);
    expect(await end(pair, role)).toMatchObject({
      error: { code: "E_IDLE", closeCode: 3008, stage: "local" },
      truncated: true,
    });
    expect(controlsOf(pair, role).at(-1)).toMatchObject({ top: "bye", code: "timeout" });
    await released(pair);
  });

  it("what arrives puts it off [ctl:idle]", async () => {
    const pair = await live({ limits: { heartbeatSeconds: 9999 } });
    const puppet = Puppet.seize(pair, "server");
    mute(pair, "server");
    for (let i = 0; i < 5; i++) {
      await pair.clock.advance(119_000);
      puppet.deliver(i % 2 === 0 ? await puppet.control({ top: "ping" }) : await puppet.message());
      await settle();
    }
    expect(pair.client.info).toBe(undefined);
    await pair.clock.advance(120_000);
    expect((await end(pair, "client")).error).toMatchObject({ code: "E_IDLE" });
  });

  it("time in which nothing is read does not count [ctl:idle]", async () => {
    const pair = await live({ limits: { receiveQueueMessages: 1, heartbeatSeconds: 1000, idleSeconds: 100 } });
    const stream = pair.server.session!.messages("t");
    for (let i = 0; i < 3; i++) await pair.client.session!.send("t", i, { ttl: 300 });
    await settle();
    expect(pair.link.server.paused).toBe(true);
    mute(pair, "client");
    for (let i = 0; i < 4; i++) await pair.clock.advance(50_000);
    expect(pair.server.info).toBe(undefined);
    for (let i = 0; i < 3; i++) expect((await stream.next()).value.data).toBe(i);
    await settle();
    expect(pair.link.server.paused).toBe(false);
    await pair.clock.advance(99_000);
    expect(pair.server.info).toBe(undefined);
    await pair.clock.advance(101_000);
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_IDLE" });
  });
});

describe("the budget of control", () => {
  const flood = async (puppet: Puppet, n: number, message: Claims) => {
    for (let i = 0; i < n; i++) puppet.deliver(await puppet.control(message));
    await settle();
  };

  it.each(ROLES)("a burst and a rate; beyond it the session ends, %s [ctl:budget]", async (role) => {
    const pair = await live({ limits: { controlPerSecond: 2, controlBurst: 5 } });
    const puppet = Puppet.seize(pair, other(role));
    await flood(puppet, 5, { top: "ping" });
    await pair.clock.advance(1000);
    await flood(puppet, 2, { top: "ping" });
    expect(pair[role].info).toBe(undefined);
    await flood(puppet, 1, { top: "ping" });
    expect((await end(pair, role)).error).toMatchObject({ code: "E_QUOTA", stage: "rate", closeCode: 4529 });
    expect(controlsOf(pair, role).filter((c) => c.top === "pong")).toHaveLength(7);
  });

  it.each([
    ["second pong to one ping", { top: "pong", ref: 1, rcv: 1 }],
    ["second err to one message", { top: "err", code: "E_DENIED", ref: 2, rcv: 1 }],
  ])("a %s is paid for [ctl:budget]", async (_, message) => {
    const pair = await live({ limits: { controlPerSecond: 1, controlBurst: 2, heartbeatSeconds: 1 } });
    await pair.clock.advance(1000);
    const puppet = Puppet.seize(pair);
    await pair.server.session!.send("t", 1);
    // The client's real pong was the first.
    puppet.seq = 1;
    await flood(puppet, message.top === "pong" ? 2 : 3, message);
    expect(pair.server.info).toBe(undefined);
    await flood(puppet, 1, message);
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_QUOTA" });
  });

  it("an err to each of many messages and a pong to each of many pings are free [ctl:budget]", async () => {
    const pair = await live({
      limits: { controlPerSecond: 0.001, controlBurst: 1, heartbeatSeconds: 1, itemsBurst: 500 },
      serverHooks: { authorize: ({ direction }) => direction === "out" },
    });
    for (const i of upTo(200)) await pair.client.session!.send("t", i);
    await until(() => controlsOf(pair, "server").length === 200);
    expect(pair.client.info).toBe(undefined);
    const pongs = () => controlsOf(pair, "client").length;
    // The pings themselves are what the client pays for.
    await pair.clock.advance(1000);
    await until(() => pongs() === 1);
    expect([pair.client.info, pair.server.info]).toEqual([undefined, undefined]);
  });
});
