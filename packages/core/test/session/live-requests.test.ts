import { queryObjects } from "node:v8";
import { describe, expect, it } from "vitest";
import { Timer } from "../../src/session/timers.ts";
import { settle, until } from "../support/clock.ts";
import {
  controlsOf,
  end,
  gate,
  LEVELS,
  live,
  other,
  ROLES,
  released,
  sentBy,
  seqsOf,
  upTo,
  WIRES,
} from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";
import { cut, resumable, resume } from "../support/reconnect.ts";

describe("request and reply", () => {
  for (const protocol of WIRES) {
    for (const level of LEVELS) {
      it.each(ROLES)(
        `a reply has the topic of its request and refers to it, ${level}, ${protocol}, %s asks [req:reply]`,
        async (role) => {
          const pair = await live({ level, protocol });
          pair[other(role)].session!.handle("sum", (d) => (d as number[]).reduce((a, b) => a + b, 0));
          await pair[role].session!.send("other", 0);
          expect(await pair[role].session!.request("sum", [1, 2, 3])).toBe(6);
          expect(sentBy(pair, other(role))).toMatchObject([{ seq: 1, top: "sum", ref: 2, dat: 6 }]);
          expect(sentBy(pair, role)[1]).toMatchObject({ seq: 2, top: "sum", req: true });
        },
      );
    }
  }

  it("a handler that answers nothing answers null, and bytes stay bytes", async () => {
    const pair = await live();
    pair.server.session!.handle("none", () => undefined);
    pair.server.session!.handle("bytes", () => Uint8Array.of(1, 2));
    expect(await pair.client.session!.request("none", 1)).toBe(null);
    expect(await pair.client.session!.request("bytes", 1)).toEqual(Uint8Array.of(1, 2));
  });

  it("crossing requests with equal numbers: a ref names the other direction", async () => {
    const pair = await live();
    for (const role of ROLES) pair[role].session!.handle("who", () => role);
    const answers = ROLES.map((role) => pair[role].session!.request("who", null));
    expect(await Promise.all(answers)).toEqual(["server", "client"]);
  });

  it("replies come in any order", async () => {
    const pair = await live();
    const first = gate();
    pair.server.session!.handle("q", async (d) => {
      if (d === 1) await first.promise;
      return d;
    });
    const one = pair.client.session!.request("q", 1);
    expect(await pair.client.session!.request("q", 2)).toBe(2);
    first.open();
    expect(await one).toBe(1);
  });

  it.each([
    ["the default", undefined, 30_000],
    ["one of its own", 700, 700],
  ])("gives up after %s; the late reply is dropped and counted [req:ref-stale]", async (_, timeout, ms) => {
    const pair = await live();
    const late = gate();
    pair.server.session!.handle("slow", async (d) => {
      if (d === 1) await late.promise;
      return d;
    });
    const asked = pair.client.session!.request("slow", 1, timeout === undefined ? {} : { timeout });
    const failed = expect(asked).rejects.toMatchObject({ code: "E_TIMEOUT", ref: 1, fatal: false, remote: false });
    await pair.clock.advance(ms - 1);
    let settled = false;
    asked.catch(() => {
      settled = true;
    });
    await settle();
    expect(settled).toBe(false);
    await pair.clock.advance(1);
    await failed;
    late.open();
    await settle();
    expect(await pair.client.session!.request("slow", 2)).toBe(2);
    expect(pair.client.info).toBe(undefined);
  });

  it.each([
    ["the default", {}, 30_000],
    ["one of its own", { timeout: 700 }, 700],
  ])(
    "without a connection it gives up after %s too, counted from the call, and is not sent [req:timeout]",
    async (_, options, ms) => {
      const { pair, client, server } = await resumable();
      const asked: unknown[] = [];
      server.handle("q", (data) => void asked.push(data));
      await cut(pair);
      const first = client.send("t", "waits");
      const early = client.request("q", "early", options);
      await pair.clock.advance(100);
      const later = client.request("q", "later", { timeout: 60_000 });
      const failed = expect(early).rejects.toMatchObject({ code: "E_TIMEOUT", ref: undefined, remote: false });
      let settled = false;
      early.catch(() => {
        settled = true;
      });
      await pair.clock.advance(ms - 101);
      await settle();
      expect(settled).toBe(false);
      await pair.clock.advance(1);
      await failed;
      await resume(pair);
      await first;
      expect(await later).toBe(null);
      expect(asked).toEqual(["later"]);
      await client.close();
      await released(pair);
    },
  );

  it.each([Number.NaN, "700"])(
    "a timeout that is no number, as %s, is refused: all sessions share a timer",
    async (timeout) => {
      const pair = await live();
      const client = pair.client.session!;
      pair.server.session!.handle("q", () => new Promise(() => {}));
      const request = (options: object) => client.request("q", 1, options).catch((e: unknown) => e);
      const refused = request({ timeout });
      const late = request({ timeout: 700 });
      await pair.clock.advance(700);
      expect(await refused).toBeInstanceOf(TypeError);
      expect(await late).toMatchObject({ code: "E_TIMEOUT" });
    },
  );

  it("and does not hold up what is sent after it [req:timeout]", async () => {
    const { pair, client } = await resumable();
    await cut(pair);
    const asked = ["first", "second"].map((data) => client.request("q", data, { timeout: 700 }).catch((e) => e.code));
    await settle();
    await pair.clock.advance(700);
    expect(await Promise.all(asked)).toEqual(["E_TIMEOUT", "E_TIMEOUT"]);
    const sent = client.send("t", "last");
    await resume(pair);
    expect(await sent).toMatchObject({ seq: 1 });
    await client.close();
    await released(pair);
  });

  it("a request whose authorization never comes gives up in time [req:timeout]", async () => {
    const { pair, server } = await resumable({ serverHooks: { authorize: () => new Promise(() => {}) } });
    const failed = expect(server.request("q", null)).rejects.toMatchObject({ code: "E_TIMEOUT", ref: undefined });
    await pair.clock.advance(30_000);
    await failed;
    for (const role of ROLES) pair.link[role].breakOff();
    await pair.clock.advance(120_000);
    await released(pair);
  });

  it("abort before, while it waits, and after the reply", async () => {
    const pair = await live();
    pair.server.session!.handle("q", (d) => (d === 0 ? new Promise(() => {}) : d));
    const reason = new Error("no longer wanted");
    const early = AbortSignal.abort(reason);
    await expect(pair.client.session!.request("q", 1, { signal: early })).rejects.toBe(reason);
    await expect(pair.client.session!.send("q", 1, { signal: early })).rejects.toBe(reason);
    expect(seqsOf(pair, "client")).toEqual([]);
    const control = new AbortController();
    const pending = pair.client.session!.request("q", 0, { signal: control.signal });
    const before = queryObjects(Timer, { format: "count" });
    control.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(queryObjects(Timer, { format: "count" })).toBe(before - 1);
    const after = new AbortController();
    expect(await pair.client.session!.request("q", 2, { signal: after.signal })).toBe(2);
    after.abort();
    expect(seqsOf(pair, "client")).toEqual(upTo(2));
  });
});

