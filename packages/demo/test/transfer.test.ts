import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { FileStore } from "../src/files.ts";
import { CHUNK_BYTES, unpackChunk } from "../src/topics.ts";
import { download, type Requester, upload } from "../src/transfer.ts";

describe("transfer", () => {
  const size = CHUNK_BYTES * 6 + 7;
  const content = randomBytes(size);
  const source = {
    name: "a.bin",
    size,
    type: "",
    slice: async (from: number, to: number) => new Uint8Array(content.subarray(from, to)),
  };
  const lost = (): Promise<never> => Promise.reject(Object.assign(new Error("lost"), { code: "E_TRUNCATED" }));

  /** A server behind a session that fails once at this request, before or after the server has seen it. */
  async function through(fail: { topic: string; nth: number; seen: boolean }, ready = true) {
    const store = await FileStore.create();
    let session = 1;
    let count = 0;
    const owner = () => ({ session: `s${session}`, user: "alice" });
    const serve = async (topic: string, data: unknown): Promise<unknown> => {
      const { id, index, sha256 } = data as { id: number; index: number; sha256: string };
      if (topic === "file.begin") return store.begin(owner(), data as typeof source);
      if (topic === "file.continue") return store.continue(owner(), id);
      if (topic === "file.end") return (await store.end(owner(), id, sha256)).info;
      if (topic === "file.get") return store.get(id, index);
      if (topic === "file.abort") return store.abort(owner(), id);
      const chunk = unpackChunk(data as Uint8Array);
      return store.chunk(owner(), chunk.id, chunk.index, chunk.bytes);
    };
    const broken = new Set<number>();
    const requester: Requester = {
      async request(topic, data) {
        const mine = session;
        if (broken.has(mine)) return lost();
        if (topic === fail.topic && ++count === fail.nth) {
          if (fail.seen) await serve(topic, data);
          broken.add(mine);
          return lost();
        }
        return serve(topic, data);
      },
      async ready() {
        if (!ready) return false;
        if (broken.has(session)) session += 1;
        return true;
      },
    };
    return { store, requester };
  }

  test.each([
    ["file.chunk", 3, false],
    ["file.chunk", 3, true],
    ["file.end", 1, false],
    ["file.end", 1, true],
    ["file.get", 4, true],
  ])("goes on where a session was lost at %s no. %i, seen by the server: %s", async (topic, nth, seen) => {
    const { store, requester } = await through({ topic, nth, seen });
    const info = await upload(requester, source);
    expect(info.sha256).toBe(createHash("sha256").update(content).digest("hex"));
    const parts: Uint8Array[] = [];
    const { matches } = await download(requester, info, (bytes) => void parts.push(bytes));
    expect(matches).toBe(true);
    expect(Buffer.concat(parts).equals(content)).toBe(true);
    expect(await store.contents()).toEqual({ onDisk: 1, files: 1, uploads: 0 });
    await store.close();
  });

  test("gives up where there will be no session any more", async () => {
    const { store, requester } = await through({ topic: "file.chunk", nth: 2, seen: true }, false);
    await expect(upload(requester, source)).rejects.toThrow("lost");
    await store.close();
  });

  test("does not ask again for what is denied", async () => {
    const { store, requester } = await through({ topic: "none", nth: 1, seen: true });
    let asked = 0;
    const denied: Requester = {
      ...requester,
      request: (topic, data) => {
        if (topic !== "file.chunk") return requester.request(topic, data);
        asked += 1;
        return Promise.reject(Object.assign(new Error("denied"), { code: "E_DENIED" }));
      },
    };
    await expect(upload(denied, source)).rejects.toThrow("denied");
    expect(asked).toBeLessThanOrEqual(4);
    expect(await store.contents()).toMatchObject({ uploads: 0, onDisk: 0 });
    await store.close();
  });
});
