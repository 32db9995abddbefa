import { createHash, type Hash, randomInt } from "node:crypto";
import { type FileHandle, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHUNK_BYTES, FILE_BYTES_MAX, type FileInfo, type FileOffer } from "./topics.ts";

interface Upload {
  readonly owner: object;
  readonly offer: FileOffer;
  readonly from: string;
  readonly handle: FileHandle;
  readonly hash: Hash;
  next: number;
  received: number;
}

const UPLOADS_PER_OWNER = 2;
const KEPT_BYTES = 256 * 1024 * 1024;

/**
 * The server's shelf for transferred files: a private directory that goes with the process. What is in transfer is a
 * file that exists exactly as long as its upload does. Memory holds a chunk, never a file.
 */
export class FileStore {
  readonly #uploads = new Map<number, Upload>();
  readonly #files = new Map<number, FileInfo>();
  /** Uploads that are being created, so that many at once cannot all pass the bound. */
  readonly #opening = new WeakMap<object, number>();
  readonly #gone = new WeakSet<object>();
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<FileStore> {
    return new FileStore(await mkdtemp(join(tmpdir(), "sealwire-demo-")));
  }

  async begin(owner: object, from: string, offer: FileOffer): Promise<{ id: number }> {
    if (!Number.isSafeInteger(offer.size) || offer.size < 1 || offer.size > FILE_BYTES_MAX) {
      throw new RangeError(
        `A file has between 1 byte and ${FILE_BYTES_MAX / 1024 / 1024} MB; this one says ${offer.size}.`,
      );
    }
    const { name, type } = offer;
    if (typeof name !== "string" || typeof type !== "string" || name.length > 200 || type.length > 100) {
      throw new RangeError("A file has a name of at most 200 characters and a type of at most 100.");
    }
    const running =
      [...this.#uploads.values()].filter((u) => u.owner === owner).length + (this.#opening.get(owner) ?? 0);
    if (running >= UPLOADS_PER_OWNER)
      throw new RangeError(`At most ${UPLOADS_PER_OWNER} uploads of one session at a time.`);
    const id = randomInt(1, 2 ** 32);
    this.#opening.set(owner, (this.#opening.get(owner) ?? 0) + 1);
    const handle = await open(this.#path(id), "wx", 0o600).finally(() => {
      this.#opening.set(owner, (this.#opening.get(owner) ?? 1) - 1);
    });
    if (this.#gone.has(owner)) {
      // The session ended while the file was being created: nobody would ever discard it.
      await handle.close();
      await rm(this.#path(id), { force: true });
      throw new Error("The session has ended.");
    }
    this.#uploads.set(id, { owner, from, offer, handle, hash: createHash("sha256"), next: 0, received: 0 });
    return { id };
  }

  /** Chunks come in order, since a session hands them over in order; several may be writing at once. */
  async chunk(owner: object, id: number, index: number, bytes: Uint8Array): Promise<{ received: number }> {
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

  async end(owner: object, id: number, sha256: string): Promise<FileInfo> {
    const upload = this.#own(owner, id);
    const hash = upload.hash.digest("hex");
    if (upload.received !== upload.offer.size || hash !== sha256) {
      await this.#discard(id);
      throw new Error("The file is not the one that was announced; it was discarded.");
    }
    this.#uploads.delete(id);
    await upload.handle.close();
    const { name, size, type } = upload.offer;
    const info: FileInfo = { id, name, size, type, from: upload.from, sha256: hash };
    this.#files.set(id, info);
    await this.#makeRoom();
    return info;
  }

  async abort(owner: object, id: number): Promise<{ removed: boolean }> {
    this.#own(owner, id);
    await this.#discard(id);
    return { removed: true };
  }

  /** A session that ends takes its unfinished uploads with it. */
  async drop(owner: object): Promise<void> {
    this.#gone.add(owner);
    const ids = [...this.#uploads].filter(([, u]) => u.owner === owner).map(([id]) => id);
    await Promise.all(ids.map((id) => this.#discard(id)));
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

  #own(owner: object, id: number): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.owner !== owner) throw new RangeError("There is no such upload in this session.");
    return upload;
  }

  async #discard(id: number): Promise<void> {
    const upload = this.#uploads.get(id);
    this.#uploads.delete(id);
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
