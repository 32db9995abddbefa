import { Duplex } from "node:stream";

/** What a socket needs of the network it is on. */
export interface Attachment {
  write(bytes: Uint8Array, done: (error?: Error) => void): void;
  /** Everything was written. */
  end(): void;
  /** The application read so many bytes. */
  consumed(bytes: number): void;
  /** It is closed for both directions; `unread` bytes had arrived and nobody wanted them. */
  closed(unread: number): void;
}

/** One end of a simulated TCP connection. It has no `setTimeout`, so that no layer above runs a timer of the real clock. */
export class SimSocket extends Duplex {
  readonly remoteAddress: string;
  #attachment: Attachment | undefined;
  #connected: ((error?: Error) => void) | undefined;
  readonly #arrived: (Uint8Array | null)[] = [];
  #wanted = false;

  constructor(remoteAddress: string) {
    super({ allowHalfOpen: true });
    this.remoteAddress = remoteAddress;
  }

  /** What was written until then goes out now. */
  connected(attachment: Attachment): void {
    this.#attachment = attachment;
    this.#connected?.();
  }

  refused(error: Error): void {
    this.#connected?.(error);
  }

  /** Bytes from the network; null is the end of the stream. */
  arrive(bytes: Uint8Array | null): void {
    if (this.destroyed) return;
    this.#arrived.push(bytes);
    this.#flush();
  }

  override _construct(callback: (error?: Error | null) => void): void {
    if (this.#attachment !== undefined) callback();
    else this.#connected = callback;
  }

  override _read(): void {
    this.#wanted = true;
    this.#flush();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error) => void): void {
    (this.#attachment as Attachment).write(chunk, callback);
  }

  /** What was corked together leaves together, as from one system call. */
  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: (error?: Error) => void): void {
    (this.#attachment as Attachment).write(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
  }

  override _final(callback: () => void): void {
    this.#attachment?.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const unread = this.#arrived.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
    this.#arrived.length = 0;
    this.#attachment?.closed(unread);
    callback(error);
  }

  #flush(): void {
    while (this.#wanted && this.#arrived.length > 0) {
      const bytes = this.#arrived.shift() as Uint8Array | null;
      this.#wanted = this.push(bytes);
      if (bytes !== null) this.#attachment?.consumed(bytes.length);
    }
  }
}
