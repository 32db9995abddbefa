import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Fault } from "../src/faults.ts";
import { wire } from "./support/wire.ts";

const HEAD = "GET / HTTP/1.1\r\n\r\n";
/** An unmasked binary frame with that payload. */
const frame = (...payload: number[]) => Uint8Array.of(0x82, payload.length, ...payload);

describe("an undisturbed line", () => {
  it("carries the bytes that were written, in their order, whatever its delays and pieces are", async () => {
    const line = fc.record({
      latency: fc.integer({ min: 0, max: 500 }),
      jitter: fc.integer({ min: 0, max: 500 }),
      bytesPerSecond: fc.constantFrom(Number.POSITIVE_INFINITY, 1000, 1_000_000),
      segmentBytes: fc.constantFrom(Number.POSITIVE_INFINITY, 1, 7, 1460),
      window: fc.constantFrom(1, 100, 65_536),
    });
    const writes = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(line, writes, writes, fc.integer(), async (options, up, down, seed) => {
        const { timeline, client, server } = wire(options, [], seed);
        for (const bytes of up) client.socket.write(bytes);
        await timeline.run(10_000);
        for (const bytes of down) server().socket.write(bytes);
        await timeline.run(10_000);
        expect(server().bytes).toEqual(up.flatMap((bytes) => [...bytes]));
        expect(client.bytes).toEqual(down.flatMap((bytes) => [...bytes]));
        client.socket.end();
        server().socket.end();
        expect(await timeline.run(10_000)).toBe(true);
        expect([client.socket.destroyed, server().socket.destroyed]).toEqual([true, true]);
      }),
      { numRuns: 60 },
    );
  });

  it("takes the time that latency and rate give it", async () => {
    const { timeline, client, server } = wire({ latency: 100, bytesPerSecond: 1000 });
    const left: number[] = [];
    client.socket.write(new Uint8Array(500), () => left.push(timeline.now));
    await timeline.advance(799);
    expect(server().bytes).toHaveLength(0);
    // Connected after a round trip of 200, on the line for 500, under way for 100.
    await timeline.advance(1);
    expect(server().bytes).toHaveLength(500);
    expect(left).toEqual([700]);
  });

  it("makes a sender wait whose reader does not read", async () => {
    const { timeline, client, server } = wire({ window: 1000 });
    await timeline.run(100);
    server().socket.pause();
    const left: number[] = [];
    // What the reader's own stream takes in, and then the window.
    const room = server().socket.readableHighWaterMark + 1000;
    for (let i = 0; i < 200; i++) client.socket.write(new Uint8Array(1000), () => left.push(i));
    await timeline.run(1000);
    expect(left.length).toBeGreaterThan(0);
    expect(left.length * 1000).toBeLessThanOrEqual(room + 1000);
    server().socket.resume();
    await timeline.run(1000);
    expect([left.length, server().bytes.length]).toEqual([200, 200_000]);
  });

  it("resets a sender whose peer is gone, and a peer whose bytes were not read", async () => {
    const { timeline, client, server } = wire({ latency: 10 });
    await timeline.run(100);
    server().socket.destroy();
    await timeline.run(100);
    expect(client.events).toEqual(["end at 30"]);
    client.socket.write("anybody?");
    await timeline.run(100);
    expect(client.events).toEqual(["end at 30", "error ECONNRESET at 50", "close at 50"]);

    const second = wire({ latency: 10 });
    await second.timeline.run(100);
    second.server().socket.pause();
    second.client.socket.write(new Uint8Array(100_000));
    await second.timeline.run(100);
    second.server().socket.destroy();
    await second.timeline.run(100);
    expect(second.client.events).toEqual(["error ECONNRESET at 50", "close at 50"]);
  });

  it("refuses where nobody listens, and while it is unplugged; what is under way then comes late", async () => {
    const { timeline, network, hosts, client, server } = wire({ latency: 10 });
    await timeline.run(100);
    network.unplug(1000);
    client.socket.write("x");
    const refused: string[] = [];
    const attempt = (to: typeof hosts.client) =>
      network
        .connect(hosts.client, to)
        .on("error", (error: Error & { code?: string }) => refused.push(`${error.code}`));
    attempt(hosts.server);
    await timeline.advance(999);
    expect([refused, server().bytes]).toEqual([["ENETUNREACH"], []]);
    await timeline.advance(11);
    expect(server().bytes).toEqual([120]);
    attempt(hosts.client);
    await timeline.run(10);
    expect(refused).toEqual(["ENETUNREACH", "ECONNREFUSED"]);
  });
});

