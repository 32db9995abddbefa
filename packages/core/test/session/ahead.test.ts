import { describe, expect, it, onTestFinished, vi } from "vitest";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { SealwireError } from "../../src/errors.ts";
import { Ahead } from "../../src/session/ahead.ts";
import { settle, until } from "../support/clock.ts";
import { Gated } from "../support/gated.ts";
import { end, gate, type Live, live, seqsOf, upTo, WIRES } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";
import { sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

/** What was decoded, by both ends. */
const decoded = vi.hoisted((): unknown[] => []);

vi.mock("../../src/session/payload.ts", async (original) => {
  const actual = (await original()) as typeof import("../../src/session/payload.ts");
  const decodePayload: typeof actual.decodePayload = (wire, payload) => {
    decoded.push(payload);
    return actual.decodePayload(wire, payload);
  };
  return { ...actual, decodePayload };
});

interface Gates {
  readonly pair: Live;
  readonly gated: Gated;
  readonly got: unknown[];
}

/** The server's cipher opens later. Something was opened before, so that it is known to. */
async function opensLater(): Promise<Gates> {
  const gated = new Gated(["open"]);
  const pair = await live({ codec: "cbor", serverBackend: gated.backend, clientHooks: { batch: false } });
  const got: unknown[] = [];
  sessionOf(pair, "server").handle("t", (data) => void got.push(data));
  await sessionOf(pair, "client").send("t", 0);
  await settle();
  got.length = 0;
  gated.closed = true;
  return { pair, gated, got };
}

/** The client's cipher seals later. */
async function sealsLater(): Promise<Gates> {
  const gated = new Gated(["seal"]);
  const pair = await live({ codec: "cbor", backend: gated.backend, clientHooks: { batch: false } });
  const got: unknown[] = [];
  sessionOf(pair, "server").handle("t", (data) => void got.push(data));
  await settle();
  gated.closed = true;
  return { pair, gated, got };
}

const sendAll = ({ pair }: Gates, numbers: readonly number[]): Promise<unknown>[] =>
  numbers.map((n) => sessionOf(pair, "client").send("t", n));

const sizes = (count: number, bytes: number): Uint8Array[] => upTo(count).map((n) => new Uint8Array(bytes).fill(n));

/** To compare every byte of them takes seconds. */
const lengthAndFirst = (data: unknown): number[] => [(data as Uint8Array).length, (data as Uint8Array)[0] as number];

describe("a cipher that answers later has several to open", () => {
  it("whichever is opened first, they are delivered in order [level:fifo]", async () => {
    const gates = await opensLater();
    sendAll(gates, upTo(5));
    await settle();
    expect(gates.gated.work).toHaveLength(5);
    await gates.gated.open();
    expect(gates.got).toEqual(upTo(5));
  });

  it("what is delivered makes room for the next ones, which are begun together", async () => {
    const { gated, got, ...gates } = await opensLater();
    sendAll({ gated, got, ...gates }, upTo(100));
    await settle();
    let times = 0;
    for (const n of upTo(100)) {
      const left = gated.work.length - 1;
      gated.work.shift()?.release();
      await settle();
      expect(got).toEqual(upTo(n));
      if (gated.work.length === left) continue;
      times++;
      // It never had nothing to do, nor was woken for each of them.
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(16);
      expect(gated.work).toHaveLength(Math.min(32, 100 - n));
    }
    expect(got).toHaveLength(100);
    expect(times).toBeGreaterThan(2);
    expect(times).toBeLessThan(16);
  });

  it("large ones do not wait for each other: a call costs little beside the work", async () => {
    const { pair, gated, got } = await opensLater();
    for (const data of sizes(20, 60_000)) void sessionOf(pair, "client").send("t", data);
    await settle();
    for (const n of upTo(4)) {
      gated.work.shift()?.release();
      await settle();
      expect(got).toHaveLength(n);
      expect(gated.work).toHaveLength(Math.min(17, 20 - n));
    }
    await gated.open();
    expect(got).toHaveLength(20);
  });

  it("one that does not open ends it in its turn: those before it are delivered, none behind it [seq:commit]", async () => {
    const gates = await opensLater();
    const { pair, gated, got } = gates;
    pair.link.tap = (_, payload, index) => {
      if (index === 5) (payload as Uint8Array)[payload.length - 1]! ^= 1;
      return [payload];
    };
    const before = pair.link.log.filter(({ direction }) => direction === "c2s").length;
    sendAll(gates, upTo(8));
    await settle();
    expect(gated.work).toHaveLength(8);
    await gated.open();
    expect(got).toEqual(upTo(5 - before));
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_CRYPTO" });
    expect(got).toEqual(upTo(5 - before));
  });

  it("a replay costs no cryptography, also while the original is being opened [seq:replay]", async () => {
    const { pair, gated } = await opensLater();
    const puppet = Puppet.seize(pair);
    puppet.seq = 1;
    const payload = await puppet.message();
    puppet.deliver(payload, payload, payload);
    await settle();
    expect(gated.calls).toBe(1);
    await gated.open();
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_REPLAY", stage: "sequence" });
    expect(gated.calls).toBe(1);
  });

  it("what stands behind a gap is not opened [seq:gap]", async () => {
    const { pair, gated } = await opensLater();
    const puppet = Puppet.seize(pair);
    puppet.seq = 1;
    const [one, , three] = [await puppet.message(), await puppet.message(), await puppet.message()];
    puppet.deliver(one as Uint8Array, three as Uint8Array);
    await settle();
    await gated.open();
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_SEQ", stage: "sequence" });
    expect(gated.calls).toBe(1);
  });

  it("keys change among them [rekey:answer]", async () => {
    const gates = await opensLater();
    const { pair, gated, got } = gates;
    sendAll(gates, [1, 2]);
    sessionOf(pair, "client").rekey();
    sendAll(gates, [3, 4]);
    for (let i = 0; i < 6; i++) {
      await gated.release();
      await settle();
    }
    sendAll(gates, [5, 6]);
    for (let i = 0; i < 6; i++) {
      await gated.release();
      await settle();
    }
    expect(got).toEqual(upTo(6));
    expect(sessionOf(pair, "server").epochs).toEqual({ send: 1, receive: 1 });
  });

  it("the goodbye among them is the end, and clean", async () => {
    const gates = await opensLater();
    sendAll(gates, [1, 2]);
    void sessionOf(gates.pair, "client").close();
    await settle();
    expect(gates.gated.work).toHaveLength(3);
    await gates.gated.open();
    expect(gates.got).toEqual([1, 2]);
    expect(await end(gates.pair, "server")).toMatchObject({ clean: true });
  });

  it("this side ends the session meanwhile: none of them is delivered", async () => {
    const gates = await opensLater();
    sendAll(gates, upTo(4));
    await settle();
    gates.pair.server.connection.fail(new SealwireError("E_REVOKED"));
    await gates.gated.open();
    await settle();
    expect(gates.got).toEqual([]);
  });

  it.each(WIRES)("one that is no frame is decoded once, however much comes behind it, %s", async (protocol) => {
    const held = gate<boolean>();
    const pair = await live({ protocol, serverHooks: { authorize: () => held.promise } });
    const puppet = Puppet.seize(pair);
    puppet.deliver(await puppet.message());
    await settle();
    const [bad, more] = protocol === "sealwire.v1.text" ? ["e30..A.A.!", "x"] : [Uint8Array.of(0x84), Uint8Array.of(0)];
    puppet.deliver(bad as string | Uint8Array);
    for (const _ of upTo(5)) {
      puppet.deliver(more as string | Uint8Array);
      await settle();
    }
    held.open(true);
    expect((await end(pair, "server")).error).toMatchObject({ stage: "encoding" });
    expect(decoded.filter((payload) => payload === bad)).toHaveLength(1);
  });

  it("no more than 32 at once", async () => {
    const gates = await opensLater();
    const { work } = gates.gated;
    sendAll(gates, upTo(100));
    await settle();
    let most = work.length;
    while (work.length > 0) {
      work.shift()?.release();
      await settle();
      most = Math.max(most, work.length);
    }
    expect(most).toBe(32);
    expect(gates.got).toEqual(upTo(100));
  });

  it("no more than 1 MiB at once, and one whatever its size", async () => {
    const { pair, gated, got } = await opensLater();
    const all = sizes(8, 300_000);
    for (const data of all) void sessionOf(pair, "client").send("t", data);
    await settle();
    expect(gated.work).toHaveLength(3);
    expect(gated.bytes).toBeLessThan(1_048_576);
    await gated.open();
    expect(got.map(lengthAndFirst)).toEqual(all.map(lengthAndFirst));
  });
});

describe("a cipher that answers later has several to seal", () => {
  it("whichever is sealed first, they leave in order [seq:send]", async () => {
    const gates = await sealsLater();
    const sent = sendAll(gates, upTo(5));
    await settle();
    expect(gates.gated.work).toHaveLength(5);
    await gates.gated.open();
    await Promise.all(sent);
    await settle();
    expect(gates.got).toEqual(upTo(5));
    expect(seqsOf(gates.pair, "client")).toEqual(upTo(5));
  });

  it("one that cannot be sealed ends it: those before it are sent, none behind it", async () => {
    const gates = await sealsLater();
    gates.gated.fail(2);
    sendAll(gates, upTo(5));
    await settle();
    await gates.gated.open();
    expect((await end(gates.pair, "client")).error).toMatchObject({ code: "E_INTERNAL" });
    expect(seqsOf(gates.pair, "client")).toEqual([1, 2]);
    expect(gates.got).toEqual([1, 2]);
  });

  it("keys change among them [rekey:answer]", async () => {
    const gates = await sealsLater();
    sendAll(gates, [1, 2]);
    sessionOf(gates.pair, "client").rekey();
    sendAll(gates, [3, 4]);
    for (let i = 0; i < 6; i++) {
      await gates.gated.release();
      await settle();
    }
    sendAll(gates, [5, 6]);
    await settle();
    await gates.gated.open();
    await settle();
    expect(gates.got).toEqual(upTo(6));
    expect(seqsOf(gates.pair, "client")).toEqual(upTo(8));
    expect(sessionOf(gates.pair, "client").epochs).toEqual({ send: 1, receive: 1 });
  });

  it("the goodbye leaves behind them", async () => {
    const gates = await sealsLater();
    sendAll(gates, [1, 2]);
    const closed = sessionOf(gates.pair, "client").close();
    await settle();
    expect(gates.gated.work).toHaveLength(3);
    await gates.gated.open();
    expect(await closed).toMatchObject({ clean: true });
    expect(gates.got).toEqual([1, 2]);
  });

  it("no more than 32 at once, and no more than 1 MiB", async () => {
    const many = await sealsLater();
    sendAll(many, upTo(100));
    await settle();
    expect(many.gated.work).toHaveLength(32);
    await many.gated.open();
    await settle();
    expect(many.got).toEqual(upTo(100));
    const large = await sealsLater();
    for (const data of sizes(8, 300_000)) void sessionOf(large.pair, "client").send("t", data);
    await settle();
    expect(large.gated.work).toHaveLength(3);
    await large.gated.open();
    await settle();
    expect(large.got.map(lengthAndFirst)).toEqual(sizes(8, 300_000).map(lengthAndFirst));
  });
});

describe("WebCrypto has several under way", () => {
  const { subtle } = crypto;

  /** Something was sent before: both ends know that the cipher answers later. */
  async function under(): Promise<{ pair: Live; got: unknown[] }> {
    const pair = await live({ codec: "cbor", backend: webcrypto, clientHooks: { batch: false } });
    const got: unknown[] = [];
    sessionOf(pair, "server").handle("t", (data) => void got.push(data));
    await sessionOf(pair, "client").send("t", 0);
    await until(() => got.length === 1, "the first one");
    got.length = 0;
    return { pair, got };
  }

  it("no IV is written over before the call that was given it has ended [aead:nonce]", async () => {
    const { pair, got } = await under();
    const used: Record<"encrypt" | "decrypt", string[]> = { encrypt: [], decrypt: [] };
    const busy = new Set<unknown>();
    let most = 0;
    for (const name of ["encrypt", "decrypt"] as const) {
      const call = subtle[name].bind(subtle);
      const spy = vi.spyOn(subtle, name).mockImplementation(async (params, key, data) => {
        const { iv } = params as AesGcmParams & { iv: Uint8Array };
        expect(busy.has(iv.buffer)).toBe(false);
        busy.add(iv.buffer);
        most = Math.max(most, busy.size);
        const before = iv.toString();
        used[name].push(before);
        const result = await call(params, key, data);
        expect(iv.toString()).toBe(before);
        busy.delete(iv.buffer);
        return result;
      });
      onTestFinished(() => spy.mockRestore());
    }
    for (const n of upTo(100)) void sessionOf(pair, "client").send("t", n);
    await until(() => got.length === 100, "all of them");
    expect(got).toEqual(upTo(100));
    expect(most).toBeGreaterThan(10);
    expect(new Set(used.encrypt).size).toBe(100);
    expect(used.decrypt).toEqual(used.encrypt);
  });

  it("one that does not open ends it in its turn [seq:commit]", async () => {
    const { pair, got } = await under();
    let count = 0;
    pair.link.tap = (direction, payload) => {
      if (direction === "c2s" && ++count === 5) (payload as Uint8Array)[payload.length - 1]! ^= 1;
      return [payload];
    };
    for (const n of upTo(8)) void sessionOf(pair, "client").send("t", n);
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_CRYPTO", stage: "crypto" });
    expect(got).toEqual(upTo(4));
  });

  it.each([
    ["rejects", (cause: Error) => Promise.reject(cause)],
    [
      "throws",
      (cause: Error) => {
        throw cause;
      },
    ],
  ])(
    "one that cannot be sealed, since its cipher %s, ends it: those before it are sent, none behind it",
    async (_, fail) => {
      const { pair, got } = await under();
      const encrypt = subtle.encrypt.bind(subtle);
      let count = 0;
      const spy = vi
        .spyOn(subtle, "encrypt")
        .mockImplementation((...args) => (++count === 5 ? fail(new Error("the cipher is gone")) : encrypt(...args)));
      onTestFinished(() => spy.mockRestore());
      for (const n of upTo(8)) void sessionOf(pair, "client").send("t", n);
      expect((await end(pair, "client")).error).toMatchObject({ code: "E_INTERNAL", detail: "sealing failed" });
      await settle();
      expect(got).toEqual(upTo(4));
    },
  );
});

it("tells all who sent in one turn, however many they are", async () => {
  const gated = new Gated(["seal"]);
  const pair = await live({ codec: "cbor", backend: gated.backend });
  await settle();
  gated.closed = true;
  const MANY = 20_000;
  let sent = 0;
  for (let n = 0; n < MANY; n++)
    void sessionOf(pair, "client")
      .send("t", n)
      .then(() => sent++);
  await settle();
  gated.closed = false;
  await gated.open();
  await until(() => sent === MANY);
});

describe("how many are begun together", () => {
  const many = (ahead: Ahead) => {
    for (let i = 0; i < 32; i++) ahead.begin(100);
  };

  it("all that wait, by a cipher whose calls have answered when they return", async () => {
    const ahead = new Ahead();
    ahead.begin(100);
    await Promise.resolve();
    ahead.end(100);
    await settle();
    many(ahead);
    ahead.end(100);
    expect(ahead.isLow).toBe(true);
  });

  it("those for which half of the ones before them make room, by one that answers in another turn", async () => {
    const ahead = new Ahead();
    ahead.begin(100);
    await settle();
    ahead.end(100);
    many(ahead);
    const low = upTo(32).map(() => {
      ahead.end(100);
      return ahead.isLow;
    });
    expect(low.indexOf(true)).toBe(15);
    expect(low.lastIndexOf(false)).toBe(14);
  });
});
