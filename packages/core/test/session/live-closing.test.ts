import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import { CLOSE_CODES, ERRORS } from "../../src/registry.generated.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, end, gate, live, mute, other, ROLES, released, seqsOf, upTo, WIRES } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";

const NORMAL = { code: 1000, clean: true, truncated: false, undetermined: [] };

describe("close in order", () => {
  for (const protocol of WIRES) {
    it.each(ROLES)(
      `one bye each way, the initiator closes with 1000, ${protocol}, %s [close:bye-answer] [close:end] [close:code]`,
      async (role) => {
        const pair = await live({ protocol });
        const info = await pair[role].session!.close();
        await released(pair);
        expect([info, pair[other(role)].info]).toEqual([NORMAL, NORMAL]);
        expect([controlsOf(pair, role), controlsOf(pair, other(role))]).toEqual([
          [{ seq: 1, top: "bye", rcv: 0 }],
          [{ seq: 1, top: "bye", rcv: 1 }],
        ]);
        expect(pair.link[role].closedWith).toEqual({ code: 1000, reason: "normal" });
        expect(pair.link[other(role)].closedWith).toBe(undefined);
        expect(await pair[role].session!.close()).toBe(info);
        expect(await pair[other(role)].session!.closed).toEqual(NORMAL);
      },
    );
  }

  it("crossing byes make both initiators [close:end] [close:bye-answer]", async () => {
    const pair = await live();
    const infos = await Promise.all(ROLES.map((role) => pair[role].session!.close()));
    expect(infos).toEqual([NORMAL, NORMAL]);
    for (const role of ROLES) expect(controlsOf(pair, role)).toEqual([{ seq: 1, top: "bye", rcv: 0 }]);
    await released(pair);
  });

  it("leave says away and closes with 1001: the peer may come back [close:code]", async () => {
    const pair = await live();
    await pair.server.session!.leave();
    await released(pair);
    expect(pair.link.server.closedWith).toEqual({ code: 1001, reason: "away" });
    expect(pair.client.info).toMatchObject({
      code: 1001,
      clean: true,
      truncated: false,
      error: { code: "E_CLOSED", remote: true },
    });
  });

  it.each(ROLES)("nothing follows a bye: no message, no reply, no pong, %s [close:bye-last]", async (role) => {
    const pair = await live();
    const slow = gate();
    pair[role].session!.handle("slow", () => slow.promise);
    const puppet = Puppet.seize(pair, other(role));
    puppet.deliver(await puppet.message(puppet.claims({ top: "slow", req: true })));
    await settle();
    void pair[role].session!.close();
    await expect(pair[role].session!.send("t", 1)).rejects.toMatchObject({ code: "E_CLOSED" });
    await expect(pair[role].session!.request("t", 1)).rejects.toMatchObject({ code: "E_CLOSED" });
    slow.open();
    puppet.deliver(
      await puppet.control({ top: "ping", rcv: 1 }),
      await puppet.message(puppet.claims({ top: "none", req: true })),
    );
    await settle();
    expect(seqsOf(pair, role)).toEqual([1]);
    expect(controlsOf(pair, role)).toMatchObject([{ top: "bye" }]);
    puppet.deliver(await puppet.control({ top: "bye", rcv: 1 }));
    expect(await end(pair, role)).toEqual(NORMAL);
    expect(puppet.received).toHaveLength(1);
  });

  it.each(ROLES)("the initiator goes on delivering until the peer's bye, %s [close:before-bye]", async (role) => {
    const pair = await live();
    const seen: unknown[] = [];
    pair[role].session!.handle("t", (d) => void seen.push(d));
    const puppet = Puppet.seize(pair, other(role));
    void pair[role].session!.close();
    for (const dat of [1, 2]) puppet.deliver(await puppet.message(puppet.claims({ dat })));
    puppet.deliver(await puppet.control({ top: "bye", rcv: 1 }));
    expect(await end(pair, role)).toEqual(NORMAL);
    expect(seen).toEqual([1, 2]);
  });

  it.each([
    ["handlers that wait for their turn", { concurrentHandlers: 1 }],
    ["a queue that is full", { concurrentHandlers: 1, receiveQueueMessages: 1 }],
    ["a throttled rate", { itemsPerSecond: 1, itemsBurst: 1, byeSeconds: 60 }],
  ])("what stands before the bye is delivered: %s [close:before-bye]", async (_, limits) => {
    const pair = await live({ limits });
    const seen: unknown[] = [];
    pair.server.session!.handle("t", async (d) => {
      await settle(2);
      seen.push(d);
    });
    for (const i of upTo(5)) await pair.client.session!.send("t", i);
    void pair.client.session!.close();
    for (let i = 0; i < 10; i++) await pair.clock.advance(1000);
    await until(() => seen.length === 5);
    expect(seen).toEqual(upTo(5));
    expect(await end(pair, "server")).toEqual(NORMAL);
    await until(() => pair.clock.pending === 0);
  });

  it("byes wait for what is being sealed: it leaves before [close:bye-last] [seq:send]", async () => {
    const pair = await live();
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    for (const i of upTo(5)) void pair.client.session!.send("t", i);
    expect(await pair.client.session!.close()).toEqual(NORMAL);
    expect(seen).toEqual(upTo(5));
  });
});