describe("faults", () => {
  /** The client writes an HTTP head and three frames of five bytes; the server answers with three bytes. */
  async function through(fault: Fault, line: Parameters<typeof wire>[0] = { latency: 10 }) {
    const w = wire(line, [fault]);
    await w.timeline.advance(50);
    const begin = w.timeline.now;
    for (const bytes of [HEAD, frame(1, 1, 1), frame(2, 2, 2), frame(3, 3, 3)]) w.client.socket.write(bytes);
    await w.timeline.advance(100);
    const { server } = w;
    if (!server().socket.destroyed) server().socket.write(Uint8Array.of(7, 7, 7));
    await w.timeline.advance(1000);
    return { ...w, begin, received: server().bytes.slice(HEAD.length) };
  }
  const [one, two, three] = [frame(1, 1, 1), frame(2, 2, 2), frame(3, 3, 3)].map((f) => [...f]) as [
    number[],
    number[],
    number[],
  ];

  it.each([
    ["before", [...one]],
    ["inside", [...one, ...two.slice(0, 2)]],
    ["after", [...one, ...two]],
  ] as const)(
    "a reset %s the second frame: what stood before it arrives, both ends are told at once",
    async (at, bytes) => {
      const { received, client, server, network } = await through({
        direction: "c2s",
        place: { frame: 2, at },
        kind: "reset",
      });
      expect(received).toEqual(bytes);
      expect(client.events).toEqual(["error ECONNRESET at 60", "close at 60"]);
      expect(server().events).toEqual(["error ECONNRESET at 60", "close at 60"]);
      expect(network.fired).toHaveLength(1);
      expect(network.open.size).toBe(0);
    },
  );

  it("one end loses the connection: what it had written arrives later than it is told", async () => {
    const place = { frame: 2, at: "after" } as const;
    const { received, client, server, begin } = await through({ direction: "c2s", place, kind: "lose", ms: 400 });
    expect(received).toEqual([...one, ...two, ...three]);
    expect(client.events).toEqual([`error ECONNRESET at ${begin + 200}`, `close at ${begin + 200}`]);
    expect(server().events[0]).toBe(`end at ${begin + 410}`);
  });

  it("everything is reset at once where a machine goes down", async () => {
    const { timeline, network, client, server } = wire({ latency: 10 });
    await timeline.advance(50);
    network.reset();
    await timeline.advance(1);
    expect([client.events, server().events]).toEqual([
      ["error ECONNRESET at 50", "close at 50"],
      ["error ECONNRESET at 50", "close at 50"],
    ]);
  });

  it("a reset at an exact byte", async () => {
    const offset = HEAD.length + 3;
    const { received } = await through({ direction: "c2s", place: { offset }, kind: "reset" });
    expect(received).toEqual(one.slice(0, 3));
  });

  it("silence: neither end is told, and nothing passes in either direction", async () => {
    const place = { frame: 1, at: "after" } as const;
    const { received, client, server } = await through({ direction: "c2s", place, kind: "silent" });
    expect(received).toEqual(one);
    expect([client.bytes, client.events, server().events]).toEqual([[], [], []]);
  });

  it("an end of the stream to one side alone", async () => {
    const place = { frame: 1, at: "after" } as const;
    const { received, client, server } = await through({ direction: "c2s", place, kind: "fin", to: "server" });
    expect(received).toEqual(one);
    expect(server().events).toEqual(["end at 60"]);
    expect([client.bytes, client.events]).toEqual([[], []]);
  });

  it("bytes that come twice: a whole frame, or the last few", async () => {
    const place = { frame: 2, at: "after" } as const;
    const whole = await through({ direction: "c2s", place, kind: "repeat" });
    expect(whole.received).toEqual([...one, ...two, ...two, ...three]);
    const few = await through({ direction: "c2s", place, kind: "repeat", bytes: 2 });
    expect(few.received).toEqual([...one, ...two, ...two.slice(-2), ...three]);
    expect(few.client.bytes).toEqual([7, 7, 7]);
  });

  it("bytes that are withheld arrive later, all and in order", async () => {
    const w = wire({ latency: 10 }, [
      { direction: "c2s", place: { frame: 1, at: "after" }, kind: "withhold", ms: 500 },
    ]);
    await w.timeline.advance(50);
    for (const bytes of [HEAD, frame(1, 1, 1), frame(2, 2, 2)]) w.client.socket.write(bytes);
    await w.timeline.advance(509);
    expect(w.server().bytes.slice(HEAD.length)).toEqual(one);
    await w.timeline.advance(1);
    expect(w.server().bytes.slice(HEAD.length)).toEqual([...one, ...two]);
  });

  it("a machine that stands still sees bytes, ends and callbacks afterwards", async () => {
    const w = wire({ latency: 10 });
    await w.timeline.advance(50);
    w.hosts.server.clock.pause(300);
    w.client.socket.end("bye");
    await w.timeline.advance(299);
    expect([w.server().bytes, w.server().events]).toEqual([[], []]);
    await w.timeline.advance(1);
    expect([Buffer.from(w.server().bytes).toString(), w.server().events]).toEqual(["bye", ["end at 350"]]);
  });
});
