import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { Connection, type Receiver } from "../../src/session/connection.ts";
import type { Established } from "../../src/session/established.ts";
import { aroundSeal, breakingSignatures } from "../support/backends.ts";
import { settle, until, VirtualClock } from "../support/clock.ts";
import { Link } from "../support/link.ts";
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
import { BACKENDS } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";

const MIN = 65_536;

describe("sizes", () => {
  for (const protocol of WIRES) {
    it.each(LEVELS)(
      `more than the peer takes is refused before it has a number, ${protocol}, %s [limit:message-send] [seq:late]`,
      async (level) => {
        const pair = await live({ level, protocol, limits: { messageBytes: MIN } });
        for (const role of ROLES) {
          const before = seqsOf(pair, role).length;
          const failed = { code: "E_TOO_BIG", fatal: false, remote: false, closeCode: undefined };
          await expect(pair[role].session!.send("t", "x".repeat(MIN))).rejects.toMatchObject(failed);
          await expect(pair[role].session!.request("t", "x".repeat(MIN))).rejects.toMatchObject(failed);
          expect(seqsOf(pair, role)).toHaveLength(before);
          pair[other(role)].session!.handle("size", (d) => (d as string).length);
          expect(await pair[role].session!.request("size", "x".repeat(25_000))).toBe(25_000);
          expect(seqsOf(pair, role)).toEqual(upTo(before + 1));
        }
      },
    );

    it.each(ROLES)(`more than its own limit ends the session unread, ${protocol}, %s [limit:message]`, async (role) => {
      const over = await live({ protocol, limits: { messageBytes: MIN } });
      const bytes = (n: number) => (over.wire === "text" ? "A".repeat(n) : new Uint8Array(n));
      over.link.inject(role === "client" ? "s2c" : "c2s", bytes(MIN + 1));
      expect((await end(over, role)).error).toMatchObject({ code: "E_TOO_BIG", stage: "frame", closeCode: 1009 });
      const within = await live({ protocol, limits: { messageBytes: MIN } });
      within.link.inject(role === "client" ? "s2c" : "c2s", bytes(MIN));
      expect((await end(within, role)).error!.code).not.toBe("E_TOO_BIG");
    });
  }
});

describe("rates of what arrives", () => {
  it.each([
    ["items", { itemsPerSecond: 2, itemsBurst: 3 }, 1, 5],
    ["bytes", { bytesPerSecond: 1000 }, 400, 20],
  ])("%s beyond the rate are read later, none is dropped [limit:rate]", async (_, limits, size, seconds) => {
    const pair = await live({ limits });
    await pair.clock.advance(10_000);
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push((d as { i: number }).i));
    for (const i of upTo(10)) await pair.client.session!.send("t", { i, x: "x".repeat(size) });
    await settle();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.length).toBeLessThan(6);
    expect(pair.link.server.paused).toBe(true);
    await pair.clock.advance(seconds * 1000);
    expect(seen).toEqual(upTo(10));
    expect(controlsOf(pair, "server").filter((c) => c.top !== "ping")).toEqual([]);
    expect(pair.server.info).toBe(undefined);
  });

  it("bytes that came before the session began count as well, those of the handshake do not [limit:rate]", async () => {
    const [clock, link, ready] = [new VirtualClock(), new Link("sealwire.v1.text"), gate()];
    const read: number[] = [];
    const receiver = {
      receive: () => void read.push(clock.elapsed()),
      opensLater: false,
      full: false,
    } as unknown as Receiver;
    new Connection({
      socket: link.server,
      clock,
      limits: { ...DEFAULT_LIMITS, bytesPerSecond: 1000 },
      rateLimited: true,
      handshake: { receive: () => ready.promise.then(() => ({ established: {} as Established })) },
      onEstablished: () => receiver,
      onClosed: () => {},
    });
    const message = JSON.stringify({ text: "x".repeat(589) });
    for (const _ of upTo(4)) link.inject("c2s", message);
    await settle();
    expect(link.server.paused).toBe(false);
    const began = clock.elapsed();
    ready.open();
    await settle();
    // Three of 600 bytes, where 1000 are there.
    expect([read, link.server.paused]).toEqual([[], true]);
    await clock.advance(799);
    expect(read).toEqual([]);
    await clock.advance(1);
    expect(read.map((at) => at - began)).toEqual([800, 800, 800]);
    expect(link.server.paused).toBe(false);
  });

  it("a client trusts its server: no rate", async () => {
    const pair = await live({ limits: { itemsPerSecond: 1, itemsBurst: 1 } });
    const seen: unknown[] = [];
    pair.client.session!.handle("t", (d) => void seen.push(d));
    for (const i of upTo(10)) await pair.server.session!.send("t", i);
    await until(() => seen.length === 10);
  });
});

