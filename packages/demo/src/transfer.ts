import { Sha256 } from "./sha256.ts";
import { CHUNK_BYTES, CHUNKS_IN_FLIGHT, type FileInfo, packChunk } from "./topics.ts";

/** A file, wherever it comes from: the page gives slices of a `File`, Node a generator of bytes. */
export interface Source {
  readonly name: string;
  readonly size: number;
  readonly type: string;
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** The part of a session that a transfer needs; a function, so that page and Node pass theirs. */
export interface Requester {
  request(topic: string, data: unknown, signal?: AbortSignal): Promise<unknown>;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number, total: number) => void;
}

/**
 * Sends a file in sealed chunks, a few of them in flight, hashing while it reads: memory holds those few chunks.
 * Rejects with the signal's reason when aborted, after the server has been told to forget what it got.
 */
export async function upload(session: Requester, source: Source, options: TransferOptions = {}): Promise<FileInfo> {
  const { name, size, type } = source;
  const { id } = (await session.request("file.begin", { name, size, type })) as { id: number };
  const hash = new Sha256();
  try {
    let done = 0;
    await pipeline(Math.ceil(size / CHUNK_BYTES), async (index) => {
      options.signal?.throwIfAborted();
      const bytes = await source.slice(index * CHUNK_BYTES, Math.min(size, (index + 1) * CHUNK_BYTES));
      hash.update(bytes);
      return async () => {
        await session.request("file.chunk", packChunk(id, index, bytes));
        done += bytes.length;
        options.onProgress?.(done, size);
      };
    });
    options.signal?.throwIfAborted();
    return (await session.request("file.end", { id, sha256: hash.hex() })) as FileInfo;
  } catch (error) {
    // Where the connection itself failed this fails too; the server then drops the upload with the session.
    await session.request("file.abort", { id }).catch(() => undefined);
    throw error;
  }
}

/** Fetches a file in chunks, hands each on in order, and resolves to whether its SHA-256 is the announced one. */
export async function download(
  session: Requester,
  info: FileInfo,
  take: (bytes: Uint8Array) => void | Promise<void>,
  options: TransferOptions = {},
): Promise<{ sha256: string; matches: boolean }> {
  const hash = new Sha256();
  let done = 0;
  let last: Promise<void> = Promise.resolve();
  await pipeline(Math.ceil(info.size / CHUNK_BYTES), async (index) => {
    options.signal?.throwIfAborted();
    const reply = session.request("file.get", { id: info.id, index }) as Promise<Uint8Array>;
    const before = last;
    const step = (async () => {
      const [bytes] = await Promise.all([reply, before]);
      hash.update(bytes);
      done += bytes.length;
      await take(bytes);
      options.onProgress?.(done, info.size);
    })();
    last = step;
    step.catch(() => undefined); // reported by whoever awaits it; never as an unhandled rejection
    return () => step;
  });
  const sha256 = hash.hex();
  return { sha256, matches: sha256 === info.sha256 };
}

/** Starts `count` jobs strictly in order, with at most a few of them unfinished. The first failure stops it. */
async function pipeline(count: number, start: (index: number) => Promise<() => Promise<void>>): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  try {
    for (let index = 0; index < count && !failure; index++) {
      const finish = await start(index);
      const job: Promise<void> = finish()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(job));
      running.add(job);
      if (running.size >= CHUNKS_IN_FLIGHT) await Promise.race(running);
    }
  } finally {
    await Promise.all(running); // nothing of ours is on its way any more when the caller cleans up
  }
  if (failure) throw failure.error;
}
