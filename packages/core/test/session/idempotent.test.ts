import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import type { OnceMessage } from "../../src/session/hooks.ts";
import { settle } from "../support/clock.ts";
import { gate, released, sentBy, upTo } from "../support/live.ts";
import type { PairOptions } from "../support/pair.ts";
import { cut, handshakeAgain, resumable, resume } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const lost = (info: { clean: boolean }) => !info.clean;

/** A server that remembers what it delivered. */
async function remembering(options: PairOptions = {}) {
  const seen = new Map<string, OnceMessage>();
  const once = (message: OnceMessage) => !seen.has(message.jti) && seen.set(message.jti, message).size > 0;
  const made = await resumable({
    ...options,
    clientHooks: { lost, ...options.clientHooks },
    serverHooks: { once, ...options.serverHooks },
  });
  const undetermined: { seq: number; messageId?: string }[] = [];
  made.client.onUndetermined((list) => undetermined.push(...list));
  return { ...made, seen, undetermined };
}

describe("a message that outlives its session", () => {
  it("is refused, and no offence, where the clock of the server went back since the session began [idem:first]", async () => {
    const { pair, got, client, server } = await remembering();
    const right = pair.clock.unix.bind(pair.clock);
    pair.clocks.client.unix = right;
    pair.clock.unix = () => right() - 3_600_000;
    await cut(pair);
    await resume(pair);
    const denied: unknown[] = [];
    client.onDenied(({ code }) => denied.push(code));
    await client.send("t", 1, { idempotent: true });
    await settle();
    expect([got.server, denied, server.state]).toEqual([[], ["E_FUTURE"], "open"]);
    await client.close();
  });

  it("is sent again in the next one with its jti, iat and exp; no other is [idem:only] [idem:same] [idem:store]", async () => {
    const { pair, client, seen, undetermined } = await remembering({
      batch: false,
      serverHooks: { handler: () => () => {} },
    });
    await client.send("t", 1, { idempotent: true });
    await settle();
    pair.link.tap = () => [];
    await client.send("t", 2);
    await client.send("t", 3, { idempotent: true });
    await client.send("t", 4);
    const request = client.request("t", 5).catch((e) => e.code);
    const [first, , third] = sentBy(pair, "client");
    const old = client.id;
    await cut(pair);
    const waiting = client.send("t", 6);
    await pair.clock.advance(20_000);
    const made = handshakeAgain(pair);
    await settle();
    await waiting;
    await settle();
    expect(client.id).not.toBe(old);
    expect(made.session.id).toBe(client.id);
    // 1 was delivered, and is known: its receipt was not.
    expect([...seen.keys()]).toEqual([first?.jti, third?.jti]);
    const again = sentBy(pair, "client").slice(5);
    expect(again.map(({ seq, jti, iat, exp }) => ({ seq, jti, iat, exp }))).toEqual([
      { seq: 1, jti: first?.jti, iat: first?.iat, exp: first?.exp },
      { seq: 2, jti: third?.jti, iat: third?.iat, exp: third?.exp },
      expect.objectContaining({ seq: 3 }),
    ]);
    expect(Buffer.from(String(first?.jti), "base64url")).toHaveLength(16);
    // Those with a messageId go with the new session.
    expect(undetermined.map(({ seq, messageId }) => [seq, messageId !== undefined])).toEqual([
      [1, true],
      [2, false],
      [3, true],
      [4, false],
      [5, false],
    ]);
    expect(await request).toBe("E_TRUNCATED");
    await client.close();
    await pair.clock.advance(120_000);
    expect(pair.clock.pending).toBe(0);
  });

  it.each(["alice", "bob"])(
    "of alice is not sent in a session of bob, nor is what waits: %s comes back [idem:subject]",
    async (subject) => {
      const got: unknown[] = [];
      const handler = () => (data: unknown) => void got.push(data);
      const { pair, client, undetermined, seen } = await remembering({ serverHooks: { handler } });
      pair.link.tap = () => [];
      await client.send("t", "idempotent", { idempotent: true });
      await cut(pair);
      const queued = client.send("t", "queued").then(
        () => "sent",
        ({ code }) => code,
      );
      const asked = client.request("q", "asked").catch(({ code }) => code);
      // SH of the next session is not of a second before the message.
      await pair.clock.advance(1000);
      const token = await pair.handshakes.server.verifyToken("any");
      handshakeAgain(pair, { server: { verifyToken: async () => ({ ...token, subject }) } });
      await settle();
      expect(client.subject).toBe(subject);
      const same = subject === "alice";
      expect(got).toEqual(same ? ["idempotent", "queued", "asked"] : []);
      expect(await queued).toBe(same ? "sent" : "E_CLOSED");
      expect(await asked).toBe(same ? null : "E_CLOSED");
      expect(undetermined).toMatchObject([{ seq: 1, messageId: expect.any(String) }]);
      expect(seen.size).toBe(same ? 1 : 0);
      await client.send("t", "new");
      await settle();
      expect(got.at(-1)).toBe("new");
      await client.close();
      await pair.clock.advance(120_000);
      expect(pair.clock.pending).toBe(0);
    },
  );

  it.each([
    [2000, 1],
    [1000, 1],
    [0, 2],
    [-5000, 2],
  ])("where the next server's clock is %d ms behind it goes %d times [idem:ahead]", async (behind, times) => {
    const { pair, client, got, undetermined } = await remembering();
    await pair.clock.advance(10_000);
    await client.send("t", 1, { idempotent: true });
    await settle();
    expect(got.server).toEqual([1]);
    await cut(pair);
    const right = pair.clock.unix.bind(pair.clock);
    pair.clocks.client.unix = right;
    pair.clock.unix = () => right() - behind;
    handshakeAgain(pair);
    await settle();
    expect(sentBy(pair, "client")).toHaveLength(times);
    expect(undetermined).toMatchObject([{ seq: 1 }]);
    await client.close();
  });

  it("is delivered in the next session where it was not in the first, after a handler is there", async () => {
    const { pair, client } = await remembering();
    pair.link.tap = () => [];
    await client.send("t", 1, { idempotent: true });
    await cut(pair);
    const got: unknown[] = [];
    const made = handshakeAgain(pair);
    await settle();
    void (async () => {
      for await (const { data } of made.session) got.push(data);
    })();
    await client.send("t", 2);
    await settle();
    // The handlers of an application are those of its server, or there before the first message.
    expect(got).toContain(2);
    await client.close();
    await pair.clock.advance(120_000);
    expect(pair.clock.pending).toBe(0);
  });

  it("is not sent when it has expired, and is reported", async () => {
    const { pair, client, undetermined, seen } = await remembering();
    pair.link.tap = () => [];
    await client.send("t", 1, { idempotent: true, ttl: 10 });
    const [first] = sentBy(pair, "client");
    await cut(pair);
    await pair.clock.advance(10_000);
    expect(undetermined).toEqual([{ session: client.id, seq: 1, topic: "t", messageId: first?.jti }]);
    handshakeAgain(pair);
    await settle();
    expect(seen.size).toBe(0);
    await client.close();
    await pair.clock.advance(120_000);
    expect(pair.clock.pending).toBe(0);
  });

  it("goes with a resume like every other, once [idem:same]", async () => {
    const { pair, got, client, seen } = await remembering();
    pair.link.tap = () => [];
    await client.send("t", 1, { idempotent: true });
    await cut(pair);
    await resume(pair);
    await settle();
    expect(got.server).toEqual([1]);
    expect(seen.size).toBe(1);
    await client.close();
    await released(pair);
  });

  it("is reported where the new session cannot take it, and the session goes on", async () => {
    const { pair, client, undetermined } = await remembering();
    pair.link.tap = () => [];
    await client.send("t", "x".repeat(100_000), { idempotent: true });
    await cut(pair);
    handshakeAgain(pair, { server: { limits: { ...pair.limits, messageBytes: 65_536 } } });
    await settle();
    expect(client.state).toBe("open");
    expect(undetermined.map(({ seq }) => seq)).toEqual([1]);
    await client.close();
    await pair.clock.advance(120_000);
    expect(pair.clock.pending).toBe(0);
  });

  it.each([
    ["throws", () => Promise.reject(new SealwireError("E_REPLAY_STORE"))],
    [
      "is full",
      (): never => {
        throw new SealwireError("E_REPLAY_STORE");
      },
    ],
  ])("is refused where the store %s [idem:closed]", async (_, once) => {
    const { pair, got, client } = await remembering({ serverHooks: { once } });
    const denied: string[] = [];
    client.onDenied(({ code }) => denied.push(code));
    await client.send("t", 1, { idempotent: true });
    await client.send("t", 2);
    await settle();
    expect(denied).toEqual(["E_REPLAY_STORE"]);
    expect(got.server).toEqual([2]);
    await client.close();
    await released(pair);
  });

  it("is a client's alone", async () => {
    const { pair, client, server } = await remembering();
    await expect(server.send("t", 1, { idempotent: true })).rejects.toThrow(TypeError);
    await client.close();
    await released(pair);
  });

  it("with a store that answers late keeps the order of all", async () => {
    const once = async () => {
      await settle(1);
      return true;
    };
    const { pair, got, client } = await remembering({ serverHooks: { once } });
    for (let i = 1; i <= 6; i++) await client.send("t", i, { idempotent: i % 2 === 0 });
    await settle(20);
    expect(got.server).toEqual([1, 2, 3, 4, 5, 6]);
    await client.close();
    await released(pair);
  });

  it("what waits for its handler was not seen: where its session is lost, the next one delivers it [idem:store]", async () => {
    const begun: unknown[] = [];
    const first = gate();
    const slow = async (data: unknown) => {
      begun.push(data);
      if (data === 1) await first.promise;
    };
    const { pair, client, server, seen } = await remembering({
      limits: { concurrentHandlers: 1 },
      serverHooks: { handler: (topic) => (topic === "slow" ? slow : undefined) },
    });
    pair.link.tap = (direction, payload) => (direction === "c2s" ? [payload] : []);
    for (const n of upTo(3)) await client.send("slow", n, { idempotent: true });
    await settle();
    expect([begun, seen.size]).toEqual([[1], 1]);
    await cut(pair);
    await pair.clock.advance(20_000);
    handshakeAgain(pair);
    await pair.clock.advance(100_000);
    expect(server.state).toBe("closed");
    first.open();
    await settle();
    expect([begun, seen.size]).toEqual([upTo(3), 3]);
    await client.close();
    await pair.clock.advance(120_000);
    expect(pair.clock.pending).toBe(0);
  });

  it("a refusal uses no jti up, also where rights end while it waits; nor does what nobody takes [idem:store]", async () => {
    let granted = true;
    const authorize = ({ direction }: { direction: string }) => direction === "out" || granted;
    const refresh = async () => ({ expiresAt: 1_893_456_000 + 3000, scopes: [] });
    const { pair, client, server, seen } = await remembering({
      limits: { concurrentHandlers: 1 },
      serverHooks: { authorize, refresh },
    });
    const denied: unknown[] = [];
    client.onDenied(({ seq, code }) => denied.push([seq, code]));
    const first = gate();
    server.handle("slow", () => first.promise);
    for (const n of upTo(2)) await client.send("slow", n, { idempotent: true });
    await client.send("nobody", 3, { idempotent: true });
    await settle();
    expect(seen.size).toBe(1);
    granted = false;
    await client.refresh("narrower");
    first.open();
    await settle();
    expect([denied, seen.size]).toEqual([[[2, "E_DENIED"]], 1]);
    await client.close();
    await released(pair);
  });

  it("a stream takes what was not seen, once", async () => {
    const { pair, client, server, seen } = await remembering();
    const stream = server.messages("s");
    await client.send("s", 1, { idempotent: true });
    await settle();
    await client.send("s", 2, { idempotent: true });
    const taken = [await stream.next(), await stream.next()].map(({ value }) => value.data);
    expect([taken, seen.size]).toEqual([[1, 2], 2]);
    await client.close();
    await released(pair);
  });
});
