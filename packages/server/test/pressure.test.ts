import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { rawSession } from "./support/raw.ts";
import { failure, startWorld, until } from "./support/world.ts";

const socketOf = (ws: WebSocket): Socket => (ws as unknown as { _socket: Socket })._socket;

const CHUNK = "x".repeat(60_000);

describe("a peer that does not read", () => {
  it("makes send() wait above the high-water mark, and go on when it reads again", async () => {
    const world = await startWorld();
    const raw = await rawSession(world);
    socketOf(raw.ws).pause();
    const [session] = world.server.sessions;
    // Send until one has to wait: what the kernel takes before that differs from machine to machine.
    let sent = 0;
    let waiting: Promise<void> | undefined;
    while (waiting === undefined) {
      const send = session!.send("t", `${sent++} ${CHUNK}`);
      const patience = new Promise<"waits">((resolve) => setTimeout(resolve, 200, "waits"));
      if ((await Promise.race([send, patience])) === "waits") waiting = send;
      expect(sent).toBeLessThan(1000);
    }
    const got: number[] = [];
    raw.session.handle("t", (data) => {
      got.push(Number((data as string).split(" ")[0]));
    });
    socketOf(raw.ws).resume();
    await waiting;
    await until(() => got.length === sent);
    expect(got).toEqual(Array.from({ length: sent }, (_, i) => i));
    await raw.session.close();
  });

  it("[limit:send-buffer] ends with E_QUOTA, 4529 above sendBufferBytes; no send() hangs, others are served", async () => {
    const world = await startWorld({ resume: false, limits: { sendBufferBytes: 2_000_000, byeSeconds: 0.1 } });
    const other = await world.connect();
    const raw = await rawSession(world);
    socketOf(raw.ws).pause();
    const session = [...world.server.sessions].find((s) => s.id === raw.session.id);
    const outcomes = Array.from({ length: 400 }, () =>
      session!.send("t", CHUNK).then(
        () => "sent",
        (error: { code: string }) => error.code,
      ),
    );
    expect(await world.nextError()).toMatchObject({ code: "E_QUOTA", closeCode: 4529, remote: false });
    expect(await session!.closed).toMatchObject({ code: 4529, clean: false });
    const results = new Set(await Promise.all(outcomes));
    expect(results).toContain("E_CLOSED");
    expect([...world.server.sessions].map((s) => s.id)).toEqual([other.id]);
    world.server.handle("ping", () => "pong");
    expect(await other.request("ping", null)).toBe("pong");
  });

  it("a send() that waits when the session ends does not hang", async () => {
    const world = await startWorld({ resume: false });
    const raw = await rawSession(world);
    socketOf(raw.ws).pause();
    const [session] = world.server.sessions;
    const sends = Array.from({ length: 100 }, () => session!.send("t", CHUNK).catch(() => {}));
    raw.ws.terminate();
    await Promise.all(sends);
    await session!.closed;
    expect(await failure(session!.send("t", 1))).toMatchObject({ code: "E_CLOSED" });
  });
});

describe("[limit:rate] a peer that sends too much", () => {
  it("is slowed down, loses nothing, and others are served meanwhile", async () => {
    const world = await startWorld({ limits: { itemsPerSecond: 2000, itemsBurst: 50 } });
    const got: number[] = [];
    world.server.handle("n", (data) => {
      got.push(data as number);
    });
    world.server.handle("ping", () => "pong");
    const [flood, other] = [await rawSession(world), await world.connect()];
    const all = Array.from({ length: 1000 }, (_, i) => flood.session.send("n", i));
    await until(() => got.length > 10);
    expect(got.length).toBeLessThan(1000);
    expect(await other.request("ping", null)).toBe("pong");
    await Promise.all(all);
    await until(() => got.length === 1000);
    expect(got).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(world.errors).toEqual([]);
  });

  it("too many bytes slow it down as well", async () => {
    const world = await startWorld({ limits: { bytesPerSecond: 2_000_000 } });
    let bytes = 0;
    world.server.handle("b", (data) => {
      bytes += (data as string).length;
    });
    world.server.handle("ping", () => "pong");
    const [flood, other] = [await world.connect(), await world.connect()];
    const all = Array.from({ length: 60 }, () => flood.send("b", CHUNK));
    await until(() => bytes > 0);
    expect(await other.request("ping", null)).toBe("pong");
    expect(bytes).toBeLessThan(60 * CHUNK.length);
    await Promise.all(all);
    await until(() => bytes === 60 * CHUNK.length);
    expect(world.errors).toEqual([]);
  });

  it("handlers that are slow hold back the reading, not the memory", async () => {
    const world = await startWorld({
      limits: { concurrentHandlers: 2, receiveQueueMessages: 8, itemsPerSecond: 1e6, itemsBurst: 1e6 },
    });
    let [running, most, done] = [0, 0, 0];
    const order: number[] = [];
    const gates: (() => void)[] = [];
    world.server.handle("slow", async (data) => {
      order.push(data as number);
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running--;
      done++;
    });
    const client = await world.connect();
    void Promise.all(Array.from({ length: 200 }, (_, i) => client.send("slow", i)));
    while (done < 200) {
      await until(() => gates.length > 0 || done === 200);
      gates.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(most).toBe(2);
    expect(order).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(await client.close()).toMatchObject({ clean: true });
  });

  it("a stream that nobody reads holds back only itself", async () => {
    const world = await startWorld({ limits: { receiveQueueMessages: 8 } });
    const [a, b] = [await world.connect(), await world.connect()];
    world.server.handle("ping", () => "pong");
    const first = [...world.server.sessions].find((s) => s.id === a.id);
    const stream = first!.messages("n");
    for (let i = 0; i < 100; i++) void a.send("n", i);
    expect(await b.request("ping", null)).toBe("pong");
    for (let i = 0; i < 100; i++) expect((await stream.next()).value?.data).toBe(i);
  });

  it("[ctl:budget] too many control messages end it: E_QUOTA, 4529", async () => {
    const world = await startWorld();
    const raw = await rawSession(world);
    for (let i = 0; i < 60; i++)
      raw.ws.send(raw.established.machine.prepareControl({ top: "ping" }).seal() as Uint8Array);
    expect(await raw.info).toMatchObject({ error: { code: "E_QUOTA", remote: true, closeCode: 4529 } });
    expect(await world.nextError()).toMatchObject({ code: "E_QUOTA", closeCode: 4529 });
  });
});
