import { Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { startWorld, until } from "./support/world.ts";

interface Chunks {
  readonly length: number;
}

/** What leaves by the sockets of either end: how many buffers each system call takes. */
function writesOf(port: number): { readonly client: number[]; readonly server: number[] } {
  const writes: { client: number[]; server: number[] } = { client: [], server: [] };
  const count = (socket: Socket, buffers: number): void => {
    if (socket.remotePort === port) writes.client.push(buffers);
    else if (socket.localPort === port) writes.server.push(buffers);
  };
  onTestFinished(() => void vi.restoreAllMocks());
  const { _write: one, _writev: many } = Socket.prototype as Required<Socket>;
  vi.spyOn(Socket.prototype, "_write").mockImplementation(function (this: Socket, ...args) {
    count(this, 1);
    one.apply(this, args);
  });
  vi.spyOn(Socket.prototype as Required<Socket>, "_writev").mockImplementation(function (this: Socket, ...args) {
    count(this, (args[0] as Chunks).length);
    many.apply(this, args);
  });
  return writes;
}

/** `ws` hands a frame of a client over as one buffer and that of a server as two: its head, and what is sealed. */
const [OF_CLIENT, OF_SERVER] = [1, 2];

describe("messages of one turn that have an envelope each", () => {
  it("leave by one system call, from either end, and come in order", async () => {
    const world = await startWorld({ batch: false });
    const client = await world.connect({ batch: false });
    const [session] = world.server.sessions;
    const got: { client: unknown[]; server: unknown[] } = { client: [], server: [] };
    client.handle("t", (data) => void got.client.push(data));
    session?.handle("t", (data) => void got.server.push(data));
    const data = [0, 1, 2, 3, 4];
    const writes = writesOf(world.port);
    for (const n of data) void client.send("t", n);
    expect(writes.client).toEqual([]);
    await until(() => got.server.length === 5);
    expect(writes.client).toEqual([5 * OF_CLIENT]);
    for (const n of data) void session?.send("t", n);
    await until(() => got.client.length === 5);
    expect(writes.server).toEqual([5 * OF_SERVER]);
    expect(got).toEqual({ client: data, server: data });
  });

  it("are on the way before the connection ends", async () => {
    const world = await startWorld({ batch: false });
    const client = await world.connect({ batch: false, reconnect: false });
    const [session] = world.server.sessions;
    const got: unknown[] = [];
    session?.handle("t", (data) => void got.push(data));
    for (let n = 0; n < 20; n++) void client.send("t", n);
    expect(await client.close()).toMatchObject({ clean: true });
    expect(got).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });
});
