import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import type { Data } from "../../src/wire/json.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, end, LEVELS, live, sentBy, seqsOf, upTo, WIRES } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const CODECS = ["json", "cbor"] as const;

describe("messages of one turn", () => {
  for (const level of LEVELS)
    for (const codec of CODECS)
      it.each(WIRES)(
        `share a number, and come in order, each by itself, ${level}, ${codec}, %s [batch:list]`,
        async (protocol) => {
          const pair = await live({ level, codec, protocol });
          const [client, server] = [pair.client.session!, pair.server.session!];
          const seen: unknown[] = [];
          for (const topic of ["a", "b"])
            server.handle(topic, (d, { message }) => {
              seen.push([topic, d, message.seq, message.index]);
              return typeof d === "number" ? d * 2 : null;
            });
          const sent = [client.send("a", { x: [1, "é", null] }), client.send("b", "two")];
          const reply = client.request("a", 21);
          expect(await Promise.all(sent)).toEqual([
            { session: client.id, seq: 1, index: 0 },
            { session: client.id, seq: 1, index: 1 },
          ]);
          expect(await reply).toBe(42);
          expect(await client.send("b", "alone")).toEqual({ session: client.id, seq: 2 });
          await until(() => seen.length === 4);
          expect(seen).toEqual([
            ["a", { x: [1, "é", null] }, 1, 0],
            ["b", "two", 1, 1],
            ["a", 21, 1, 2],
            ["b", "alone", 2, undefined],
          ]);
          expect(seqsOf(pair, "client")).toEqual([1, 2]);
          expect(await client.close()).toMatchObject({ clean: true });
        },
      );

  it("replies of one turn share one as well, and reach their requests", async () => {
    const pair = await live();
    pair.server.session!.handle("double", (n) => 2 * (n as number));
    const replies = await Promise.all(upTo(10).map((n) => pair.client.session!.request("double", n)));
    expect(replies).toEqual(upTo(10).map((n) => 2 * n));
    expect([seqsOf(pair, "client"), seqsOf(pair, "server")]).toEqual([[1], [1]]);
    expect(sentBy(pair, "server")[0]?.bat).toEqual(upTo(10).map((n) => ["double", [1, n - 1], 2 * n]));
  });

  it("what was given is what is sent: the caller goes on with its memory", async () => {
    const pair = await live({ codec: "cbor" });
    const seen: Data[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    const [bytes, object] = [new Uint8Array([1, 2, 3]), { n: 1 }];
    for (const n of upTo(3)) {
      bytes.fill(n);
      object.n = n;
      void pair.client.session!.send("t", bytes);
      void pair.client.session!.send("t", object);
    }
    await until(() => seen.length === 6);
    expect(seen).toEqual(upTo(3).flatMap((n) => [new Uint8Array([n, n, n]), { n }]));
    expect(seqsOf(pair, "client")).toEqual([1]);
  });

  it("the data may send while it is read", async () => {
    const pair = await live();
    const client = pair.client.session!;
    const seen: Data[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    let reads = 0;
    const tricky = {
      get x() {
        if (++reads > 1) void client.send("t", `read ${reads}`);
        return 1;
      },
    };
    void client.send("t", "first");
    const joined = await client.send("t", tricky).catch((e: unknown) => e);
    reads = 0;
    const alone = await client.send("t", tricky).catch((e: unknown) => e);
    await client.send("t", "last");
    await settle();
    expect(joined).toMatchObject({ seq: 1 });
    expect(alone).toBeInstanceOf(TypeError);
    expect(seen[0]).toBe("first");
    expect(seen.at(-1)).toBe("last");
    expect(new Set(seqsOf(pair, "client")).size).toBe(seqsOf(pair, "client").length);
    expect(pair.client.info).toBe(undefined);
  });

  it("what is sent on another session while data is read stays there", async () => {
    const [pair, elsewhere] = await Promise.all([live({ codec: "cbor" }), live({ codec: "cbor" })]);
    const seen: Data[] = [];
    for (const { server } of [pair, elsewhere]) server.session!.handle("t", (d) => void seen.push(d));
    const tricky = {
      get x() {
        void elsewhere.client.session!.send("t", { secret: 1 });
        return 1;
      },
    };
    for (const first of [undefined, "first"]) {
      if (first !== undefined) void pair.client.session!.send("t", first);
      expect(await pair.client.session!.send("t", tricky).catch((e: unknown) => e)).toBeInstanceOf(TypeError);
    }
    await pair.client.session!.send("t", "last");
    await until(() => seen.includes("last"));
    const sent = pair.trace.client.map(({ claims }) => Buffer.from(claims).toString("latin1")).join();
    expect(sent).not.toContain("secret");
    expect(pair.server.info).toBe(undefined);
    expect(pair.trace.client.map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

describe("what keeps messages apart", () => {
  it("64 items, and 16 KiB", async () => {
    const pair = await live();
    const seen: Data[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    for (const n of upTo(130)) void pair.client.session!.send("t", n);
    await until(() => seen.length === 130);
    expect(sentBy(pair, "client").map(({ bat }) => (bat as unknown[]).length)).toEqual([64, 64, 2]);
    for (const _ of upTo(5)) void pair.client.session!.send("t", "x".repeat(6000));
    await until(() => seen.length === 135);
    expect(
      sentBy(pair, "client")
        .slice(3)
        .map(({ bat }) => (bat as unknown[] | undefined)?.length),
    ).toEqual([2, 2, undefined]);
    await pair.client.session!.send("t", "y".repeat(20_000));
    expect(seqsOf(pair, "client")).toEqual(upTo(7));
  });

  it("another expiry, a message id, bytes in codec json, data that is as deep as it may be, the option [batch:alone]", async () => {
    const pair = await live({ clientHooks: { batch: true } });
    const client = pair.client.session!;
    const seen: Data[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    let deep: Data = 0;
    for (const _ of upTo(30)) deep = [deep];
    const sends = [
      () => client.send("t", 1, { ttl: 10 }),
      () => client.send("t", 2, { ttl: 20 }),
      () => client.send("t", 3, { ttl: 20, idempotent: true }),
      () => client.send("t", 4, { ttl: 20 }),
      () => client.send("t", new Uint8Array(3), { ttl: 20 }),
      () => client.send("t", deep, { ttl: 20 }),
      () => client.send("t", 5, { ttl: 20 }),
    ];
    await Promise.all(sends.map((send) => send()));
    await until(() => seen.length === sends.length);
    expect(sentBy(pair, "client").map(({ bat }) => bat)).toEqual(sends.map(() => undefined));
    const apart = await live({ batch: false });
    for (const n of upTo(3)) void apart.client.session!.send("t", n);
    await settle();
    expect(seqsOf(apart, "client")).toEqual(upTo(3));
  });

  it("a control message stands behind what was sent before it, and what comes after has another number [batch:turn]", async () => {
    const pair = await live();
    const client = pair.client.session!;
    const seen: Data[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    void client.send("t", 1);
    void client.send("t", 2);
    client.probe(60_000);
    void client.send("t", 3);
    void client.send("t", 4);
    const closed = client.close();
    await expect(client.send("t", 5)).rejects.toMatchObject({ code: "E_CLOSED" });
    expect(await closed).toMatchObject({ clean: true });
    expect(seen).toEqual(upTo(4));
    expect(controlsOf(pair, "client").map(({ seq, top }) => [seq, top])).toEqual([
      [2, "ping"],
      [4, "bye"],
    ]);
  });
});

describe("refused items", () => {
  it("one is refused by its index, and the others are not [batch:isolated]", async () => {
    const pair = await live({ serverHooks: { authorize: ({ topic }: { topic: string }) => topic !== "no" } });
    const client = pair.client.session!;
    const [seen, denied]: unknown[][] = [[], []];
    client.onDenied((d) => denied?.push(d));
    pair.server.session!.handle("t", (d) => seen?.push(d));
    const sent = [client.send("t", 1), client.send("no", 2), client.send("t", 3)];
    await expect(client.request("no", 4)).rejects.toMatchObject({ code: "E_DENIED", remote: true, ref: 1 });
    await Promise.all(sent);
    await until(() => denied?.length === 1);
    expect([seen, denied]).toEqual([[1, 3], [{ topic: "no", seq: 1, index: 1, code: "E_DENIED" }]]);
  });

  it("a batch that is refused as a whole fails each of its requests, and is told for each of its messages", async () => {
    const pair = await live();
    const client = pair.client.session!;
    const denied: unknown[] = [];
    client.onDenied((d) => denied.push(d));
    const puppet = Puppet.seize(pair, "server");
    pair.link.tap = () => [];
    const results = Promise.allSettled([client.request("q", 1), client.request("q", 2), client.request("q", 3)]);
    void client.send("t", 4);
    await settle();
    puppet.deliver(await puppet.control({ top: "err", code: "E_EXPIRED", ref: 1, rcv: 1 }));
    expect(await results).toMatchObject(upTo(3).map(() => ({ status: "rejected", reason: { ref: 1, remote: true } })));
    expect(denied).toEqual([{ topic: "t", seq: 1, index: 3, code: "E_EXPIRED" }]);
  });

  it("the first refusal of each item is free, and no more [ctl:budget]", async () => {
    const limits = { controlPerSecond: 1, controlBurst: 2, heartbeatSeconds: 9999 };
    const pair = await live({ limits, serverHooks: { authorize: ({ topic }: { topic: string }) => topic !== "no" } });
    const client = pair.client.session!;
    for (const n of upTo(200)) void client.send("no", n);
    await until(() => controlsOf(pair, "server").length === 200);
    await settle();
    expect(pair.client.info).toBe(undefined);
    const puppet = Puppet.seize(pair, "server");
    puppet.seq = 200;
    for (const i of upTo(4))
      puppet.deliver(await puppet.control({ top: "err", code: "E_DENIED", ref: [1, i], rcv: 4 }));
    expect((await end(pair, "client")).error).toMatchObject({ code: "E_QUOTA", remote: false });
  });
});

describe("a number that is used and not sealed", () => {
  it.each([
    ["rcv", { top: "ack", rcv: 1 }, "E_SEQ"],
    ["ref", { top: "err", code: "E_DENIED", ref: 1 }, "E_CLAIMS"],
  ])("is none that the peer can name: %s [ctl:rcv] [req:ref-unsent]", async (_, message, code) => {
    // Reads at once what has come, so that it is before the end of the turn.
    const pair = await live({ backend: node });
    const puppet = Puppet.seize(pair, "server");
    const forged = await puppet.control(message);
    puppet.deliver(forged);
    // Before what was delivered is read, and sealed after that.
    void pair.client.session!.send("t", 1);
    expect((await end(pair, "client")).error).toMatchObject({ code });
  });
});
