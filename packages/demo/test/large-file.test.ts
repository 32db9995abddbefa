import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, test, vi } from "vitest";
import { CHUNK_BYTES, FILE_BYTES_MAX, type FileInfo } from "../src/topics.ts";
import { download, type Source, upload } from "../src/transfer.ts";
import { eventually, type TestDemo, testDemo } from "./support.ts";

const MB = 1024 * 1024;
const SIZE = 50 * MB;
const GROWTH_MAX = 16 * MB;
const CHUNKS_PER_SAMPLE = 64;

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** What is alive, sampled every so many chunks: all of the demo runs in this process, so this is both ends and between. */
class Memory {
  readonly #start = live();
  #chunks = 0;
  samples = 0;
  growth = 0;

  chunk(): void {
    if (++this.#chunks % CHUNKS_PER_SAMPLE !== 0) return;
    this.samples += 1;
    this.growth = Math.max(this.growth, live() - this.#start);
  }
}

/** Twice: V8 frees dead array buffers on another thread, and the second collection waits for what the first found. */
function live(): number {
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The same bytes at every run, made where they are read. */
function generated(onBytes: (bytes: Uint8Array) => void): Source {
  return {
    name: "large.bin",
    size: SIZE,
    type: "application/octet-stream",
    async slice(start, end) {
      const bytes = createHash("shake128", { outputLength: end - start })
        .update(String(start))
        .digest();
      onBytes(bytes);
      return bytes;
    },
  };
}

let demo: TestDemo | undefined;
let shelf: string | undefined;
afterEach(async () => {
  await demo?.end();
  vi.unstubAllEnvs();
  if (shelf) await rm(shelf, { recursive: true, force: true });
  demo = shelf = undefined;
});

test.each(["text", "binary"] as const)(
  "50 MB cross the relay with the same SHA-256, in bounded memory, on the %s wire",
  async (wire) => {
    expect(SIZE).toBeLessThanOrEqual(FILE_BYTES_MAX);
    shelf = await mkdtemp(join(tmpdir(), "sealwire-large-"));
    for (const name of ["TMPDIR", "TEMP"]) vi.stubEnv(name, shelf);
    demo = await testDemo();
    const offers: FileInfo[] = [];
    const alice = await demo.session("alice", { wire });
    const bob = await demo.session("bob", { wire, onFile: (info) => offers.push(info) });

    const sending = new Memory();
    const made = createHash("sha256");
    await upload(
      alice,
      generated((bytes) => {
        made.update(bytes);
        sending.chunk();
      }),
    );
    const info = await eventually(() => offers[0]);

    const receiving = new Memory();
    const got = createHash("sha256");
    let received = 0;
    const { matches } = await download(bob, info, (bytes) => {
      got.update(bytes);
      received += bytes.length;
      receiving.chunk();
    });

    const sha256 = made.digest("hex");
    expect(received).toBe(SIZE);
    expect(info).toMatchObject({ size: SIZE, sha256 });
    expect(got.digest("hex")).toBe(sha256);
    expect(matches).toBe(true);
    for (const { samples, growth } of [sending, receiving]) {
      expect(samples).toBe(Math.floor(Math.ceil(SIZE / CHUNK_BYTES) / CHUNKS_PER_SAMPLE));
      expect(samples).toBeGreaterThan(2);
      expect(growth).toBeLessThan(GROWTH_MAX);
    }

    expect(await readdir(shelf)).toHaveLength(1);
    await demo.end();
    demo = undefined;
    expect(await readdir(shelf)).toEqual([]);
  },
  120_000,
);
