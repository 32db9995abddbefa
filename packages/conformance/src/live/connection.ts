// One WebSocket as a tester sees it: what arrives waits in a queue, and its end is an event like any other.
import { WebSocket } from "ws";
import type { Message } from "../kit/jose.ts";

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** What a check expected and did not see. Anything else that is thrown is a defect of the suite. */
export class Unmet extends Error {}

/** Of a failed connection: several addresses that were tried make an error without a message. */
export const reasonOf = (error: Error & { readonly code?: string }): string =>
  error.message || (error.code ?? "unknown");

export class Connection {
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;
  readonly #queue: Message[] = [];
  #closeInfo: Closed | undefined;
  #wake: () => void = () => {};

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      this.#queue.push(isBinary ? { binary: data.toString("hex") } : { text: data.toString("utf8") });
      this.#wake();
    });
    // The close that follows an error is what counts.
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.on("close", (code: number, reason: Buffer) => {
        this.#closeInfo = { code, reason: reason.toString("utf8") };
        this.#wake();
        resolve(this.#closeInfo);
      });
    });
  }

  send(...messages: Message[]): void {
    for (const message of messages) {
      if (this.socket.readyState !== WebSocket.OPEN) return;
      this.socket.send("text" in message ? message.text : Buffer.from(message.binary, "hex"));
    }
  }

  /** The next message, or how the connection ended. */
  async next(seconds: number): Promise<Message | Closed> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) return message;
      if (this.#closeInfo !== undefined) return this.#closeInfo;
      const left = deadline - Date.now();
      if (left <= 0) throw new Unmet(`nothing arrived within ${seconds.toFixed(1)} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  end(): void {
    this.socket.terminate();
  }
}

export const isClosed = <T extends object>(value: T | Closed): value is Closed => "code" in value && "reason" in value;

/** Opens a WebSocket; a refused upgrade is given as its HTTP status. */
export function dial(
  url: string,
  protocols: readonly string[],
  options: { readonly headers?: Record<string, string>; readonly ca?: string; readonly deflate?: boolean } = {},
): Promise<Connection | { readonly status: number }> {
  const socket = new WebSocket(url, [...protocols], {
    perMessageDeflate: options.deflate ?? false,
    headers: options.headers ?? {},
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  return new Promise((resolve, reject) => {
    const connection = new Connection(socket);
    socket.once("open", () => resolve(connection));
    socket.once("unexpected-response", (request, response) => {
      response.resume();
      request.destroy();
      resolve({ status: response.statusCode ?? 0 });
    });
    socket.once("error", (error) => reject(new Unmet(`cannot connect: ${reasonOf(error)}`)));
  });
}
