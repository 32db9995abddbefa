// node:http takes any stream for a connection, also one that hands over what is written to it without a copy.
import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { rawSession } from "./support/raw.ts";
import { startWorld } from "./support/world.ts";

/** One of two ends, as `stream.duplexPair` of Node 22 makes them: written is what the other end has read. */
class End extends Duplex {
  other: End | undefined;
  #written: (() => void) | undefined;

  static pair(): [End, End] {
    const [a, b] = [new End(), new End()];
    [a.other, b.other] = [b, a];
    return [a, b];
  }

  override _read(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  override _write(chunk: Buffer, _: BufferEncoding, written: () => void): void {
    const { other } = this;
    if (other === undefined || chunk.length === 0) {
      process.nextTick(written);
      return;
    }
    other.#written = written;
    other.push(chunk);
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }
}

describe("a stream in place of a socket", () => {
  it("has its frames for itself, also when it says that they are written", async () => {
    const world = await startWorld();
    world.server.handle("large", (size) => new Uint8Array(size as number));
    const [stream, other] = End.pair();
    world.http.emit("connection", other);
    const { ws, session } = await rawSession(world, { stream });
    const kept: (readonly [data: Buffer, then: Buffer])[] = [];
    ws.on("message", (data: Buffer) => kept.push([data, Buffer.from(data)]));
    for (let i = 0; i < 5; i++) expect(await session.request("large", 66_000)).toHaveLength(66_000);
    expect(kept.filter(([{ length }]) => length > 66_000)).toHaveLength(5);
    expect(kept.filter(([data, then]) => !data.equals(then))).toEqual([]);
    await session.close();
  });
});
