import { describe, expect, it } from "vitest";
import type { TraceRecord } from "../../src/session/hooks.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, gate, LEVELS, live, mute, released } from "../support/live.ts";
import { BACKENDS } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { sessionOf } from "../support/reconnect.ts";

const NOW = 1_893_456_000;

describe("an application that is careless", () => {
  it.each(BACKENDS)("trace gets claims in memory of their own, and may write to them, $name", async (backend) => {
    for (const level of LEVELS) {
      const seen: { claims: Uint8Array; length: number }[] = [];
      const trace = ({ kind, claims }: TraceRecord) => {
        if (kind === "application") seen.push({ claims, length: claims.length });
        claims.fill(0);
      };
      const hooks = { clientHooks: { trace }, serverHooks: { trace } };
      const pair = await live({ backend, level, codec: "cbor", protocol: "sealwire.v1.cbor", ...hooks });
      const got: unknown[] = [];
      sessionOf(pair, "server").handle("t", (data) => void got.push(data));
      await sessionOf(pair, "client").send("t", { n: 1 });
      await until(() => got.length === 1);
      expect(got).toEqual([{ n: 1 }]);
      expect(seen).toHaveLength(2);
      for (const { claims, length } of seen)
        expect([claims.constructor, claims.buffer.byteLength]).toEqual([Uint8Array, length]);
    }
  });

  it.each(BACKENDS)("trace that throws changes nothing, $name", async (backend) => {
    const trace = () => {
      throw new Error("from trace");
    };
    const pair = await live({ backend, clientHooks: { trace }, serverHooks: { trace } });
    pair.server.session!.handle("echo", (d) => d);
    expect(await pair.client.session!.request("echo", 1)).toBe(1);
    expect(await pair.client.session!.close()).toMatchObject({ clean: true });
    await released(pair);
  });

  it("a listener of onDenied that throws is reported, and the others hear", async () => {
    const pair = await live({ serverHooks: { authorize: () => false } });
    const heard: number[] = [];
    pair.client.session!.onDenied(() => {
      throw new Error("from a listener");
    });
    pair.client.session!.onDenied(({ seq }) => void heard.push(seq));
    await pair.client.session!.send("t", 1);
    await until(() => heard.length === 1);
    expect(pair.errors.client).toMatchObject([{ code: "E_HANDLER" }]);
    expect(pair.client.info).toBe(undefined);
  });

  it("data changed while authorize() takes its time: what was checked is what is sent", async () => {
    const { promise, open } = gate<boolean>();
    const asked: unknown[] = [];
    const authorize = ({ direction, data }: { direction: string; data: unknown }) => {
      if (direction === "in") return true;
      asked.push(structuredClone(data));
      return promise;
    };
    const pair = await live({ serverHooks: { authorize } });
    const got: unknown[] = [];
    pair.client.session!.handle("t", (d) => void got.push(d));
    const data: Record<string, unknown> = { public: 1, bytes: [1] };
    const bytes = new Uint8Array([1, 2, 3]);
    const sent = [pair.server.session!.send("t", data as never), pair.server.session!.send("t", bytes)];
    data.secret = Number.NaN;
    bytes.fill(9);
    open(true);
    await Promise.all(sent);
    await until(() => got.length === 2);
    expect(got).toEqual([{ public: 1, bytes: [1] }, new Uint8Array([1, 2, 3])]);
    expect(asked).toEqual(got);
  });

  it("a policy that never answers holds nothing up when the session ends [close:cleanup]", async () => {
    const never = new Promise<boolean>(() => {});
    const pair = await live({
      serverHooks: { authorize: ({ direction }) => (direction === "out" ? never : true) },
    });
    const work = [
      pair.server.session!.send("t", 1),
      pair.server.session!.request("t", 1),
      pair.server.session!.send("t", 2),
    ];
    const results = Promise.allSettled(work);
    await pair.client.session!.close();
    for (const result of await results)
      expect(result).toMatchObject({ status: "rejected", reason: { code: "E_CLOSED" } });
    await released(pair);
  });
});

describe("a peer that is not", () => {
  it("messages refused for their time cost their rate like others [limit:rate]", async () => {
    const pair = await live({ limits: { itemsPerSecond: 2, itemsBurst: 3 } });
    const puppet = Puppet.seize(pair);
    for (let i = 0; i < 12; i++) puppet.deliver(await puppet.message(puppet.claims({ exp: NOW - 100, dat: i })));
    await settle();
    expect(controlsOf(pair, "server").length).toBeLessThan(6);
    expect(pair.link.server.paused).toBe(true);
    await pair.clock.advance(10_000);
    const refused = controlsOf(pair, "server").filter((c) => c.top === "err");
    expect(refused.map((c) => [c.code, c.ref])).toEqual(Array.from({ length: 12 }, (_, i) => ["E_EXPIRED", i + 1]));
  });

  it("after a fatal error nothing that still waited is handled [seq:replay]", async () => {
    const { promise, open } = gate();
    const pair = await live({ limits: { concurrentHandlers: 2 } });
    let started = 0;
    pair.server.session!.handle("t", async () => {
      started++;
      await promise;
    });
    const puppet = Puppet.seize(pair);
    const first = await puppet.message();
    puppet.deliver(first);
    for (let i = 0; i < 9; i++) puppet.deliver(await puppet.message());
    puppet.deliver(first);
    // It takes no notice of the close frame, so the connection lasts a little longer.
    mute(pair, "server");
    await until(() => pair.server.connection.failed);
    open();
    await settle();
    expect(started).toBe(2);
    await pair.clock.advance(5000);
    expect(started).toBe(2);
  });
});
