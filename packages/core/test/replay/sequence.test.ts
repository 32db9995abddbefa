import { compactDecrypt } from "jose";
import { describe, expect, it } from "vitest";
import { SeqSet } from "../../src/replay/seq-set.ts";
import { StrictCounter } from "../../src/replay/strict.ts";
import { settle, until } from "../support/clock.ts";
import type { Direction } from "../support/link.ts";
import { attacked, CLAIMS, expectFatal, LEVELS, type Make, type Verdict, WIRES } from "../support/messages.ts";
import { openPair, type Pair } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { expectRefusal } from "../support/tamper.ts";

type Level = (typeof LEVELS)[number];
/** Where the number is looked at: outside the ciphertext, or in the claims. */
const stage = (level: Level) => (level === "aead" || level === "nest" ? "sequence" : "claims");
const replay = (at: Verdict["stage"]): Verdict => ({ code: "E_REPLAY", stage: at, close: 4502 });
const gap = (at: Verdict["stage"]): Verdict => ({ code: "E_SEQ", stage: at, close: 4502 });

describe.each(WIRES)("%s", (protocol) => {
  describe.each(LEVELS)("%s", (level) => {
    const at = { level, protocol } as const;
    /** Three messages one way, over a wire on which somebody rearranges them. */
    async function three(
      direction: Direction,
      rearrange: (i: number) => number[],
    ): Promise<{ pair: Pair; got: unknown[] }> {
      const pair = await openPair({ ...at, batch: false, serverHooks: { authorize: () => true } });
      const [from, to] = direction === "c2s" ? [pair.client, pair.server] : [pair.server, pair.client];
      const got: unknown[] = [];
      to.session!.handle("t", (data) => {
        got.push(data);
      });
      const seen: Parameters<typeof pair.link.tap>[1][] = [];
      pair.link.tap = (d, payload) => {
        if (d !== direction) return [payload];
        seen.push(payload);
        return rearrange(seen.length).map((i) => seen[i - 1]!);
      };
      // It may end in between.
      await Promise.allSettled([1, 2, 3].map((n) => from.session!.send("t", n)));
      await until(() => to.info !== undefined || got.length === 3, "an end");
      return { pair, got };
    }

    it.each(["c2s", "s2c"] as const)("nobody in between: all arrive, %s", async (direction) => {
      const { got } = await three(direction, (i) => [i]);
      expect(got).toEqual([1, 2, 3]);
    });
    it.each([
      ["repeated at once", (i: number) => (i === 1 ? [1, 1] : [i]), [1]],
      ["repeated later", (i: number) => (i === 3 ? [1] : [i]), [1, 2]],
      ["sent again before the next", (i: number) => (i === 2 ? [1, 2] : [i]), [1]],
    ] as const)("%s [seq:replay]", async (_, rearrange, before) => {
      for (const direction of ["c2s", "s2c"] as const) {
        const { pair, got } = await three(direction, rearrange as (i: number) => number[]);
        await expectRefusal(pair, { side: direction === "c2s" ? "server" : "client", ...replay(stage(level)) });
        expect(got).toEqual(before);
      }
    });
    it.each([
      ["dropped", (i: number) => (i === 2 ? [] : [i]), [1]],
      ["the first dropped", (i: number) => (i === 1 ? [] : [i]), []],
      ["swapped", (i: number) => (i === 1 ? [] : i === 2 ? [2, 1] : [i]), []],
    ] as const)("%s [seq:gap]", async (_, rearrange, before) => {
      for (const direction of ["c2s", "s2c"] as const) {
        const { pair, got } = await three(direction, rearrange as (i: number) => number[]);
        await expectRefusal(pair, { side: direction === "c2s" ? "server" : "client", ...gap(stage(level)) });
        expect(got).toEqual(before);
      }
    });

    it("the number 0, and one far ahead [seq:gap]", async () => {
      const zero: Make = (p) => p.message(p.claims({ seq: 0 }), { seq: 0 });
      await expectFatal(zero, stage(level) === "sequence" ? gap("sequence") : CLAIMS, at);
      for (const seq of [2, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])
        await expectFatal((p) => p.message(p.claims({ seq }), { seq }), gap(stage(level)), at);
    });

    it("control messages share the sequence, and are looked at before decryption [seq:replay] [seq:gap]", async () => {
      const { pair, puppet } = await attacked(at);
      const ping = await puppet.control({ top: "ping" });
      puppet.deliver(ping, ping);
      await expectRefusal(pair, { side: "server", ...replay("sequence") });
      await expectFatal((p) => p.control({ top: "ping" }, { seq: 2 }), gap("sequence"), at);
      await expectFatal((p) => p.control({ top: "ping" }, { seq: 0 }), gap("sequence"), at);
    });

    it("a number in the claims that is not that of the IV or frame [seq:equal]", async () => {
      const control: Make = (p) => p.control({ top: "ping", seq: 2 }, { seq: 1 });
      await expectFatal(control, gap("claims"), at);
      if (stage(level) === "sequence")
        await expectFatal((p) => p.message(p.claims({ seq: 2 }), { seq: 1 }), gap("claims"), at);
    });
  });

  it("the binary frame's or the IV's number is changed on the way [aead:iv]", async () => {
    // The nonce is another one: it does not open, or the number is not the next.
    const make: Make = async (p) => p.toWire(await p.encrypt(p.header, p.encode(p.claims()), 1), 0, 1);
    const { puppet, pair, got } = await attacked({ protocol });
    puppet.deliver(await make(puppet));
    await settle();
    expect(got).toEqual([1]);
    const text = await puppet.encrypt(puppet.header, puppet.encode(puppet.claims({ seq: 3 })), 3);
    const [header, , , ct, tag] = text.split(".");
    const iv = Buffer.from(puppet.nonce(2)).toString("base64url");
    puppet.deliver(puppet.toWire([header, "", iv, ct, tag].join("."), 0, 2));
    await expectRefusal(pair, { side: "server", code: "E_CRYPTO", stage: "crypto", close: 4501 });
  });
});

