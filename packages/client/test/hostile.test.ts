import { createHash } from "node:crypto";
import { createServer as createHttp } from "node:http";
import { createServer as createTcp } from "node:net";
import { connect, generateKey } from "@sealwire/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { failure, listen, server, startWorld, token } from "./support/world.ts";

type Protocol = "sealwire.v1.cbor" | "sealwire.v1.text";
const CBOR = "sealwire.v1.cbor";
const TEXT = "sealwire.v1.text";

/** A WebSocket server that is not ours. */
async function plain(onSocket: (ws: WebSocket) => void, select: (offered: Set<string>) => string | false) {
  const http = createHttp();
  const wss = new WebSocketServer({ server: http, handleProtocols: select, perMessageDeflate: true });
  wss.on("connection", (ws) => {
    ws.on("error", () => {});
    onSocket(ws);
  });
  const port = await listen(http);
  onTestFinished(() => {
    for (const ws of wss.clients) ws.terminate();
    http.closeAllConnections();
    http.close();
  });
  return { url: `ws://127.0.0.1:${port}/`, wss };
}

const open = (url: string, protocol: Protocol = CBOR) =>
  connect(url, { server, token: "t", protocols: [protocol], limits: { byeSeconds: 0.1 } });

describe("the 101 of a stranger", () => {
  it("[hs:no-fallback] no subprotocol: E_DOWNGRADE, and no CH is sent", async () => {
    const sent: unknown[] = [];
    const { url } = await plain(
      (ws) => ws.on("message", (data) => sent.push(data)),
      () => false,
    );
    expect(await failure(open(url))).toMatchObject({ code: "E_DOWNGRADE", closeCode: 4406, remote: false });
    expect(sent).toEqual([]);
  });

  const raw = async (headers: string) => {
    const tcp = createTcp((socket) => {
      socket.on("error", () => {});
      socket.once("data", (request) => {
        const key = /sec-websocket-key: (\S+)/i.exec(request.toString())?.[1] ?? "";
        const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${headers}\r\n`,
        );
      });
    });
    const port = await listen(tcp as never);
    onTestFinished(() => {
      tcp.close();
    });
    return `ws://127.0.0.1:${port}/`;
  };

  it.each([
    ["[hs:no-fallback] one that was not offered", "Sec-WebSocket-Protocol: chat\r\n", "E_DOWNGRADE"],
    ["[hs:no-fallback] another version", "Sec-WebSocket-Protocol: sealwire.v2.cbor\r\n", "E_DOWNGRADE"],
    [
      "compression that was not offered",
      `Sec-WebSocket-Protocol: ${CBOR}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n`,
      "E_CLOSED",
    ],
    [
      "an extension called constructor",
      `Sec-WebSocket-Protocol: ${CBOR}\r\nSec-WebSocket-Extensions: constructor\r\n`,
      "E_CLOSED",
    ],
    [
      "invalid window bits",
      `Sec-WebSocket-Protocol: ${CBOR}\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n`,
      "E_CLOSED",
    ],
  ])("%s: %s", async (_, headers, code) => {
    expect(await failure(open(await raw(headers)))).toMatchObject({ code });
  });

  it.each([
    [200, "E_CLOSED"],
    [301, "E_CLOSED"],
    [401, "E_AUTH_REQUIRED"],
    [403, "E_FORBIDDEN"],
    [404, "E_CLOSED"],
    [500, "E_CLOSED"],
    [503, "E_CLOSED"],
  ])("HTTP %i instead of it: %s that names it", async (status, code) => {
    const http = createHttp((_, res) => res.writeHead(status, { location: "ws://127.0.0.1:1/" }).end());
    http.on("upgrade", (_, socket) => socket.end(`HTTP/1.1 ${status} X\r\nLocation: ws://127.0.0.1:1/\r\n\r\n`));
    const port = await listen(http);
    onTestFinished(() => {
      http.close();
    });
    const error = await failure(open(`ws://127.0.0.1:${port}/`));
    expect(error).toMatchObject({ code, remote: code !== "E_CLOSED" });
    expect(error.detail).toContain(`${status}`);
  });

  it.each(["garbage\r\n\r\n", "", "HTTP/1.1 101\r\n\r\n", "\x16\x03\x01\x00"])(
    "bytes that are no HTTP: %j",
    async (bytes) => {
      const tcp = createTcp((socket) => {
        socket.on("error", () => {});
        socket.end(bytes);
      });
      const port = await listen(tcp as never);
      onTestFinished(() => {
        tcp.close();
      });
      expect(await failure(open(`ws://127.0.0.1:${port}/`))).toMatchObject({ code: "E_CLOSED" });
    },
  );
});

describe("a stranger's answer to CH", () => {
  const answers: [string, Protocol, (ws: WebSocket) => void, string | RegExp, number | undefined][] = [
    ["garbage", TEXT, (ws) => ws.send("garbage"), "E_MALFORMED", 4400],
    ["an empty message", TEXT, (ws) => ws.send(""), "E_MALFORMED", 4400],
    ["an empty message", CBOR, (ws) => ws.send(Buffer.alloc(0)), "E_CBOR", 4400],
    ["0x9f", CBOR, (ws) => ws.send(Buffer.from([0x9f])), "E_CBOR", 4400],
    ["text", CBOR, (ws) => ws.send("{}"), "E_FRAME", 4400],
    ["binary", TEXT, (ws) => ws.send(Buffer.from("{}")), "E_FRAME", 4400],
    ["clear JSON", TEXT, (ws) => ws.send("{}"), /^E_(HEADER|CLAIMS)$/, 4400],
    ["an error without a name", TEXT, (ws) => ws.send('{"typ":"sealwire-err","code":7}'), /^E_(HEADER|CLAIMS)$/, 4400],
    ["a JWS that nobody signed", TEXT, (ws) => ws.send("e30.e30.AAAA"), "E_TYP", 4400],
    ["100,000 dots", TEXT, (ws) => ws.send(".".repeat(100_000)), "E_MALFORMED", 4400],
    ["its own CH back", CBOR, (ws) => ws.once("message", (data: Buffer) => ws.send(data)), /^E_(HEADER|CLAIMS)$/, 4400],
    ["more than 1 MiB", CBOR, (ws) => ws.send(Buffer.alloc(1_048_577)), "E_TOO_BIG", 1009],
    [
      "129 fragments",
      CBOR,
      (ws) => {
        for (let i = 0; i < 129; i++) ws.send(Buffer.from([1]), { fin: i === 128 });
      },
      "E_TOO_BIG",
      1009,
    ],
    ["a close frame", CBOR, (ws) => ws.close(), "E_CLOSED", undefined],
    ["a cut", CBOR, (ws) => ws.terminate(), "E_CLOSED", undefined],
  ];
  it.each(answers)("%s on %s", async (_, protocol, answer, code, close) => {
    const { url, wss } = await plain(answer, () => protocol);
    const ended = new Promise<number>((resolve) => wss.on("connection", (ws) => ws.on("close", resolve)));
    const error = await failure(open(url, protocol));
    expect(error.code).toMatch(code);
    if (close === undefined) return;
    expect(error).toMatchObject({ closeCode: close, remote: false });
    // What browsers may not send, `ws` may.
    expect(await ended).toBe(close);
  });

  it.each([
    ["unauthorized", "E_AUTH_REQUIRED"],
    ["busy", "E_BUSY"],
    ["revoked", "E_CLOSED"],
    ["something else", "E_CLOSED"],
    ["__proto__", "E_CLOSED"],
  ])("[close:hint] sealwire-err %s is the server's word, and marked as that", async (name, code) => {
    const { url } = await plain(
      (ws) => ws.send(JSON.stringify({ typ: "sealwire-err", code: name })),
      () => TEXT,
    );
    expect(await failure(open(url, TEXT))).toMatchObject({ code, remote: true });
  });

  it.each([
    [1013, "E_BUSY"],
    [3000, "E_AUTH_REQUIRED"],
    [4403, "E_CLOSED"],
    [4499, "E_CLOSED"],
  ])("[close:hint] close code %i before SR is the server's word: %s", async (close, code) => {
    const { url } = await plain(
      (ws) => ws.close(close),
      () => CBOR,
    );
    expect(await failure(open(url))).toMatchObject({ code, remote: true });
  });

  it("[hs:timeout] silence: E_TIMEOUT_HS, 3008", async () => {
    const { url, wss } = await plain(
      () => {},
      () => CBOR,
    );
    const ended = new Promise<number>((resolve) => wss.on("connection", (ws) => ws.on("close", resolve)));
    const error = await failure(connect(url, { server, token: "t", limits: { handshakeSeconds: 0.05 } }));
    expect(error).toMatchObject({ code: "E_TIMEOUT_HS" });
    expect(await ended).toBeGreaterThan(0);
  });
});

describe("a server that is another", () => {
  it("[sh:pinned] its key is not pinned: E_KEY, and it never sees the token", async () => {
    const world = await startWorld();
    const other = await generateKey();
    const error = await failure(world.connect({ server: { id: server.id, keys: { keys: [other.publicJwk] } } }));
    expect(error).toMatchObject({ code: "E_KEY", closeCode: 4501, remote: false });
  });

  it("[ch:aud] it has another id: E_NEGOTIATE", async () => {
    const world = await startWorld();
    const error = await failure(world.connect({ server: { id: "https://other.example", keys: server.keys } }));
    expect(error).toMatchObject({ code: "E_NEGOTIATE", remote: true });
  });

  it("[sh:pinned] one of several pinned keys will do: a rotation", async () => {
    const world = await startWorld();
    const next = await generateKey("Ed25519");
    const keys = { keys: [next.publicJwk, ...server.keys.keys] };
    expect((await world.connect({ server: { id: server.id, keys }, token: await token() })).subject).toBe("alice");
  });
});
