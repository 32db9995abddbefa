import { createServer as createHttp } from "node:http";
import { type ClientSession, type ConnectOptions, connect, ERRORS, type Subprotocol } from "@sealwire/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { failure, listen, server, startWorld, token, until, type World } from "./support/world.ts";

type Tap = (bytes: Buffer, n: number) => readonly Buffer[];

/** Somebody between the two who ends TLS: it passes on what the server says, as the tap wants it. */
async function relay(
  world: World,
  tap: Tap,
  protocol: Subprotocol = "sealwire.v1.cbor",
  options: Partial<ConnectOptions> = {},
) {
  const http = createHttp();
  const wss = new WebSocketServer({ server: http });
  wss.on("connection", (down) => {
    const up = new WebSocket(world.url, [protocol]);
    const early: [Buffer, boolean][] = [];
    for (const ws of [down, up]) ws.on("error", () => {});
    down.on("message", (data: Buffer, binary) => {
      if (up.readyState === WebSocket.OPEN) up.send(data, { binary });
      else early.push([data, binary]);
    });
    up.on("open", () => {
      for (const [data, binary] of early) up.send(data, { binary });
    });
    let n = 0;
    up.on("message", (data: Buffer, binary) => {
      for (const bytes of tap(data, n++)) down.send(bytes, { binary });
    });
    up.on("close", (code) => (code >= 3000 || code === 1000 ? down.close(code) : down.terminate()));
    down.on("close", () => up.terminate());
  });
  const port = await listen(http);
  const cut = () => {
    for (const ws of wss.clients) ws.terminate();
  };
  onTestFinished(() => {
    cut();
    http.close();
  });
  const open = async (): Promise<ClientSession> =>
    await connect(`ws://127.0.0.1:${port}/`, {
      server,
      token: await token(),
      protocols: [protocol],
      limits: { byeSeconds: 0.1 },
      reconnect: false,
      ...options,
    });
  return Object.assign(open, { cut });
}

const flip = (bytes: Buffer, at: number): Buffer => {
  const out = Buffer.from(bytes);
  out[at % out.length] = (out[at % out.length] as number) ^ 1;
  return out;
};

describe("what a client makes of a man in the middle", () => {
  it.each<[Subprotocol, number, string]>([
    ["sealwire.v1.cbor", 0, "SH"],
    ["sealwire.v1.text", 0, "SH"],
    ["sealwire.v1.cbor", 1, "SR"],
    ["sealwire.v1.text", 1, "SR"],
  ])("%s: message %i (%s), flipped anywhere, opens no session", async (protocol, which) => {
    const world = await startWorld({ resume: false, limits: { byeSeconds: 0.1 } });
    let at = 0;
    const open = await relay(world, (bytes, n) => [n === which ? flip(bytes, at) : bytes], protocol);
    for (; at < 900; at += 23) {
      const error = await failure(open());
      expect(Object.keys(ERRORS)).toContain(error.code);
      expect(error).toMatchObject({ remote: false });
      expect(error.code).not.toMatch(/INTERNAL|TIMEOUT/);
    }
    await until(() => world.sealwire.sessions.size === 0);
  });

  it.each<[string, Tap, string, number]>([
    ["flips a bit", (b, n) => [n === 3 ? flip(b, b.length - 1) : b], "E_CRYPTO", 4501],
    ["repeats one", (b, n) => (n === 3 ? [b, b] : [b]), "E_REPLAY", 4502],
    ["drops one", (b, n) => (n === 3 ? [] : [b]), "E_SEQ", 4502],
    ["cuts one short", (b, n) => [n === 3 ? b.subarray(0, -1) : b], "E_CBOR", 4400],
    ["inserts one", (b, n) => (n === 3 ? [Buffer.from([0x80]), b] : [b]), "E_CBOR", 4400],
  ])("in a session it %s: the client refuses, and what came before is delivered", async (_, tap, code, close) => {
    const world = await startWorld({ batch: false });
    const session = await (await relay(world, tap))();
    const got: unknown[] = [];
    session.handle("n", (data) => {
      got.push(data);
    });
    const [peer] = world.sealwire.sessions;
    const sends = [1, 2, 3, 4].map((i) => peer?.send("n", i).catch(() => {}));
    expect(await session.closed).toMatchObject({ code: close, clean: false, error: { code, remote: false } });
    // Messages 0 and 1 are SH and SR; a repeated one was delivered once.
    expect(got).toEqual(code === "E_REPLAY" ? [1, 2] : [1]);
    await Promise.all(sends);
    expect((await peer?.closed)?.error).toMatchObject({ remote: true });
  });

  it("[close:truncated] it cuts the connection: E_TRUNCATED on both sides, and requests end", async () => {
    const world = await startWorld({ resume: false });
    world.sealwire.handle("hang", () => new Promise(() => {}));
    const open = await relay(world, (b) => [b]);
    const session = await open();
    const [peer] = world.sealwire.sessions;
    const pending = failure(session.request("hang", 1));
    open.cut();
    expect(await session.closed).toMatchObject({ truncated: true, clean: false, error: { code: "E_TRUNCATED" } });
    expect(await pending).toMatchObject({ code: "E_TRUNCATED" });
    expect(await peer?.closed).toMatchObject({ truncated: true, clean: false });
  });
});

describe("window order through a relay that keeps none", () => {
  it.each(["sealwire.v1.cbor", "sealwire.v1.text"] as const)(
    "messages arrive once each, %s [window:accept] [window:report]",
    async (protocol) => {
      const world = await startWorld({ order: "window" });
      let held: Buffer | undefined;
      // SH and SR in order; then each second message goes before the first, which comes twice. The fifth is lost. Last bye.
      const tap: Tap = (bytes, n) => {
        if (n < 2 || n === 9) return [bytes];
        if (n === 6) return [];
        if (held === undefined) {
          held = bytes;
          return [];
        }
        const [late] = [held];
        held = undefined;
        return [bytes, late, late];
      };
      const session = await (await relay(world, tap, protocol, { order: "window" }))();
      const got: unknown[] = [];
      session.handle("n", (n) => {
        got.push(n);
      });
      const [peer] = [...world.sealwire.sessions];
      for (const n of [1, 2, 3, 4, 5, 6, 7]) await peer!.send("n", n);
      await until(() => got.length === 6);
      expect(got).toEqual([2, 1, 4, 3, 7, 6]);
      expect(await session.close()).toMatchObject({ clean: true, window: { dropped: 3, missing: 1 } });
    },
  );

  it("[sh:pol] a client that was not told to accept it refuses, and the server has no session", async () => {
    const world = await startWorld({ order: "window" });
    expect(await failure(world.connect())).toMatchObject({ code: "E_NEGOTIATE", closeCode: 4406 });
    expect([...world.sealwire.sessions]).toEqual([]);
    const strict = await startWorld();
    const session = await strict.connect({ order: "window" });
    expect(session.order).toBe("strict");
    expect(await session.close()).not.toHaveProperty("window");
  });
});