describe("messages are numbered 1, 2, 3, control in between [seq:send]", () => {
  it.each(WIRES)("%s", async (protocol) => {
    const pair = await openPair({
      batch: false,
      protocol,
      level: "mac",
      codec: "json",
      serverHooks: { authorize: ({ topic }) => topic !== "no" },
    });
    const [client, server] = [pair.client.session!, pair.server.session!];
    server.handle("t", () => null);
    const seqs = { c2s: [] as number[], s2c: [] as number[] };
    await client.send("t", 1);
    await client.send("no", 2);
    await client.request("t", 3);
    await pair.clock.advance(30_000);
    await server.send("t", 4);
    await client.send("t", 5);
    await settle();
    for (const direction of ["c2s", "s2c"] as const) {
      const puppet = new Puppet(pair, direction === "c2s" ? "client" : "server");
      for (const { payload } of pair.link.log.filter((e) => e.direction === direction).slice(2)) {
        const text = puppet.toText(payload);
        const plain =
          text.split(".").length === 3
            ? Buffer.from(text.split(".")[1]!, "base64url")
            : (await compactDecrypt(text, puppet.key("key"))).plaintext;
        seqs[direction].push(JSON.parse(Buffer.from(plain).toString()).seq);
      }
    }
    // message, message, request, pong, message; err, reply, ping, message.
    expect(seqs).toEqual({ c2s: [1, 2, 3, 4, 5], s2c: [1, 2, 3, 4] });
  });
});

describe("the counter", () => {
  it("takes the next number only, and changes by commit alone [seq:commit]", () => {
    const counter = new StrictCounter();
    for (let seq = 1; seq <= 100; seq++) {
      for (const wrong of [0, -1, seq - 1, seq + 1, seq + 2 ** 32]) expect(() => counter.check(wrong)).toThrow();
      counter.check(seq);
      counter.check(seq);
      expect(counter.last).toBe(seq - 1);
      counter.commit(seq);
      // Two that were opened at the same time: the second commit is refused.
      expect(() => counter.commit(seq)).toThrow(expect.objectContaining({ code: "E_REPLAY" }));
    }
    expect(() => counter.check(50)).toThrow(expect.objectContaining({ code: "E_REPLAY" }));
    expect(() => counter.check(100)).toThrow(expect.objectContaining({ code: "E_REPLAY" }));
    expect(() => counter.check(102)).toThrow(expect.objectContaining({ code: "E_SEQ" }));
    expect(() => counter.check(0)).toThrow(expect.objectContaining({ code: "E_SEQ" }));
  });

  it("a set of numbers knows each of them once", () => {
    const set = new SeqSet();
    for (const seq of [1, 7, 8, 9, 1000, 3, 2 ** 24]) {
      expect(set.add(seq)).toBe(true);
      expect(set.add(seq)).toBe(false);
    }
    expect([set.add(2), set.add(999), set.add(1000), set.add(2 ** 24 - 1)]).toEqual([true, true, false, true]);
  });
});
