import type { Payload } from "../envelope/sealer.ts";
import type { Clock, SessionSocket, SocketEvents } from "./socket.ts";

/** What the WebSocket of a browser and that of `ws` have in common, and what only `ws` has. */
export interface WebSocketLike {
  readonly protocol: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  binaryType: string;
  send(data: string | Uint8Array, done?: () => void): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: never) => void): void;
  terminate?(): void;
  pause?(): void;
  resume?(): void;
}

const OPEN = 1;
const CLOSED = 3;
/** A browser says nothing when its buffer empties, so it is asked. */
const POLL_MS = 10;

/** Errors of `ws` that mean a limit; every other one is broken framing. */
const LIMITS = new Set([
  "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
  "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
  "WS_ERR_TOO_MANY_BUFFERED_PARTS",
]);

/** The thin layer between a WebSocket and the session driver; the WebSocket is open, or about to be. */
export function adaptWebSocket(ws: WebSocketLike, clock: Clock): SessionSocket {
  const native = ws.pause === undefined;
  if (!native) nameLimits(ws);
  let waiters: { readonly mark: number; readonly resolve: () => void }[] = [];
  const settle = () => {
    const closed = ws.readyState === CLOSED;
    for (const w of waiters) if (closed || ws.bufferedAmount <= w.mark) w.resolve();
    waiters = waiters.filter((w) => !closed && ws.bufferedAmount > w.mark);
    if (native && waiters.length > 0) clock.schedule(settle, POLL_MS);
  };
  return {
    get protocol() {
      return ws.protocol;
    },
    get bufferedAmount() {
      return ws.bufferedAmount;
    },
    send(payload: Payload) {
      if (ws.readyState !== OPEN) return;
      if (native) ws.send(payload);
      else ws.send(payload, settle);
    },
    // A script may close with 1000 and from 3000 on only; the name then says the rest.
    close: (code, reason) => ws.close(native && code < 3000 ? 1000 : code, reason),
    terminate: () => (ws.terminate === undefined ? ws.close() : ws.terminate()),
    pause: () => ws.readyState === OPEN && ws.pause?.(),
    resume: () => ws.readyState < CLOSED && ws.resume?.(),
    drained(mark) {
      if (ws.bufferedAmount <= mark || ws.readyState === CLOSED) return Promise.resolve();
      return new Promise((resolve) => {
        waiters.push({ mark, resolve });
        if (native && waiters.length === 1) clock.schedule(settle, POLL_MS);
      });
    },
    listen: (events) => listen(ws, events, settle),
  };
}

/** `ws` closes with 1008 for too many fragments, before it reports them; in the registry every size is 1009. */
function nameLimits(ws: WebSocketLike): void {
  const close = ws.close.bind(ws);
  ws.close = (code, reason) => (code === 1008 || code === 1009 ? close(1009, "too-big") : close(code, reason));
}

function listen(ws: WebSocketLike, events: SocketEvents, settle: () => void): void {
  ws.binaryType = ws.pause === undefined ? "arraybuffer" : "nodebuffer";
  ws.addEventListener("message", ({ data }: { data: string | ArrayBuffer | Uint8Array }) => {
    events.onMessage(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
  });
  ws.addEventListener("error", ({ error }: { error?: { code?: string } }) => {
    const code = error?.code;
    if (code?.startsWith("WS_ERR_")) events.onError(LIMITS.has(code) ? "E_TOO_BIG" : "E_FRAME", code);
  });
  ws.addEventListener("close", ({ code, reason }: { code: number; reason: string }) => {
    events.onClose(code, reason);
    settle();
  });
}