describe("failures of requests", () => {
  const SECRET = "password of the database";
  it.each([
    [
      "the handler throws",
      () => {
        throw new Error(SECRET);
      },
      "E_HANDLER",
    ],
    ["the handler rejects", () => Promise.reject(new TypeError(SECRET)), "E_HANDLER"],
    ["the reply lies outside the data model", () => ({ [SECRET]: Number.NaN }), "E_HANDLER"],
    ["the reply is too big", () => "x".repeat(2 ** 20), "E_HANDLER"],
    ["nobody handles the topic", undefined, "E_NO_HANDLER"],
  ] as const)("%s: one err with the code alone, the session goes on [req:failure]", async (_, handler, code) => {
    const pair = await live();
    if (handler !== undefined) pair.server.session!.handle("t", handler as never);
    pair.server.session!.handle("ok", () => "fine");
    await expect(pair.client.session!.request("t", 1)).rejects.toMatchObject({
      code,
      remote: true,
      fatal: false,
      ref: 1,
    });
    expect(controlsOf(pair, "server")).toEqual([{ seq: 1, top: "err", code, ref: 1, rcv: 1 }]);
    expect(await pair.client.session!.request("ok", 1)).toBe("fine");
    if (handler !== undefined) expect(pair.errors.server).toHaveLength(1);
  });

  it("a failed handler of a one-way message is told to nobody but its own side", async () => {
    const pair = await live();
    pair.server.session!.handle("t", () => Promise.reject(new Error("no")));
    await pair.client.session!.send("t", 1);
    await pair.client.session!.send("nobody", 1);
    await until(() => pair.errors.server.length === 1);
    await settle();
    expect(controlsOf(pair, "server")).toEqual([]);
    expect(pair.errors.server).toMatchObject([{ code: "E_HANDLER" }]);
  });

  it("E_INVALID of a schema goes to the peer as such", async () => {
    const pair = await live();
    const { SealwireError } = await import("../../src/errors.ts");
    pair.server.session!.handle("t", () => {
      throw new SealwireError("E_INVALID", { detail: "inside" });
    });
    await expect(pair.client.session!.request("t", 1)).rejects.toMatchObject({ code: "E_INVALID", detail: undefined });
  });

  for (const reason of ["close", "break"] as const) {
    it.each(ROLES)(`pending requests end with the session, ${reason}, %s [close:cleanup]`, async (role) => {
      const pair = await live();
      for (const r of ROLES) pair[r].session!.handle("never", () => new Promise(() => {}));
      const asked = ROLES.map((r) => pair[r].session!.request("never", 1).catch((e: unknown) => e));
      await settle();
      if (reason === "close") void pair[role].session!.close();
      else pair.link[role].terminate();
      const code = reason === "close" ? "E_CLOSED" : "E_TRUNCATED";
      expect(await Promise.all(asked)).toMatchObject([{ code }, { code }]);
      await released(pair);
      for (const r of ROLES) {
        await expect(pair[r].session!.request("t", 1)).rejects.toMatchObject({ code: "E_CLOSED" });
        await expect(pair[r].session!.send("t", 1)).rejects.toMatchObject({ code: "E_CLOSED" });
      }
    });
  }
});

