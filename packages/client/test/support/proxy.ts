import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { listen } from "./world.ts";

/** TCP between a client and a server, which a test can cut. Bytes pass as they are. */
export interface TcpProxy {
  readonly url: string;
  /** Connections that were taken. */
  readonly taken: number;
  /** What becomes of new connections. */
  mode: "pass" | "502" | "refuse";
  /** Resets every connection, at both ends. */
  cut(): void;
}

/** `after`: bytes of either direction after which a connection is reset, wherever in a frame that is. */
export async function startProxy(port: () => number, after?: () => number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const state = { mode: "pass" as TcpProxy["mode"], taken: 0 };
  const end = (...sockets: Socket[]) => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const server: Server = createServer((near) => {
    state.taken++;
    near.on("error", () => {});
    if (state.mode === "refuse") return end(near);
    if (state.mode === "502") {
      near.resume();
      near.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      return;
    }
    const far = dial(port(), "127.0.0.1");
    let left = after?.() ?? Number.POSITIVE_INFINITY;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
      from.on("data", (bytes: Buffer) => {
        to.write(bytes.subarray(0, left));
        left -= bytes.length;
        // What was written has left for the other end when the callback comes.
        if (left <= 0) to.write("", () => end(near, far));
      });
    }
  });
  const at = await listen(server as never);
  onTestFinished(() => {
    end(...open);
    server.close();
  });
  return Object.assign(state, { url: `ws://127.0.0.1:${at}/`, cut: () => end(...open) });
}
