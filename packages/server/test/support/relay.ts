import { type AddressInfo, createServer, type Socket, connect as tcp } from "node:net";
import { onTestFinished } from "vitest";

/** A path between client and server that can be cut, on either side, and led to another server. */
export interface Relay {
  readonly url: string;
  /** Where connections go from now on. */
  target: number;
  /** Connections that were taken so far. */
  readonly taken: number;
  /** Cuts what is there: the client's side, the server's, or both. What is not cut hears nothing more. */
  cut(side?: "client" | "server"): void;
  /** Takes connections, and leads them nowhere. */
  closed: boolean;
}

export async function startRelay(target: number): Promise<Relay> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket; cut: boolean }>();
  const all = new Set<Socket>();
  const quiet = (socket: Socket) => {
    all.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => all.delete(socket));
    return socket;
  };
  const relay = { url: "", target, taken: 0, closed: false, cut: (_?: "client" | "server") => {} };
  const http = createServer((client) => {
    relay.taken++;
    quiet(client);
    if (relay.closed) {
      client.destroy();
      return;
    }
    const server = quiet(tcp({ port: relay.target, host: "127.0.0.1" }));
    const pair = { client, server, cut: false };
    pairs.add(pair);
    client.pipe(server);
    server.pipe(client);
    client.on("close", () => !pair.cut && server.destroy());
    server.on("close", () => !pair.cut && client.destroy());
  });
  relay.cut = (side) => {
    for (const pair of pairs) {
      pair.cut = true;
      pair.client.unpipe();
      pair.server.unpipe();
      if (side !== "server") pair.client.destroy();
      if (side !== "client") pair.server.destroy();
      // What is not cut is read, and goes nowhere.
      pair.client.resume();
      pair.server.resume();
    }
  };
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  relay.url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    for (const socket of all) socket.destroy();
    await new Promise((resolve) => http.close(resolve));
  });
  return relay;
}