describe("close out of order", () => {
  it.each([
    ["a message", (p: Puppet) => p.message()],
    ["a ping", (p: Puppet) => p.control({ top: "ping" })],
    ["a second bye", (p: Puppet) => p.control({ top: "bye" })],
  ])("%s after the peer's bye is E_STATE [close:after-bye]", async (_, next) => {
    for (const role of ROLES) {
      const pair = await live();
      pair[role].session!.handle("t", () => expect.unreachable("after the bye"));
      const puppet = Puppet.seize(pair, other(role));
      puppet.deliver(await puppet.control({ top: "bye" }), await next(puppet));
      const info = await end(pair, role);
      expect(info).toMatchObject({
        error: { code: "E_STATE", stage: "commit", remote: false },
        clean: false,
        truncated: false,
      });
      expect(pair.link[role].closedWith).toEqual({ code: 4400, reason: "protocol" });
      expect(controlsOf(pair, role)).toHaveLength(1);
    }
  });

  it.each(ROLES)(
    "the initiator waits byeSeconds for the answer, then closes by itself, %s [close:end] [close:truncated]",
    async (role) => {
      const pair = await live();
      mute(pair, other(role));
      void pair[role].session!.close();
      await pair.clock.advance(1999);
      expect(pair[role].info).toBe(undefined);
      await pair.clock.advance(1);
      expect(await end(pair, role)).toMatchObject({ clean: false, truncated: true });
      expect(pair.link[role].closedWith).toEqual({ code: 1000, reason: "normal" });
    },
  );

  it.each(ROLES)(
    "the other end waits byeSeconds for the close, then closes by itself, %s [close:end]",
    async (role) => {
      const pair = await live();
      const puppet = Puppet.seize(pair, other(role));
      puppet.deliver(await puppet.control({ top: "bye" }));
      await pair.clock.advance(1999);
      expect(pair.link[role].closedWith).toBe(undefined);
      await pair.clock.advance(1);
      expect(await end(pair, role)).toEqual(NORMAL);
      expect(pair.link[role].closedWith).toEqual({ code: 1000, reason: "normal" });
    },
  );

  it.each(ROLES)("a socket that does not close is torn off, %s [close:cleanup]", async (role) => {
    const pair = await live();
    mute(pair, other(role));
    let torn = false;
    pair.link[role].close = () => {};
    const terminate = pair.link[role].terminate.bind(pair.link[role]);
    pair.link[role].terminate = () => {
      torn = true;
      terminate();
    };
    void pair[role].session!.close();
    await pair.clock.advance(3999);
    expect(torn).toBe(false);
    await pair.clock.advance(1);
    expect(torn).toBe(true);
    expect(await end(pair, role)).toMatchObject({ truncated: true });
  });

  for (const [code, { name }] of Object.entries(CLOSE_CODES)) {
    it(`bye ${name} ends with its error, this time authenticated [close:code]`, async () => {
      const pair = await live();
      const puppet = Puppet.seize(pair, "server");
      puppet.deliver(await puppet.control({ top: "bye", code: name }));
      await until(() => controlsOf(pair, "client").length === 1);
      pair.link.client.breakOff(Number(code), name);
      const info = await end(pair, "client");
      if (name === "normal") expect(info).toEqual(NORMAL);
      else
        expect(info.error).toMatchObject({
          code: Object.values(CLOSE_CODES).find((c) => c.name === name)!.peerError,
          remote: true,
        });
      expect(info.truncated).toBe(false);
      expect(controlsOf(pair, "client")).toEqual([{ seq: 1, top: "bye", rcv: 1 }]);
    });

    it.each(["open", "closing"])(
      `a bare ${code} in a session that is %s is a hint: truncated, never what ${name} means [close:hint] [close:truncated]`,
      async (state) => {
        const pair = await live();
        mute(pair, "server");
        if (state === "closing") void pair.client.session!.close();
        pair.link.client.breakOff(Number(code), name);
        const info = await end(pair, "client");
        expect(info).toMatchObject({ clean: false, truncated: true });
        expect(info.error).toMatchObject({ code: "E_TRUNCATED", remote: true, fatal: true });
      },
    );
  }

  it.each([1005, 1006, 4403, 4999, 0])(
    "a bare close code %s without a reason is truncated too [close:truncated]",
    async (code) => {
      for (const role of ROLES) {
        const pair = await live();
        pair.link[role].breakOff(code);
        expect(await end(pair, role)).toMatchObject({ error: { code: "E_TRUNCATED" }, truncated: true, clean: false });
      }
    },
  );

  it("a bye that had arrived counts though the socket is closed already [close:truncated] [close:before-bye]", async () => {
    const held = gate<boolean>();
    const pair = await live({
      serverHooks: { authorize: ({ direction }) => (direction === "out" ? true : held.promise) },
    });
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    const puppet = Puppet.seize(pair);
    puppet.deliver(await puppet.message(), await puppet.message(), await puppet.control({ top: "bye" }));
    await settle();
    pair.link.server.breakOff(1000);
    held.open(true);
    expect(await end(pair, "server")).toEqual(NORMAL);
    expect(seen).toEqual([1, 1]);
  });

  it("a decision that never comes does not hold the end back [close:cleanup]", async () => {
    const pair = await live({
      serverHooks: { authorize: ({ direction }) => direction === "out" || new Promise<boolean>(() => {}) },
    });
    await pair.client.session!.send("t", 1);
    await settle();
    pair.link.client.terminate();
    await pair.clock.advance(2000);
    expect(await end(pair, "server")).toMatchObject({ truncated: true });
    await released(pair);
  });
});