describe("refs that somebody else wrote", () => {
  const ref = (value: unknown) => ({ ref: value, top: "q", dat: "forged" });

  for (const level of LEVELS) {
    it.each([
      ["number of a message to come", 3],
      ["far beyond", 2 ** 53 - 1],
      ["item of a message to come", [3, 0]],
    ])(`a ref to a number not sent is fatal, ${level}: %s [req:ref-unsent]`, async (_, value) => {
      const pair = await live({ level });
      for (let i = 0; i < 2; i++) await pair.client.session!.send("t", i);
      const puppet = Puppet.seize(pair, "server");
      puppet.deliver(await puppet.message(puppet.claims(ref(value))));
      expect((await end(pair, "client")).error).toMatchObject({ code: "E_CLAIMS", stage: "claims", closeCode: 4400 });
    });
  }

  it.each(["pong", "err"])("a ref of %s to a number not sent is fatal too [req:ref-unsent]", async (top) => {
    const pair = await live();
    const puppet = Puppet.seize(pair, "server");
    puppet.deliver(await puppet.control(top === "pong" ? { top, ref: 1 } : { top, code: "E_DENIED", ref: 1 }));
    expect((await end(pair, "client")).error).toMatchObject({ code: "E_CLAIMS", stage: "claims" });
  });

  it.each([
    ["of a one-way message", "q", 1],
    ["of the request with another topic", "other", 2],
    ["of an item of the request", "q", [2, 0]],
    ["of a request that was answered", "q", 3],
  ])("a reply that names nothing that waits is dropped and counted: %s [req:ref-stale]", async (_, top, value) => {
    const pair = await live({ batch: false });
    pair.client.session!.handle(top, () => expect.unreachable("a reply is not delivered"));
    const seen = pair.client.session!.messages(top);
    await pair.client.session!.send("q", 0);
    const asked = pair.client.session!.request("q", 1);
    const answered = pair.client.session!.request("q", 2);
    const puppet = Puppet.seize(pair, "server");
    puppet.deliver(
      await puppet.message(puppet.claims({ ref: 3, top: "q", dat: "first" })),
      await puppet.message(puppet.claims({ ...ref(value), top })),
      await puppet.message(puppet.claims({ ref: 2, top: "q", dat: "right" })),
    );
    expect(await asked).toBe("right");
    expect(await answered).toBe("first");
    expect(await puppet.controls()).toEqual([]);
    void pair.client.session!.close();
    await pair.clock.advance(5000);
    expect(await seen.next()).toMatchObject({ done: true });
  });

  it("a reply is not put before the authorization [req:authorized]", async () => {
    const asked: unknown[] = [];
    const authorize = (r: unknown) => {
      asked.push(r);
      return true;
    };
    const pair = await live({ clientHooks: { authorize }, serverHooks: { authorize: () => true } });
    pair.server.session!.handle("q", () => "a");
    pair.client.session!.handle("back", () => "b");
    expect(await pair.client.session!.request("q", 1)).toBe("a");
    expect(await pair.server.session!.request("back", 2)).toBe("b");
    expect(asked).toEqual([
      { topic: "q", direction: "out", kind: "request", data: 1 },
      { topic: "back", direction: "in", kind: "request", data: 2 },
    ]);
  });

  it("a reply passes also where the topic is denied in both directions [req:authorized]", async () => {
    const authorize = ({ kind, direction }: { kind: string; direction: string }) =>
      kind === "request" && direction === "in";
    const pair = await live({ serverHooks: { authorize } });
    pair.server.session!.handle("q", () => "a");
    expect(await pair.client.session!.request("q", 1)).toBe("a");
    await expect(pair.server.session!.send("q", 1)).rejects.toMatchObject({ code: "E_DENIED", remote: false });
  });
});
