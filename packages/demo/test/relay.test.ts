import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect as dial } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { listen } from "../src/listen.ts";
import { KEPT_BYTES, KEPT_FRAMES } from "../src/relay/types.ts";
import { createRelay, type Relay } from "../src/relay.ts";
import { eventually } from "./support.ts";

/** An echo server behind the relay; the relay does not care what flows through it. */
let http: Server;
let upstream: WebSocketServer;
let relay: Relay;
let request: IncomingMessage | undefined;

beforeEach(async () => {
  request = undefined;
  http = createServer();
  upstream = new WebSocketServer({
    server: http,
    maxPayload: 2 ** 24,
    verifyClient: ({ req }: { req: IncomingMessage }) => req.headers.origin !== "http://evil.example",
  });
  upstream.on("connection", (ws, req) => {
    request = req;
    ws.on("message", (data, binary) => ws.send(data as Buffer, { binary }));
    ws.on("close", (code) => {
      closedWith = code;
    });
  });
  relay = await createRelay({ upstream: `ws://127.0.0.1:${await listen(http, 0)}` });
});

afterEach(async () => {
  await relay.close();
  upstream.close();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

let closedWith: number | undefined;

async function client(tag: string, options: { protocols?: string[]; origin?: string } = {}): Promise<WebSocket> {
  const ws = new WebSocket(`${relay.url}?tag=${tag}`, options.protocols ?? [], {
    perMessageDeflate: false,
    ...(options.origin ? { origin: options.origin } : {}),
  });
  await new Promise((resolve, reject) => {
    ws.once("open", resolve);
    ws.once("error", reject);
  });
  return ws;
}

function collect(ws: WebSocket): (string | Buffer)[] {
  const got: (string | Buffer)[] = [];
  ws.on("message", (data: Buffer, binary) => got.push(binary ? data : data.toString()));
  return got;
}

test("passes subprotocol, origin and the client's address, and negotiates no compression", async () => {
  const ws = await client("a", { protocols: ["sealwire.v1.cbor", "sealwire.v1.text"], origin: "http://page.example" });
  expect(ws.protocol).toBe("sealwire.v1.cbor");
  expect(ws.extensions).toBe("");
  expect(request?.headers.origin).toBe("http://page.example");
  expect(request?.headers["x-forwarded-for"]).toMatch(/127\.0\.0\.1$/);
  expect(request?.headers["sec-websocket-extensions"]).toBeUndefined();
});

test("passes the server's refusal of an upgrade", async () => {
  await expect(client("a", { origin: "http://evil.example" })).rejects.toThrow("401");
});

test.each([
  ["another path", "GET //relay//127.0.0.1:1/secret HTTP/1.1"],
  ["no path", "GET // HTTP/1.1"],
  ["a subprotocol twice", "GET /ws HTTP/1.1\r\nSec-WebSocket-Protocol: a, a"],
  ["no subprotocol name", "GET /ws HTTP/1.1\r\nSec-WebSocket-Protocol: a b, (c)"],
])("answers 404 to %s, connects nowhere and goes on", async (_, start) => {
  const socket = dial(relay.port, "127.0.0.1");
  socket.write(
    `${start}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  const [answer] = await once(socket, "data");
  expect(String(answer)).toMatch(/^HTTP\/1\.1 404 /);
  socket.destroy();
  expect(request).toBeUndefined();
  expect((await client("a")).readyState).toBe(WebSocket.OPEN);
});

test("pumps text and binary in order and remembers a bounded part of it", async () => {
  const ws = await client("a");
  const got = collect(ws);
  const large = Buffer.alloc(100_000, 7);
  ws.send(large);
  for (let i = 0; i < 500; i++) ws.send(`message ${i}`);
  await eventually(() => got.length === 501);
  expect((got[0] as Buffer).equals(large)).toBe(true);
  expect(got.slice(1)).toEqual(Array.from({ length: 500 }, (_, i) => `message ${i}`));
  const { recorder } = relay.find("a")!;
  expect(recorder.frames()).toHaveLength(KEPT_FRAMES);
  ws.send(large);
  const last = await eventually(() => recorder.frames().findLast((f) => f.binary && f.direction === "s2c"));
  expect(last).toMatchObject({ size: 100_000, fate: "forwarded" });
  expect(last.kept).toHaveLength(KEPT_BYTES);
  expect(last.kept.buffer.byteLength).toBe(KEPT_BYTES);
});

test("drops, changes and inserts, and tells so in its record", async () => {
  const ws = await client("a");
  const got = collect(ws);
  const connection = relay.find("a")!;
  const text = (t: string) => ({ data: Buffer.from(t), binary: false });
  const stop = connection.intervene((direction, frame) => {
    if (direction !== "c2s") return undefined;
    const said = Buffer.from(frame.data).toString();
    if (said === "drop") return [];
    return said === "change" ? [text("changed")] : said === "twice" ? [frame, { ...frame }] : undefined;
  });
  for (const t of ["drop", "change", "twice", "plain"]) ws.send(t);
  await eventually(() => got.length === 4);
  expect(got).toEqual(["changed", "twice", "twice", "plain"]);
  const fates = connection.recorder
    .frames()
    .filter((f) => f.direction === "c2s")
    .map((f) => f.fate);
  expect(fates).toEqual(["dropped", "changed", "forwarded", "injected", "forwarded"]);
  stop();
  connection.inject("s2c", text("from nobody"));
  ws.send("drop");
  await eventually(() => got.length === 6);
  expect(got.slice(4)).toEqual(["from nobody", "drop"]);
});

test("passes close codes both ways, and can cut and forge", async () => {
  const ws = await client("a");
  ws.close(4501, "crypto");
  await eventually(() => closedWith === 4501);
  expect(relay.find("a")!.recorder.frames().at(-1)?.close).toEqual({ code: 4501, reason: "crypto" });

  const cut = await client("b");
  const cutCode = new Promise((resolve) => cut.once("close", resolve));
  relay.find("b")!.cut();
  expect(await cutCode).toBe(1006);
  await eventually(() => closedWith === 1006);

  const forged = await client("c");
  const forgedCode = new Promise((resolve) => forged.once("close", resolve));
  relay.find("c")!.forgeClose(4403, "revoked");
  expect(await forgedCode).toBe(4403);
  await eventually(() => relay.connections.size === 0);
});

test("changes the offer at the upgrade, once and for one connection", async () => {
  relay.plan("a", { offer: (offered) => offered.slice(1) });
  expect((await client("a", { protocols: ["x", "y"] })).protocol).toBe("y");
  expect((await client("a", { protocols: ["x", "y"] })).protocol).toBe("x");
});

test("stops reading from the fast side while the slow side does not read", async () => {
  const ws = await client("a");
  ws.pause();
  const chunk = Buffer.alloc(1024 * 1024);
  let sent = 0;
  for (let i = 0; i < 64; i++) ws.send(chunk, () => sent++);
  // The echo comes back into a client that does not read. If nothing held it up, all 64 MB would wait in the relay.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const seen = relay
    .find("a")!
    .recorder.frames()
    .filter((f) => f.direction === "s2c").length;
  expect(seen).toBeLessThan(64);
  const got = collect(ws);
  ws.resume();
  await eventually(() => got.length === 64);
  expect(sent).toBe(64);
});

test("unplugged, it cuts what there is and refuses what comes, until it is plugged in", async () => {
  const ws = await client("a");
  const code = new Promise((resolve) => ws.once("close", resolve));
  relay.unplug("cut");
  expect(relay.line).toBe("cut");
  expect(await code).toBe(1006);
  await expect(client("b")).rejects.toThrow("socket hang up");
  relay.plug();
  expect((await client("c")).readyState).toBe(WebSocket.OPEN);
});

test("unplugged in silence, it passes nothing, closes nothing and answers nobody; plugged in, what hung is gone", async () => {
  const ws = await client("a");
  const got = collect(ws);
  ws.send("before");
  await eventually(() => got.length === 1);
  relay.unplug("silent");
  ws.send("into the void");
  const { recorder } = relay.find("a")!;
  await eventually(() => recorder.frames().at(-1)?.fate === "dropped");
  const hanging = client("b");
  const refused = expect(hanging).rejects.toThrow("socket hang up");
  // The request arrives in its own time, and is not answered: nothing tells the difference but that it still hangs.
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(ws.readyState).toBe(WebSocket.OPEN);
  const code = new Promise((resolve) => ws.once("close", resolve));
  relay.plug();
  expect(await code).toBe(1006);
  await refused;
  expect(got).toEqual(["before"]);
  expect((await client("c")).readyState).toBe(WebSocket.OPEN);
  expect(relay.all("a")).toHaveLength(1);
});
