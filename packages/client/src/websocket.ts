import { type Limits, SealwireError } from "@sealwire/core";
import { hintedError, type WebSocketLike, type WrittenStream } from "@sealwire/core/internal";
import type { Credential } from "./credential.ts";

export interface SocketOptions {
  readonly limits: Limits;
  readonly signal: AbortSignal;
  readonly tls?: { readonly ca: string | Uint8Array };
}

/** In a browser this is the global WebSocket, which takes two arguments and has neither headers nor limits. */
export type SocketConstructor = new (url: string, protocols: string[], options?: object) => WebSocketLike;

export interface OpenSocket {
  readonly ws: WebSocketLike;
  /** What it writes to; undefined in a browser. */
  readonly stream: WrittenStream | undefined;
}

/** Resolves when the WebSocket is open and a Sealwire subprotocol was selected; it does not read until `resume`. */
export async function openSocket(
  WebSocket: SocketConstructor | null,
  { url, authorization, subprotocol }: Omit<Credential, "token">,
  protocols: readonly string[],
  { limits, signal, tls }: SocketOptions,
): Promise<OpenSocket> {
  if (WebSocket === null) throw new TypeError("this platform has no WebSocket");
  if (authorization !== undefined && (WebSocket as unknown) === globalThis.WebSocket)
    throw new TypeError('tokenAtUpgrade: the WebSocket of this platform sends no headers; "subprotocol" works here');
  if (tls !== undefined && (WebSocket as unknown) === globalThis.WebSocket)
    throw new TypeError("tls: the WebSocket of this platform takes no CA");
  signal.throwIfAborted();
  const ws = new WebSocket(url.href, [...protocols, ...(subprotocol === undefined ? [] : [subprotocol])], {
    // Compression before encryption leaks content by its size (RFC 7692 section 8); ws offers it by default.
    perMessageDeflate: false,
    maxPayload: limits.messageBytes,
    maxFragments: limits.fragments,
    closeTimeout: limits.byeSeconds * 1000,
    ...(tls === undefined ? {} : { ca: tls.ca }),
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  });
  let stream: WrittenStream | undefined;
  ws.on?.("upgrade", ({ socket }: { socket: WrittenStream | null }) => {
    // Bun has none there.
    stream = socket ?? undefined;
  });
  await opened(ws, signal);
  if (!protocols.includes(ws.protocol)) {
    ws.close(4406, "negotiate");
    ws.resume?.();
    throw downgrade(ws.protocol === "" ? "no subprotocol" : "another subprotocol");
  }
  return { ws, stream };
}

function opened(ws: WebSocketLike, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason: string | undefined;
    const abort = () => {
      // Before the 101 a close makes `ws` report an error, which `onError` below takes.
      ws.close();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    const done = (settle: () => void) => {
      signal.removeEventListener("abort", abort);
      settle();
    };
    ws.addEventListener("open", () => {
      // What came together with the 101 would be handed out before anybody listens; a browser does that later.
      ws.pause?.();
      done(resolve);
    });
    // A browser tells no reason; `ws` does, and its text names the address and the status of the answer only.
    ws.addEventListener("error", (event: { message?: string }) => {
      reason ??= event.message;
    });
    ws.addEventListener("close", ({ code }: { code: number }) => {
      done(() => reject(code === 1006 ? unreachable(reason) : hintedError(code, "before the handshake")));
    });
  });
}

/** What the status of a refused upgrade hints at, and no more: anybody on the way can answer so. */
const STATUS: Readonly<Record<string, number>> = { "401": 3000, "403": 3003 };

const downgrade = (selected: string) => new SealwireError("E_DOWNGRADE", { detail: `the server selected ${selected}` });

function unreachable(reason: string | undefined): SealwireError {
  const status = /^Unexpected server response: (\d{3})$/.exec(reason ?? "")?.[1] ?? "";
  const hinted = STATUS[status];
  if (hinted !== undefined) return hintedError(hinted, `the upgrade was answered with ${status}`);
  // `ws` ends such a connection itself and says so in words only; a browser lets it open or says nothing.
  if (reason === "Server sent no subprotocol") return downgrade("no subprotocol");
  if (reason === "Server sent an invalid subprotocol") return downgrade("another subprotocol");
  return new SealwireError("E_CLOSED", {
    detail:
      reason === undefined || reason === ""
        ? "the connection was not opened"
        : `the connection was not opened: ${reason}`,
  });
}
