import { afterEach, describe, expect, it, vi } from "vitest";
import { adaptWebSocket, type WebSocketLike } from "../../src/session/websocket.ts";
import { frames } from "../../src/wire/memory.ts";
import { VirtualClock } from "../support/clock.ts";

type Listener = (this: WebSocketLike, ...args: never[]) => void;

/** A WebSocket as in a browser, or as `ws` has it. */
class FakeSocket implements WebSocketLike {
  readonly protocol = "sealwire.v1.cbor";
  bufferedAmount = 0;
  readyState = 1;
  binaryType = "blob";
  readonly calls: unknown[][] = [];
  readonly listeners = new Map<string, Listener>();
  done: (() => void) | undefined;
  pause?: () => void;
  resume?: () => void;
  terminate?: () => void;
  on?: (type: string, listener: Listener) => void;

  constructor(node: boolean) {
    if (!node) return;
    this.on = (type, listener) => this.listeners.set(type, listener);
    for (const name of ["pause", "resume", "terminate"] as const) this[name] = () => this.calls.push([name]);
  }
  send(data: string | Uint8Array, done?: () => void): void {
    this.calls.push(["send", data]);
    this.done = done;
  }
  close(...args: unknown[]): void {
    this.calls.push(["close", ...args]);
  }
  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, listener);
  }
  emit(type: string, ...args: unknown[]): void {
    this.listeners.get(type)?.apply(this, args as never[]);
  }
}

function adapted(node: boolean, corkable = false) {
  const ws = new FakeSocket(node);
  const clock = new VirtualClock();
  const stream = { cork: () => ws.calls.push(["cork"]), uncork: () => ws.calls.push(["uncork"]) };
  const socket = adaptWebSocket(ws, clock, corkable ? stream : undefined);
  const events: unknown[][] = [];
  socket.listen({
    onMessage: (payload) => events.push(["message", payload]),
    onError: (code) => events.push(["error", code]),
    onClose: (code, reason) => events.push(["close", code, reason]),
  });
  return { ws, clock, socket, events };
}

describe("close codes [close:code]", () => {
  it.each([
    [1000, 1000],
    [1001, 1000],
    [1009, 1000],
    [1011, 1000],
    [1013, 1000],
    [3000, 3000],
    [4400, 4400],
    [4529, 4529],
  ])("%i is %i in a browser, where scripts may close with no other", (code, closed) => {
    const browser = adapted(false);
    browser.socket.close(code, "name");
    expect(browser.ws.calls).toEqual([["close", closed, "name"]]);
    const node = adapted(true);
    node.socket.close(code, "name");
    expect(node.ws.calls[0]!.slice(0, 2)).toEqual(["close", code]);
  });
});

