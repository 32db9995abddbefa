import { Sha256 } from "./sha256.ts";
import { CHUNK_BYTES, CHUNKS_IN_FLIGHT, type FileInfo, packChunk } from "./topics.ts";

/** A file, wherever it comes from: the page gives slices of a `File`, Node a generator of bytes. */
export interface Source {
  readonly name: string;
  readonly size: number;
  readonly type: string;
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** The part of a session that a transfer needs. */
export interface Requester {
  request(topic: string, data: unknown, signal?: AbortSignal): Promise<unknown>;
  /** Resolves when there is a connection again; false: there will be none. */
  ready(): Promise<boolean>;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number, total: number) => void;
}

/** Answers of the server that another attempt would only repeat. */
const FINAL = new Set(["E_DENIED", "E_HANDLER", "E_NO_HANDLER", "E_INVALID", "E_TOO_BIG"]);
/** Attempts that brought no chunk further. */
const ATTEMPTS = 5;

/**
 * Sends a file in sealed chunks, a few of them in flight, hashing while it reads: memory holds those few chunks. A resumed
 * session goes on by itself; where requests were lost with their session, the server says in the next one which chunk is
 * due. Rejects with the signal's reason when aborted, after the server has been told to forget what it got.
 */
export async function upload(session: Requester, source: Source, options: TransferOptions = {}): Promise<FileInfo> {
  const { signal, onProgress } = options;
  const { name, size, type } = source;
  const count = Math.ceil(size / CHUNK_BYTES);
  const { id } = (await session.request("file.begin", { name, size, type })) as { id: number };
  const hash = new Sha256();
  let hashed = 0;
  const send = async (index: number): Promise<() => Promise<void>> => {
    signal?.throwIfAborted();
    const bytes = await source.slice(index * CHUNK_BYTES, Math.min(size, (index + 1) * CHUNK_BYTES));
    if (index === hashed) {
      hash.update(bytes);
      hashed += 1;
    }
    return async () => {
      await session.request("file.chunk", packChunk(id, index, bytes));
      onProgress?.(Math.min(size, (index + 1) * CHUNK_BYTES), size);
    };
  };
  let sha256: string | undefined;
  const due = async (): Promise<number> => ((await session.request("file.continue", { id })) as { next: number }).next;
  const work = async (from: number): Promise<FileInfo> => {
    await pipeline(from, count, send);
    signal?.throwIfAborted();
    sha256 ??= hash.hex();
    return (await session.request("file.end", { id, sha256 })) as FileInfo;
  };
  try {
    return await persist(session, { signal, due, work });
  } catch (error) {
    // Where the session itself has ended this fails too; the server then forgets the upload by itself.
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
  const { signal, onProgress } = options;
  const hash = new Sha256();
  let taken = 0;
  const fetchFrom = async (from: number): Promise<void> => {
    let last: Promise<void> = Promise.resolve();
    await pipeline(from, Math.ceil(info.size / CHUNK_BYTES), async (index) => {
      signal?.throwIfAborted();
      const reply = session.request("file.get", { id: info.id, index }) as Promise<Uint8Array>;
      const before = last;
      const step = (async () => {
        const [bytes] = await Promise.all([reply, before]);
        hash.update(bytes);
        await take(bytes);
        taken = index + 1;
        onProgress?.(Math.min(info.size, taken * CHUNK_BYTES), info.size);
      })();
      last = step;
      step.catch(() => undefined); // reported by whoever awaits it; never as an unhandled rejection
      return () => step;
    });
  };
  await persist(session, { signal, due: async () => taken, work: fetchFrom });
  const sha256 = hash.hex();
  return { sha256, matches: sha256 === info.sha256 };
}

interface Work<T> {
  readonly signal: AbortSignal | undefined;
  /** The chunk to go on with. */
  readonly due: () => Promise<number>;
  readonly work: (from: number) => Promise<T>;
}

/** Does the work from chunk 0; where it fails by a lost session, again from the chunk that is due. */
async function persist<T>(session: Requester, { signal, due, work }: Work<T>): Promise<T> {
  let best = 0;
  let from: number | undefined = 0;
  for (let attempts = 1; ; attempts++) {
    try {
      from ??= await due();
      if (from > best) attempts = 1;
      best = Math.max(best, from);
      return await work(from);
    } catch (error) {
      from = undefined;
      const final = signal?.aborted || FINAL.has(String((error as { code?: unknown }).code)) || attempts >= ATTEMPTS;
      if (final || !(await session.ready())) throw error;
    }
  }
}

/** Starts the jobs from `from` to `count` in order, with at most a few of them unfinished. The first failure stops it. */
async function pipeline(
  from: number,
  count: number,
  start: (index: number) => Promise<() => Promise<void>>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  try {
    for (let index = from; index < count && !failure; index++) {
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