describe("fatal errors", () => {
  const cases = Object.entries(ERRORS).filter(([, e]) => e.close !== null && e.fatal);
  it.each(cases)(
    "%s: bye with the coarse name, the close code, and nothing more [close:code]",
    async (code, { close }) => {
      const { SealwireError } = await import("../../src/errors.ts");
      const pair = await live();
      const { name } = CLOSE_CODES[close as number]!;
      pair.server.connection.fail(new SealwireError(code as never, { detail: "secret" }));
      expect((await end(pair, "server")).error).toMatchObject({ code, remote: false });
      expect(pair.link.server.closedWith).toEqual({ code: close, reason: name });
      expect(controlsOf(pair, "server")).toEqual([{ seq: 1, top: "bye", code: name, rcv: 0 }]);
      expect(await end(pair, "client")).toMatchObject({
        error: { code: CLOSE_CODES[close as number]!.peerError, remote: true },
        truncated: false,
      });
      await released(pair);
    },
  );

  it("whoever finds one stops delivering what waits [close:cleanup]", async () => {
    const pair = await live({ limits: { concurrentHandlers: 1 } });
    const seen: unknown[] = [];
    const first = gate();
    pair.server.session!.handle("t", async (d) => {
      seen.push(d);
      await first.promise;
    });
    const puppet = Puppet.seize(pair);
    for (const dat of [1, 2, 3]) puppet.deliver(await puppet.message(puppet.claims({ dat })));
    puppet.deliver(await puppet.message(undefined, { seq: 9 }), await puppet.message(undefined, { seq: 4 }));
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_SEQ" });
    first.open();
    await settle();
    expect(seen).toEqual([1]);
    await released(pair);
  });
});

it("what is asked about once more when a session is revoked is not delivered after its end [revoke:end]", async () => {
  const again = gate<boolean>();
  let refreshed = false;
  const authorize = () => !refreshed || again.promise;
  const refresh = async () => ({ expiresAt: 1_893_458_000, scopes: [] });
  const pair = await live({ limits: { concurrentHandlers: 1 }, serverHooks: { authorize, refresh } });
  const [client, server] = [pair.client.session!, pair.server.session!];
  const got: unknown[] = [];
  const busy = gate();
  server.handle("t", async (data) => {
    got.push(data);
    await busy.promise;
  });
  for (const n of upTo(3)) void client.send("t", n);
  await settle();
  await client.refresh("any");
  refreshed = true;
  busy.open();
  await settle();
  server.fail(new SealwireError("E_REVOKED", { stage: "session" }));
  await released(pair);
  again.open(true);
  await settle();
  expect(got).toEqual([1]);
});