describe("messages and errors", () => {
  it("what waits behind others for the network holds no memory but its own [limit:send-buffer]", () => {
    const { ws, socket } = adapted(true);
    const [block, own] = [new Uint8Array(16_384), Uint8Array.of(4, 5)];
    const piece = block.subarray(8, 11);
    piece.set([1, 2, 3]);
    socket.send(piece);
    ws.bufferedAmount = 3;
    socket.send(piece);
    socket.send(own);
    socket.send("text");
    const sent = ws.calls.map(([, data]) => data);
    expect(sent).toEqual([piece, piece, own, "text"]);
    expect((sent[1] as Uint8Array).buffer.byteLength).toBe(3);
    expect([sent[0], sent[2]].map((data, i) => data === [piece, own][i])).toEqual([true, true]);
  });

  it("a large frame is as it was until the network has it, also behind others; then its memory is lent again", () => {
    const { ws, socket } = adapted(true);
    const frame = frames.take(65_600).fill(7);
    ws.bufferedAmount = 3;
    socket.send(frame);
    expect(ws.calls).toEqual([["send", frame]]);
    expect((ws.calls[0]![1] as Uint8Array).buffer).toBe(frame.buffer);
    const lent = () =>
      Array.from({ length: 20 }, () => frames.take(65_600)).some(({ buffer }) => buffer === frame.buffer);
    expect(lent()).toBe(false);
    ws.done?.();
    expect(lent()).toBe(true);
  });

  it("where the network has all of it at once, its memory is lent again at once, and then no second time", () => {
    const { ws, socket } = adapted(true);
    const frame = frames.take(65_600);
    socket.send(frame);
    const taken = Array.from({ length: 20 }, () => frames.take(65_600));
    expect(taken.filter(({ buffer }) => buffer === frame.buffer)).toHaveLength(1);
    // Of whoever has it by now.
    ws.done?.();
    expect(frames.take(65_600).buffer).not.toBe(frame.buffer);
  });

  describe("a lent frame", () => {
    const isLentAgain = (length: number, frame: Uint8Array) =>
      Array.from({ length: 300 }, () => frames.take(length)).some(
        ({ buffer, byteOffset }) => buffer === frame.buffer && byteOffset === frame.byteOffset,
      );
    /** A `send` that looks like this to whoever reads it. */
    const sending = (source: string, own = false) => {
      const { ws, socket } = adapted(false);
      const send = (data: string | Uint8Array) => void ws.calls.push(["send", data]);
      if (own) ws.send = send;
      else Object.setPrototypeOf(ws, Object.create(FakeSocket.prototype, { send: { value: send } }));
      const sourceOf = Function.prototype.toString;
      vi.spyOn(Function.prototype, "toString").mockImplementation(function (this: unknown) {
        return this === send ? source : sourceOf.call(this);
      });
      return { ws, socket };
    };
    const LIKE_V8 = "function send() { [native code] }";
    const page = () => vi.stubGlobal("location", { href: "https://page.example" });
    afterEach(() => {
      vi.unstubAllGlobals();
      vi.restoreAllMocks();
    });

    for (const length of [77, 16_383, 65_600])
      it.each([LIKE_V8, "function send() {\n    [native code]\n}"])(
        `of ${length} bytes is lent again at once in a page, where a browser's own send has it: %j`,
        (source) => {
          page();
          const { ws, socket } = sending(source);
          const [hello, frame] = [frames.take(length), frames.take(length)];
          socket.send(hello);
          expect(isLentAgain(length, hello)).toBe(false);
          socket.send(frame, true);
          expect(ws.calls).toEqual([
            ["send", hello],
            ["send", frame],
          ]);
          expect(isLentAgain(length, frame)).toBe(true);
        },
      );

    it.each([
      ["a script's send has it", "send(data) { queueMicrotask(() => this.inner.send(data)); }", page],
      ["a proxy has it, or a function that was bound", "function () { [native code] }", page],
      ["a function that was bound has it, in WebKit", LIKE_V8, page, true],
      ["there is no page: it may be sent later as it is then", LIKE_V8, () => {}],
    ])("is not lent again where %s", (_, source, around, own = false) => {
      around();
      const { socket } = sending(source, own);
      for (const length of [77, 65_600]) {
        const frame = frames.take(length);
        socket.send(frame, true);
        expect(isLentAgain(length, frame)).toBe(false);
      }
    });
  });

  it("a platform that does not tell what is unsent has nothing unsent", async () => {
    for (const node of [false, true]) {
      const { ws, socket } = adapted(node);
      Reflect.deleteProperty(ws, "bufferedAmount");
      expect(socket.bufferedAmount).toBe(0);
      socket.send(Uint8Array.of(1));
      await socket.drained(0);
      expect(ws.calls).toHaveLength(1);
    }
  });

  it("where it is not told, the memory of a large frame is lent again once that was sent, and not before", () => {
    const { ws, socket } = adapted(true);
    Reflect.deleteProperty(ws, "bufferedAmount");
    const frame = frames.take(65_600);
    const lent = () =>
      Array.from({ length: 20 }, () => frames.take(65_600)).some(({ buffer }) => buffer === frame.buffer);
    socket.send(frame);
    expect(lent()).toBe(false);
    ws.done?.();
    expect(lent()).toBe(true);
  });

  it("bytes of a browser become a Uint8Array, others stay", () => {
    const { ws, events } = adapted(false);
    expect(ws.binaryType).toBe("arraybuffer");
    ws.emit("message", { data: Uint8Array.of(1, 2).buffer });
    ws.emit("message", { data: "text" });
    expect(events).toEqual([
      ["message", Uint8Array.of(1, 2)],
      ["message", "text"],
    ]);
  });
  it("bytes of `ws` stay, its text becomes a string, and one socket hears nothing of another", () => {
    const [{ ws, events }, other] = [adapted(true), adapted(true)];
    ws.emit("message", Buffer.of(1, 2), true);
    ws.emit("message", Buffer.from("text"), false);
    expect(events).toEqual([
      ["message", Buffer.of(1, 2)],
      ["message", "text"],
    ]);
    expect(other.events).toEqual([]);
  });
  it.each([
    ["WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", [["error", "E_TOO_BIG"]]],
    ["WS_ERR_TOO_MANY_BUFFERED_PARTS", [["error", "E_TOO_BIG"]]],
    ["WS_ERR_INVALID_UTF8", [["error", "E_FRAME"]]],
    ["ECONNRESET", []],
    [undefined, []],
  ])("the error %s of the transport", (code, expected) => {
    const { ws, events } = adapted(true);
    ws.emit("error", { code });
    expect(events).toEqual(expected);
  });
  it("nothing is sent through a socket that is not open", () => {
    const { ws, socket } = adapted(true);
    ws.readyState = 2;
    socket.send("x");
    expect(ws.calls).toEqual([]);
  });
});

