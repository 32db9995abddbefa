import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Limits } from "@sealwire/core";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { ISSUER } from "./support/keys.ts";
import { CBOR, clientHello, rawSession, rawSocket, rawTcp, TEXT, upgradeRequest } from "./support/raw.ts";
import { failure, startWorld, until, type World } from "./support/world.ts";

/** A WebSocket frame as a client masks it, with a key of zeros; `masked` false breaks RFC 6455. */
function frame(opcode: number, payload: Uint8Array, { fin = true, masked = true } = {}): Buffer {
  const { length } = payload;
  const mask = masked ? 0x80 : 0;
  const size =
    length < 126
      ? [mask | length]
      : length < 65_536
        ? [mask | 126, length >> 8, length & 255]
        : [mask | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...size]), Buffer.alloc(masked ? 4 : 0), payload]);
}

/** The code of the close frame that stands at the end of what came; its reason is at most 100 bytes. */
function closeCode(text: string): number | undefined {
  const bytes = Buffer.from(text.slice(text.indexOf("\r\n\r\n") + 4), "latin1");
  const at = bytes.findIndex((byte, i) => byte === 0x88 && bytes[i + 1] === bytes.length - i - 2);
  return at < 0 || bytes.length < at + 4 ? undefined : bytes.readUInt16BE(at + 2);
}

const LARGE = 1_048_576;

/** A message of the binary wire that is well-formed and of this size below 64 KiB: [1, h'', h'…', h'']. */
function jws(size: number): Uint8Array {
  const length = size - 7;
  const head = Buffer.from([0x84, 0x01, 0x40, 0x59, length >> 8, length & 255]);
  return Buffer.concat([head, Buffer.alloc(length), Buffer.from([0x40])]);
}

describe("before a session is ready", () => {
  it.each<[string, number, string, number]>([
    ["CH of 4,097 bytes", 4097, "E_TOO_BIG", 1009],
    ["CH of 4,096 bytes is looked at", 4096, "E_HEADER", 4400],
  ])("[limit:hello-bytes] %s", async (_, size, code, close) => {
    const world = await startWorld();
    const { ws, closed, received } = await rawSocket(world);
    ws.send(jws(size));
    expect(await closed).toMatchObject({ code: close });
    expect(Buffer.from(received[0] as Uint8Array).toString("latin1")).toContain('"typ":"sealwire-err"');
    expect(await world.nextError()).toMatchObject({ code });
  });

  it("[hs:err] [close:code] says the coarse name in clear and closes with its code, on both wires", async () => {
    for (const [protocol, garbage] of [
      [CBOR, Buffer.from([0x9f])],
      [TEXT, "garbage"],
    ] as const) {
      const world = await startWorld();
      const { ws, closed, received } = await rawSocket(world, { protocols: [protocol] });
      ws.send(garbage);
      expect(await closed).toEqual({ code: 4400, reason: "protocol" });
      const said = typeof received[0] === "string" ? received[0] : Buffer.from(received[0]!).toString().slice(-40);
      expect(said).toMatch(/\{"typ":"sealwire-err","code":"protocol"\}$/);
      expect(received).toHaveLength(1);
    }
  });

  it("[limit:unauthenticated] a message in pieces ends where the limit is, not where the message ends", async () => {
    const world = await startWorld({ limits: { byeSeconds: 0.05 } });
    const { socket, head, text } = rawTcp(world.port, upgradeRequest());
    await head;
    const piece = randomBytes(16_384);
    let sent = 0;
    socket.write(frame(2, piece, { fin: false }));
    for (let i = 0; i < 20 && world.errors.length === 0; i++) {
      socket.write(frame(0, piece, { fin: false }));
      sent += piece.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await world.nextError()).toMatchObject({ code: "E_TOO_BIG", detail: "unauthenticatedBytes" });
    expect(sent).toBeGreaterThan(0);
    await until(() => closeCode(text()) === 1009);
  });

  it("[limit:unauthenticated] what is no message counts as well", async () => {
    const world = await startWorld({ limits: { byeSeconds: 0.05 } });
    const { socket, head, text } = rawTcp(world.port, upgradeRequest());
    await head;
    for (let i = 0; i < 2000; i++) socket.write(frame(10, randomBytes(100)));
    expect(await world.nextError()).toMatchObject({ code: "E_TOO_BIG" });
    await until(() => closeCode(text()) === 1009);
  });

  it.each<[string, Partial<Limits>, "nothing" | "CH"]>([
    ["no CH", { clientHelloSeconds: 0.1 }, "nothing"],
    ["no CA", { handshakeSeconds: 0.1 }, "CH"],
  ])("[hs:timeout] %s in time: 3008", async (_, limits, sends) => {
    const world = await startWorld({ limits });
    const { ws, closed } = await rawSocket(world);
    if (sends === "CH") ws.send(await clientHello());
    expect(await closed).toEqual({ code: 3008, reason: "timeout" });
    expect(await world.nextError()).toMatchObject({ code: "E_TIMEOUT_HS", closeCode: 3008 });
  });

  it("[limit:early-data] more than earlyDataBytes behind CA while the token is checked: E_STATE", async () => {
    // Its key set never answers, so that the check hangs.
    const hole = createServer(() => {});
    await new Promise<void>((resolve) => hole.listen(0, "127.0.0.1", resolve));
    const keys = new URL(`http://127.0.0.1:${(hole.address() as AddressInfo).port}/jwks`);
    const world = await startWorld({ tokens: { issuer: ISSUER, keys } });
    const afterAuth = (ws: WebSocket) => {
      for (let i = 0; i < 5; i++) ws.send(Buffer.alloc(15_000));
    };
    expect(await failure(rawSession(world, { afterAuth }))).toMatchObject({ code: "E_MALFORMED", remote: true });
    expect(await world.nextError()).toMatchObject({ code: "E_STATE", detail: "earlyDataBytes", closeCode: 4400 });
    hole.close();
  });
});

