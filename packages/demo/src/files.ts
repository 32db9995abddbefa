import { createHash, type Hash, randomInt } from "node:crypto";
import { type FileHandle, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHUNK_BYTES, FILE_BYTES_MAX, type FileInfo, type FileOffer } from "./topics.ts";

/** A session, by its id, and whose it is. */
export interface Owner {
  readonly session: string;
  readonly user: string;
}

interface Upload {
  /** Changes where the user takes the upload up again in another session. */
  session: string;
  readonly user: string;
  readonly offer: FileOffer;
  readonly handle: FileHandle;
  readonly hash: Hash;
  next: number;
  received: number;
  /** Discards it; set while its session is gone without a farewell. */
  timer?: NodeJS.Timeout;
}

const UPLOADS_PER_SESSION = 2;
/** An upload waits so long for its user to come back. */
const FORSAKEN_MS = 60_000;
const KEPT_BYTES = 256 * 1024 * 1024;

/**
 * The server's shelf for transferred files: a private directory that goes with the process. What is in transfer is a
 * file that exists exactly as long as its upload does. Memory holds a chunk, never a file.
 */
export class FileStore {
  readonly #uploads = new Map<number, Upload>();
  readonly #files = new Map<number, FileInfo>();
  /** Uploads that are being created, by session, so that many at once cannot all pass the bound. */
  readonly #opening = new Map<string, number>();
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<FileStore> {
    return new FileStore(await mkdtemp(join(tmpdir(), "sealwire-demo-")));
  }

