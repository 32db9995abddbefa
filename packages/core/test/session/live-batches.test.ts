import { describe, expect, it } from "vitest";
import { settle, until } from "../support/clock.ts";
import { controlsOf, LEVELS, live, upTo } from "../support/live.ts";
import { type Claims, Puppet } from "../support/puppet.ts";
import { resumable } from "../support/reconnect.ts";

const bat = (...items: unknown[]): Claims => ({ top: undefined, dat: undefined, bat: items });

describe("received batches", () => {
  for (const level of LEVELS) {
    for (const codec of ["json", "cbor"] as const) {
      it(`items are delivered one by one, in order, between the messages around them, ${level}, ${codec} [batch:list]`, async () => {
        const asked: unknown[] = [];
        const authorize = (r: unknown) => {
          asked.push(r);
          return true;
        };
        const pair = await live({ level, codec, serverHooks: { authorize } });
        const seen: unknown[] = [];
        for (const top of ["a", "b"])
          pair.server.session!.handle(top, (d, { message }) => void seen.push([top, d, message.seq, message.index]));
        const puppet = Puppet.seize(pair);
        puppet.deliver(
          await puppet.message(puppet.claims({ top: "a", dat: 0 })),
          await puppet.message(puppet.claims(bat(["a", null, 1], ["b", null, 2], ["a", null, 3]))),
          await puppet.message(puppet.claims({ top: "b", dat: 4 })),
        );
        await until(() => seen.length === 5);
        expect(seen).toEqual([
          ["a", 0, 1, undefined],
          ["a", 1, 2, 0],
          ["b", 2, 2, 1],
          ["a", 3, 2, 2],
          ["b", 4, 3, undefined],
        ]);
        expect(asked).toMatchObject(
          seen.map((s) => ({
            topic: (s as unknown[])[0],
            direction: "in",
            kind: "message",
            data: (s as unknown[])[1],
          })),
        );
      });
    }
  }

  it("a batch of 256 items [batch:list]", async () => {
    const pair = await live({ limits: { concurrentHandlers: 1000 } });
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    const puppet = Puppet.seize(pair);
    puppet.deliver(await puppet.message(puppet.claims(bat(...upTo(256).map((i) => ["t", null, i])))));
    await until(() => seen.length === 256);
    expect(seen).toEqual(upTo(256));
  });

  it("order holds where the decision about an item takes its time [batch:list]", async () => {
    const authorize = ({ data }: { data: unknown }) =>
      new Promise<boolean>((r) => setTimeout(() => r(true), data === 1 ? 20 : 0));
    const pair = await live({ serverHooks: { authorize } });
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    const puppet = Puppet.seize(pair);
    puppet.deliver(await puppet.message(puppet.claims(bat(["t", null, 1], ["t", null, 2], ["t", null, 3]))));
    await until(() => seen.length === 3);
    expect(seen).toEqual([1, 2, 3]);
  });

  it("each item is decided by itself, refused by itself and named by [seq, index] [batch:isolated] [req:failure]", async () => {
    const authorize = ({ topic }: { topic: string }) => !topic.startsWith("no");
    const pair = await live({ serverHooks: { authorize } });
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => {
      seen.push(d);
      if (d === "throw") throw new Error("no");
      return d;
    });
    const puppet = Puppet.seize(pair);
    await puppet.message();
    puppet.seq = 0;
    puppet.deliver(
      await puppet.message(puppet.claims({ top: "t", dat: "one" })),
      await puppet.message(
        puppet.claims(
          bat(
            ["no", null, 0],
            ["t", null, "throw", true],
            ["unhandled", null, 2, true],
            ["no", null, 3, true],
            ["t", null, "last"],
          ),
        ),
      ),
    );
    await until(() => seen.length === 3);
    await settle();
    expect(seen).toEqual(["one", "throw", "last"]);
    const errs = controlsOf(pair, "server").map(({ code, ref }) => ({ code, ref }));
    expect(errs).toHaveLength(4);
    expect(errs).toEqual(
      expect.arrayContaining([
        { code: "E_DENIED", ref: [2, 0] },
        { code: "E_HANDLER", ref: [2, 1] },
        { code: "E_NO_HANDLER", ref: [2, 2] },
        { code: "E_DENIED", ref: [2, 3] },
      ]),
    );
  });

  it("a reply to an item refers to the item; a reply in a batch reaches its request [batch:list] [req:reply]", async () => {
    const pair = await live({ batch: false });
    pair.server.session!.handle("q", (d) => `answer ${d}`);
    const asked = pair.server.session!.request("up", 7);
    const puppet = Puppet.seize(pair);
    puppet.deliver(
      await puppet.message(puppet.claims(bat(["q", null, 1, true], ["up", 1, "reply"], ["q", null, 2, true]))),
    );
    expect(await asked).toBe("reply");
    await until(() => pair.trace.server.filter((r) => r.direction === "out").length === 3);
    const out = pair.trace.server
      .filter((r) => r.direction === "out")
      .map((r) => JSON.parse(Buffer.from(r.claims).toString()));
    expect(out.slice(1)).toMatchObject([
      { top: "q", ref: [1, 0], dat: "answer 1" },
      { top: "q", ref: [1, 2], dat: "answer 2" },
    ]);
  });

  it("a batch refused in step time is refused once, by its seq [req:failure]", async () => {
    const pair = await live();
    pair.server.session!.handle("t", () => expect.unreachable("expired"));
    const puppet = Puppet.seize(pair);
    const exp = pair.clock.unix() / 1000 - 1000;
    puppet.deliver(await puppet.message(puppet.claims({ ...bat(["t", null, 1], ["t", null, 2, true]), exp })));
    await until(() => controlsOf(pair, "server").length === 1);
    await settle();
    expect(controlsOf(pair, "server")).toEqual([{ seq: 1, top: "err", code: "E_EXPIRED", ref: 1, rcv: 1 }]);
  });

  it("of which another server had a part is refused by the items that are left [req:failure]", async () => {
    const { pair, server } = await resumable();
    server.life.ledger.part = { seq: 1, settled: [0, 2] };
    const puppet = Puppet.seize(pair);
    const exp = pair.clock.unix() / 1000 - 1000;
    const items = bat(["t", null, 1], ["t", null, 2, true], ["t", null, 3], ["t", null, 4]);
    puppet.deliver(await puppet.message(puppet.claims({ ...items, exp })));
    await settle();
    expect(controlsOf(pair, "server")).toEqual([
      { seq: 1, top: "err", code: "E_EXPIRED", ref: [1, 1], rcv: 1 },
      { seq: 2, top: "err", code: "E_EXPIRED", ref: [1, 3], rcv: 1 },
    ]);
  });

  it("each item is one unit of the rate [limit:rate]", async () => {
    const pair = await live({ limits: { itemsPerSecond: 1, itemsBurst: 4 } });
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    const puppet = Puppet.seize(pair);
    const ten = upTo(10).map((i) => ["t", null, i]);
    puppet.deliver(
      await puppet.message(puppet.claims(bat(...ten))),
      await puppet.message(puppet.claims({ dat: "next" })),
    );
    await settle();
    expect(seen).toEqual(upTo(10));
    await pair.clock.advance(5_999);
    expect(seen).toHaveLength(10);
    await pair.clock.advance(1);
    expect(seen).toEqual([...upTo(10), "next"]);
  });
});