describe("[limit:message] in a session", () => {
  it("a message above lim.msg: 1009 and E_TOO_BIG", async () => {
    const world = await startWorld();
    const { ws, closed } = await rawSession(world);
    ws.send(Buffer.alloc(LARGE + 1));
    expect((await closed).code).toBe(1009);
    expect(await world.nextError()).toMatchObject({ code: "E_TOO_BIG", stage: "frame" });
  });

  it("one of lim.msg bytes is looked at", async () => {
    const world = await startWorld();
    const { ws } = await rawSession(world);
    ws.send(Buffer.alloc(LARGE));
    expect(await world.nextError()).toMatchObject({ code: "E_CBOR" });
  });

  it.each([
    [129, "E_TOO_BIG"],
    [128, "E_CBOR"],
  ])("%i fragments: %s", async (count, code) => {
    const world = await startWorld();
    const { ws, closed } = await rawSession(world);
    for (let i = 0; i < count; i++) ws.send(Buffer.from([1]), { fin: i === count - 1 });
    expect((await closed).code).toBe(code === "E_TOO_BIG" ? 1009 : 4400);
    expect(await world.nextError()).toMatchObject({ code });
  });

  it("the server's message to a client above its lim.msg is refused before it is sealed, and the other way", async () => {
    const world = await startWorld({ limits: { messageBytes: 100_000 } });
    const client = await world.connect({ limits: { messageBytes: 70_000 } });
    const [server] = world.server.sessions;
    const error = { code: "E_TOO_BIG", remote: false };
    expect(await failure(client.send("t", "x".repeat(100_000)))).toMatchObject(error);
    expect(await failure(server!.send("t", "x".repeat(70_000)))).toMatchObject(error);
    world.server.handle("t", (data) => (data as string).length);
    expect(await client.request("t", "x".repeat(90_000))).toBe(90_000);
  });

  it("a server that sends too much ends at the client with 1009", async () => {
    const world = await startWorld();
    const sockets: Duplex[] = [];
    world.http.on("upgrade", (_, socket) => sockets.push(socket));
    const client = await world.connect();
    sockets[0]?.write(Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 16, 0, 1]));
    expect(await client.closed).toMatchObject({
      code: 1009,
      error: { code: "E_TOO_BIG", remote: false },
      truncated: true,
    });
  });
});

describe("broken framing in a session", () => {
  const upgraded = async (world: World) => {
    const answer = rawTcp(world.port, upgradeRequest());
    await answer.head;
    return answer;
  };
  it.each<[string, Buffer, number, string]>([
    ["an unmasked frame", frame(2, Buffer.from("x"), { masked: false }), 1002, "E_FRAME"],
    ["a reserved opcode", frame(3, Buffer.from("x")), 1002, "E_FRAME"],
    [
      "a reserved bit, as compression sets it",
      Buffer.concat([Buffer.from([0xc2]), frame(2, Buffer.from("x")).subarray(1)]),
      1002,
      "E_FRAME",
    ],
    ["a continuation of nothing", frame(0, Buffer.from("x")), 1002, "E_FRAME"],
    ["text that is no UTF-8", frame(1, Buffer.from([0xff, 0xfe])), 1007, "E_FRAME"],
    ["a ping of 126 bytes", frame(9, Buffer.alloc(126)), 1002, "E_FRAME"],
    ["a close frame of one byte", frame(8, Buffer.from([3])), 1002, "E_FRAME"],
    ["a close code that nobody may send", frame(8, Buffer.from([3, 237])), 1002, "E_FRAME"],
    [
      "a length of 2^63",
      Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
      1009,
      "E_TOO_BIG",
    ],
  ])("%s", async (_, bytes, code, error) => {
    const world = await startWorld({ limits: { byeSeconds: 0.05 } });
    const other = await world.connect();
    const answer = await upgraded(world);
    answer.socket.write(bytes);
    expect(await world.nextError()).toMatchObject({ code: error });
    await until(() => closeCode(answer.text()) === code);
    await answer.closed;
    expect(await other.close()).toMatchObject({ clean: true });
  });

  it("text on the binary wire and binary on the text wire: E_FRAME, 4400", async () => {
    for (const [protocol, payload] of [
      [CBOR, "text"],
      [TEXT, Buffer.from("{}")],
    ] as const) {
      const world = await startWorld();
      const { ws, closed } = await rawSocket(world, { protocols: [protocol] });
      ws.send(payload);
      expect(await closed).toEqual({ code: 4400, reason: "protocol" });
      expect(await world.nextError()).toMatchObject({ code: "E_FRAME", stage: "frame" });
    }
  });

  it("a flood of pings from a peer that reads nothing leaves memory alone", async () => {
    const world = await startWorld({ resume: false, limits: { byeSeconds: 0.05 } });
    const raw = await rawSession(world);
    const { _socket: socket } = raw.ws as unknown as { _socket: Socket };
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(9, Buffer.alloc(125))));
    const before = process.memoryUsage().rss;
    let dead = false;
    socket.on("error", () => {
      dead = true;
    });
    for (let i = 0; i < 300 && !dead && !socket.destroyed; i++) {
      if (!socket.write(pings)) await new Promise((resolve) => setTimeout(resolve, 1));
      if (world.errors.length > 0) break;
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    raw.ws.terminate();
    await until(() => world.server.sessions.size === 0);
  });
});
