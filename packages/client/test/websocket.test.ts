import { DEFAULT_LIMITS } from "@sealwire/core";
import { expect, it, onTestFinished, vi } from "vitest";
import { openSocket, type SocketConstructor } from "../src/websocket.ts";

/** As `ws`, whose upgrade was answered on `socket`. */
function answered(socket: unknown): SocketConstructor {
  return class extends EventTarget {
    readonly protocol = "sealwire.v1.cbor";
    readonly readyState = 1;
    binaryType = "blob";
    on(type: string, listener: (event: unknown) => void) {
      if (type === "upgrade")
        queueMicrotask(() => {
          listener({ socket });
          this.dispatchEvent(new Event("open"));
        });
    }
    pause() {}
    send() {}
    close() {}
  } as unknown as SocketConstructor;
}

const open = async (socket: unknown) =>
  await openSocket(answered(socket), { url: new URL("wss://chat.example") }, ["sealwire.v1.cbor"], {
    limits: DEFAULT_LIMITS,
    signal: new AbortController().signal,
  });

it("a CA of one's own is not left out where the platform's WebSocket takes none", async () => {
  const native = answered(null);
  vi.stubGlobal("WebSocket", native);
  onTestFinished(() => void vi.unstubAllGlobals());
  const tls = { ca: "PEM" };
  const options = { limits: DEFAULT_LIMITS, signal: new AbortController().signal, tls };
  await expect(openSocket(native, { url: new URL("wss://chat.example") }, [], options)).rejects.toThrow(/^tls: /);
});

it("what is written to is told where the platform has it, as Bun has not", async () => {
  const stream = { cork() {}, uncork() {} };
  expect(await open(stream)).toHaveProperty("stream", stream);
  expect((await open(null)).stream).toBeUndefined();
});