describe("what waits to be sent", () => {
  it("send() waits above the high-water mark", async () => {
    const pair = await live({ clientHooks: { highWaterMark: 1000 } });
    const socket = pair.link.client;
    const room = gate();
    const marks: number[] = [];
    const drained = (mark: number) => {
      marks.push(mark);
      return room.promise;
    };
    Object.assign(socket, { drained });
    socket.bufferedAmount = 1000;
    await pair.client.session!.send("t", 1);
    socket.bufferedAmount = 1001;
    let done = false;
    const sent = pair.client.session!.send("t", 2).then(() => {
      done = true;
    });
    await settle();
    expect([done, marks]).toEqual([false, [1000]]);
    // It has its number and has left: only the caller waits.
    expect(seqsOf(pair, "client")).toEqual([1, 2]);
    room.open();
    await sent;
  });

  it.each(BACKENDS.map((b) => [b.name, b] as const))(
    "beyond sendBufferBytes the session ends, its bye comes last, %s [limit:send-buffer] [seq:send] [close:bye-last]",
    async (_, backend) => {
      for (const buffered of [0, 5000]) {
        const pair = await live({ backend, limits: { sendBufferBytes: 4000 } });
        if (buffered > 0) await pair.client.session!.send("t", 0);
        pair.link.client.bufferedAmount = buffered === 0 ? 3000 : buffered;
        // Either what the cipher has to do is too much, or what the network has.
        const sends = upTo(4).map((i) => pair.client.session!.send("t", { i, x: "x".repeat(700) }).catch(() => {}));
        if (backend.name === "node" && buffered === 0) pair.link.client.bufferedAmount = 4001;
        if (backend.name === "node" && buffered === 0) void pair.client.session!.send("t", 9).catch(() => {});
        expect((await end(pair, "client")).error).toMatchObject({
          code: "E_QUOTA",
          stage: "local",
          closeCode: 4529,
          remote: false,
        });
        await Promise.all(sends);
        const seqs = seqsOf(pair, "client");
        expect(seqs).toEqual(upTo(seqs.length));
        expect(pair.trace.client.at(-1)).toMatchObject({ kind: "control", seq: seqs.length });
        // Nothing is missing for the peer: it sees the reason, not a gap.
        expect((await end(pair, "server")).error).toMatchObject({ code: "E_QUOTA", remote: true });
        await released(pair);
      }
    },
  );
});

describe("limits of the keys", () => {
  it.each(ROLES)("keyMessages: the last number is the bye's, %s [limit:key-seal]", async (role) => {
    const pair = await live({ limits: { keyMessages: 4 } });
    for (const i of upTo(3)) await pair[role].session!.send("t", i);
    await expect(pair[role].session!.send("t", 4)).rejects.toMatchObject({ code: "E_KEY_LIMIT" });
    await released(pair);
    expect(pair[role].info!.error).toMatchObject({ code: "E_KEY_LIMIT", remote: false, closeCode: 4508 });
    expect(pair[other(role)].info!.error).toMatchObject({ code: "E_KEY_LIMIT", remote: true });
    expect(seqsOf(pair, role)).toEqual([1, 2, 3, 4]);
    expect(controlsOf(pair, role)).toEqual([{ seq: 4, top: "bye", code: "key-limit", rcv: 0 }]);
  });

  it("keyBytes: there is room for the bye [limit:key-seal]", async () => {
    const pair = await live({ limits: { keyBytes: 2000 } });
    const failed = async (): Promise<unknown> => {
      for (;;) await pair.client.session!.send("t", "x".repeat(300));
    };
    await expect(failed()).rejects.toMatchObject({ code: "E_KEY_LIMIT" });
    await released(pair);
    expect(pair.server.info!.error).toMatchObject({ code: "E_KEY_LIMIT", remote: true });
    const bytes = pair.trace.client.reduce((sum, r) => sum + r.claims.length, 0);
    expect(bytes).toBeLessThanOrEqual(2000);
    expect(sentBy(pair, "client")).toHaveLength(5);
  });

  it("control counts: answers to pings use up the key too [limit:key-seal]", async () => {
    const pair = await live({ limits: { keyMessages: 3 } });
    await pair.clock.advance(90_000);
    await released(pair);
    expect(ROLES.map((role) => pair[role].info!.error!.code)).toEqual(["E_KEY_LIMIT", "E_KEY_LIMIT"]);
  });

  it.each(LEVELS)(
    "a number above keyMessages or bytes above keyBytes are refused, %s [limit:key-open]",
    async (level) => {
      const byCount = await live({ level, limits: { keyMessages: 3 } });
      const puppet = Puppet.seize(byCount);
      for (let i = 0; i < 4; i++) puppet.deliver(await puppet.message());
      expect((await end(byCount, "server")).error).toMatchObject({
        code: "E_KEY_LIMIT",
        stage: "commit",
        closeCode: 4508,
        remote: false,
      });
      expect(byCount.trace.server.filter((r) => r.direction === "in")).toHaveLength(3);
      const byBytes = await live({ level, limits: { keyBytes: 3000 } });
      const other = Puppet.seize(byBytes);
      for (let i = 0; i < 3; i++) other.deliver(await other.message(other.claims({ dat: "x".repeat(1100) })));
      expect((await end(byBytes, "server")).error).toMatchObject({ code: "E_KEY_LIMIT", remote: false });
      expect(byBytes.trace.server.filter((r) => r.direction === "in")).toHaveLength(2);
    },
  );
});

