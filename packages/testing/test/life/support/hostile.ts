import type { WebSocket as Ws } from "ws";
import { WebSocketServer } from "ws";
import type { World } from "./world.ts";

/** A WebSocket server that knows no key, in place of the real one; `answer` sees each connection with its CH. */
export function impostor(world: World, answer: (ws: Ws, hello: "new" | "resume", n: number) => void): void {
  const wss = new WebSocketServer({ noServer: true, handleProtocols: () => "sealwire.v1.text" });
  let n = 0;
  world.open((request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => {
      ws.on("error", () => {});
      ws.once("message", (data: Buffer) => {
        // CH of a new session is JSON in clear, that of a resume a compact JWS.
        answer(ws, data.toString().startsWith("{") ? "new" : "resume", n++);
      });
    });
  });
}

/** A proxy whose upstream is gone. */
export const badGateway = (world: World, onRequest: () => void): void => answers(world, "502 Bad Gateway", onRequest);

/** Every upgrade is answered with this status. */
export function answers(world: World, status: string, onRequest: () => void): void {
  world.open((_, socket) => {
    onRequest();
    socket.resume();
    socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  });
}

/** Takes connections, and says nothing. */
export function silence(world: World, onOpen: () => void = () => {}, onClosed: () => void = () => {}): void {
  world.open((_, socket) => {
    onOpen();
    socket.once("end", () => socket.end()).once("close", onClosed);
    socket.resume();
  });
}