describe("waiting until less is unsent", () => {
  it("a browser is asked again and again, and no timer is left", async () => {
    const { ws, clock, socket } = adapted(false);
    ws.bufferedAmount = 100;
    const done: number[] = [];
    void socket.drained(50).then(() => done.push(50));
    void socket.drained(10).then(() => done.push(10));
    await clock.advance(100);
    expect(done).toEqual([]);
    ws.bufferedAmount = 50;
    await clock.advance(10);
    expect(done).toEqual([50]);
    ws.bufferedAmount = 0;
    await clock.advance(10);
    expect(done).toEqual([50, 10]);
    expect(clock.pending).toBe(0);
    await socket.drained(0);
  });
  it("`ws` tells it; the end of the connection lets everybody go", async () => {
    const { ws, socket } = adapted(true);
    socket.send("x");
    ws.bufferedAmount = 100;
    let done = 0;
    void socket.drained(50).then(() => done++);
    ws.bufferedAmount = 0;
    ws.done?.();
    await Promise.resolve();
    expect(done).toBe(1);
    ws.bufferedAmount = 100;
    void socket.drained(50).then(() => done++);
    ws.readyState = 3;
    ws.emit("close", 1006, Buffer.alloc(0));
    await Promise.resolve();
    expect(done).toBe(2);
  });
});

describe("frames that leave together", () => {
  const names = ({ calls }: FakeSocket) => calls.map(([name]) => name);

  it("are those from cork to uncork, and what they keep back is not what a slow peer leaves unsent", () => {
    const { ws, socket } = adapted(true, true);
    expect(socket.cork?.()).toBe(true);
    expect(socket.cork?.()).toBe(true);
    const piece = new Uint8Array(16_384).subarray(8, 11);
    for (let i = 0; i < 2; i++) {
      socket.send(piece);
      ws.bufferedAmount += 3;
      expect(socket.bufferedAmount).toBe(0);
    }
    expect(ws.calls[2]?.[1]).toBe(piece);
    socket.uncork?.();
    socket.uncork?.();
    expect(names(ws)).toEqual(["cork", "send", "send", "uncork"]);
    expect(socket.bufferedAmount).toBe(6);
  });

  it("are 16 at most, so that a slow peer holds that much memory of others and no more [limit:send-buffer]", () => {
    const { ws, socket } = adapted(true, true);
    socket.cork?.();
    for (let i = 0; i < 16; i++) socket.send("x");
    expect(names(ws)).toEqual(["cork", ...new Array(16).fill("send"), "uncork"]);
    ws.bufferedAmount = 20;
    socket.cork?.();
    expect(socket.bufferedAmount).toBe(20);
    const piece = new Uint8Array(16_384).subarray(8, 11);
    socket.send(piece);
    expect((ws.calls.at(-1)![1] as Uint8Array).buffer.byteLength).toBe(3);
  });

  it.each([new Uint8Array(16_384), "x".repeat(16_384)])("a large one is not kept back", (large) => {
    const { ws, socket } = adapted(true, true);
    socket.cork?.();
    socket.send("x");
    socket.send(large);
    expect(names(ws)).toEqual(["cork", "send", "send", "uncork"]);
  });

  it.each(["close", "terminate"] as const)("%s comes after them", (end) => {
    const { ws, socket } = adapted(true, true);
    socket.cork?.();
    socket.send("x");
    socket[end](1000, "normal");
    expect(names(ws)).toEqual(["cork", "send", "uncork", end]);
  });

  it("a browser has none", () => {
    const { ws, socket } = adapted(false);
    expect(socket.cork?.()).toBe(false);
    socket.uncork?.();
    expect(ws.calls).toEqual([]);
  });
});