describe("sealing that fails", () => {
  for (const [name, how] of [
    [
      "throws",
      (): never => {
        throw new Error("the cipher is gone");
      },
    ],
    ["rejects", () => Promise.reject(new Error("the cipher is gone"))],
  ] as const) {
    it(`a cipher that ${name} ends the session, and its number is never used again [aead:failure] [aead:once]`, async () => {
      const ivs: string[] = [];
      let broken = false;
      const backend = aroundSeal(node, (seal) => (iv, aad, plaintext, room) => {
        ivs.push(Buffer.from(aad).toString() + Buffer.from(iv).toString("hex"));
        return broken ? how() : seal(iv, aad, plaintext, room);
      });
      const pair = await live({ backend, serverBackend: node });
      await pair.client.session!.send("t", 1);
      broken = true;
      const asked = pair.client.session!.request("t", 2).catch((e: unknown) => e);
      const more = upTo(3).map((i) => pair.client.session!.send("t", i).catch((e: unknown) => e));
      await settle();
      broken = false;
      expect(await end(pair, "client")).toMatchObject({ code: 1011, error: { code: "E_INTERNAL", remote: false } });
      await Promise.all(more);
      expect(await asked).toMatchObject({ code: "E_INTERNAL" });
      await expect(pair.client.session!.send("t", 3)).rejects.toMatchObject({ code: "E_CLOSED" });
      expect(new Set(ivs).size).toBe(ivs.length);
      // No bye either: it would stand behind a gap.
      expect(seqsOf(pair, "client")).toEqual([1]);
      expect(pair.link.client.closedWith).toEqual({ code: 1011, reason: "internal" });
      expect(pair.server.info).toMatchObject({ error: { code: "E_TRUNCATED" } });
      await released(pair);
    });
  }

  it.each(["sig", "nest"] as const)("a signer that fails ends the session, %s [aead:failure]", async (level) => {
    let broken = false;
    const pair = await live({ level, backend: breakingSignatures(node, () => broken), serverBackend: node });
    await pair.client.session!.send("t", 1);
    broken = true;
    void pair.client.session!.send("t", 2).catch(() => {});
    expect((await end(pair, "client")).error).toMatchObject({ code: "E_INTERNAL" });
    expect(seqsOf(pair, "client")).toEqual([1]);
    await released(pair);
  });

  it.each(["mac", "aead"] as const)(
    "no key and nonce goes to the cipher twice, whatever is refused between, %s [aead:once]",
    async (level) => {
      const calls: string[] = [];
      const backend = aroundSeal(node, (seal) => (iv, aad, plaintext, room) => {
        calls.push(`${Buffer.from(aad).toString()} ${Buffer.from(iv).toString("hex")}`);
        return seal(iv, aad, plaintext, room);
      });
      const pair = await live({ backend, level, limits: { messageBytes: MIN } });
      pair.server.session!.handle("q", (d) => d);
      for (const i of upTo(20)) {
        await pair.client.session!.send("t", i % 3 === 0 ? "x".repeat(MIN) : i).catch(() => {});
        await pair.client.session!.send("t", Number.NaN).catch(() => {});
        await pair.client.session!.request("q", i);
        await pair.clock.advance(i % 5 === 0 ? 30_000 : 0);
      }
      await pair.client.session!.close();
      expect(new Set(calls.map((c) => c.split(" ")[1])).size).toBe(calls.length);
      for (const role of ROLES) expect(seqsOf(pair, role)).toEqual(upTo(seqsOf(pair, role).length));
    },
  );
});