  async begin({ session, user }: Owner, offer: FileOffer): Promise<{ id: number }> {
    if (!Number.isSafeInteger(offer.size) || offer.size < 1 || offer.size > FILE_BYTES_MAX) {
      throw new RangeError(
        `A file has between 1 byte and ${FILE_BYTES_MAX / 1024 / 1024} MB; this one says ${offer.size}.`,
      );
    }
    const { name, type } = offer;
    if (typeof name !== "string" || typeof type !== "string" || name.length > 200 || type.length > 100) {
      throw new RangeError("A file has a name of at most 200 characters and a type of at most 100.");
    }
    const opening = this.#opening.get(session) ?? 0;
    if (this.#of(session).length + opening >= UPLOADS_PER_SESSION)
      throw new RangeError(`At most ${UPLOADS_PER_SESSION} uploads of one session at a time.`);
    const id = randomInt(1, 2 ** 32);
    this.#opening.set(session, opening + 1);
    try {
      const handle = await open(this.#path(id), "wx", 0o600);
      this.#uploads.set(id, { session, user, offer, handle, hash: createHash("sha256"), next: 0, received: 0 });
      // The session ended while the file was being created: nobody would ever discard it.
      if (!this.#opening.has(session)) {
        await this.#discard(id);
        throw new Error("The session has ended.");
      }
    } finally {
      const left = (this.#opening.get(session) ?? 1) - 1;
      if (left > 0) this.#opening.set(session, left);
      else this.#opening.delete(session);
    }
    return { id };
  }

  /** The user goes on with an upload, in this session from now on. */
  async continue({ session, user }: Owner, id: number): Promise<{ next: number }> {
    const kept = this.#files.get(id);
    if (kept?.from === user) return { next: Math.ceil(kept.size / CHUNK_BYTES) };
    const upload = this.#uploads.get(id);
    if (upload?.user !== user) throw new RangeError("There is no such upload of this user.");
    upload.session = session;
    clearTimeout(upload.timer);
    return { next: upload.next };
  }

  /** Chunks come in order, since a session hands them over in order; several may be writing at once. */
  async chunk(owner: Owner, id: number, index: number, bytes: Uint8Array): Promise<{ received: number }> {
    const upload = this.#own(owner, id);
    if (index !== upload.next) throw new RangeError(`Chunk ${upload.next} is due, not ${index}.`);
    const position = upload.received;
    if (bytes.length > CHUNK_BYTES || position + bytes.length > upload.offer.size)
      throw new RangeError("More bytes than announced.");
    upload.next += 1;
    upload.received += bytes.length;
    upload.hash.update(bytes);
    await upload.handle.write(bytes, 0, bytes.length, position);
    return { received: position + bytes.length };
  }

  /** `fresh` false: it was said before, and the answer was lost. */
  async end(owner: Owner, id: number, sha256: string): Promise<{ info: FileInfo; fresh: boolean }> {
    const kept = this.#files.get(id);
    if (kept?.from === owner.user && kept.sha256 === sha256) return { info: kept, fresh: false };
    const upload = this.#own(owner, id);
    const hash = upload.hash.digest("hex");
    if (upload.received !== upload.offer.size || hash !== sha256) {
      await this.#discard(id);
      throw new Error("The file is not the one that was announced; it was discarded.");
    }
    this.#uploads.delete(id);
    await upload.handle.close();
    const { name, size, type } = upload.offer;
    const info: FileInfo = { id, name, size, type, from: upload.user, sha256: hash };
    this.#files.set(id, info);
    await this.#makeRoom();
    return { info, fresh: true };
  }

  async abort(owner: Owner, id: number): Promise<{ removed: boolean }> {
    this.#own(owner, id);
    await this.#discard(id);
    return { removed: true };
  }

  /** The session has ended in order, or may not upload any more: its unfinished uploads go with it. */
  async drop(session: string): Promise<void> {
    this.#opening.delete(session);
    await Promise.all(this.#of(session).map((id) => this.#discard(id)));
  }

  /** The session broke off: its uploads wait for a while, for the user to continue them in another one. */
  forsake(session: string): void {
    for (const id of this.#of(session)) {
      const upload = this.#uploads.get(id)!;
      clearTimeout(upload.timer);
      upload.timer = setTimeout(() => void this.#discard(id), FORSAKEN_MS).unref();
    }
  }

  async get(id: number, index: number): Promise<Uint8Array> {
    const info = this.#files.get(id);
    const position = index * CHUNK_BYTES;
    if (!info || !Number.isSafeInteger(index) || index < 0 || position >= info.size)
      throw new RangeError("There is no such chunk.");
    const handle = await open(this.#path(id), "r");
    try {
      const bytes = new Uint8Array(Math.min(CHUNK_BYTES, info.size - position));
      await handle.read(bytes, 0, bytes.length, position);
      return bytes;
    } finally {
      await handle.close();
    }
  }

  /** For tests and the report: what lies on disk, and how many uploads run. */
  async contents(): Promise<{ onDisk: number; files: number; uploads: number }> {
    return { onDisk: (await readdir(this.#directory)).length, files: this.#files.size, uploads: this.#uploads.size };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#uploads.keys()].map((id) => this.#discard(id)));
    await rm(this.#directory, { recursive: true, force: true });
  }

  #of(session: string): number[] {
    return [...this.#uploads].filter(([, u]) => u.session === session).map(([id]) => id);
  }

  #own({ session }: Owner, id: number): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.session !== session) throw new RangeError("There is no such upload in this session.");
    clearTimeout(upload.timer);
    return upload;
  }

  async #discard(id: number): Promise<void> {
    const upload = this.#uploads.get(id);
    this.#uploads.delete(id);
    clearTimeout(upload?.timer);
    await upload?.handle.close();
    await rm(this.#path(id), { force: true });
  }

  async #makeRoom(): Promise<void> {
    let total = [...this.#files.values()].reduce((sum, f) => sum + f.size, 0);
    for (const [id, info] of this.#files) {
      if (total <= KEPT_BYTES) return;
      total -= info.size;
      this.#files.delete(id);
      await rm(this.#path(id), { force: true });
    }
  }

  /** Names come from numbers of ours, never from the peer. */
  #path(id: number): string {
    return join(this.#directory, `${id}.bin`);
  }
}
