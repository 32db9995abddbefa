import type { Payload } from "../envelope/sealer.ts";
import { frames, LARGE } from "../wire/memory.ts";
import type { Clock, SessionSocket, SocketEvents } from "./socket.ts";

/** What the WebSocket of a browser and that of `ws` have in common, and what only `ws` has. */
export interface WebSocketLike {
  readonly protocol: string;
  /** Not every platform tells it: nothing then waits for a slow peer, nor ends a session for it. */
  readonly bufferedAmount?: number;
  readonly readyState: number;
  binaryType: string;
  send(data: string | Uint8Array, done?: () => void): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: never) => void): void;
  on?(type: string, listener: (this: WebSocketLike, ...args: never[]) => void): void;
  terminate?(): void;
  pause?(): void;
  resume?(): void;
}

/** What `ws` writes to: a stream of Node. */
export interface WrittenStream {
  cork(): void;
  uncork(): void;
}

const OPEN = 1;
const CLOSED = 3;
const POLL_MS = 10;

/** Errors of `ws` that mean a limit; every other one is broken framing. */
const LIMITS = new Set([
  "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
  "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
  "WS_ERR_TOO_MANY_BUFFERED_PARTS",
]);

/**
 * Frames that leave together at the most. Those that wait for a slow peer are no longer than others in the memory that they
 * are cut from, and the bound is what that can hold.
 */
const CORKED = 16;

/**
 * The thin layer between a WebSocket and the session driver; the WebSocket is open, or about to be. `stream`: what `ws` writes
 * to; none in a browser. `overSocket`: what `ws` has written is on the network, or was copied. False where it may be in the
 * hands of a stream that is no socket.
 */
export function adaptWebSocket(
  ws: WebSocketLike,
  clock: Clock,
  stream?: WrittenStream,
  overSocket = true,
): SessionSocket {
  return new Adapter(ws, clock, stream, overSocket);
}

/** What a browser's own `send` looks like. Of a proxy no name is told, nor of what was bound, but by WebKit. */
const NATIVE = /^function send\(\) \{\s*\[native code\]\s*\}$/;
/** The one that was looked at last. */
let seen: { readonly send: unknown; readonly copies: boolean } = { send: undefined, copies: false };

/**
 * The own `send` of a browser, in a page or a worker of one, copies what it is given. A script in its place may send it later, as
 * tools that record or invent traffic do; so do Cloudflare's workers, which have no location.
 */
function copies(ws: WebSocketLike): boolean {
  const { send } = ws;
  if (Object.hasOwn(ws, "send")) return false;
  if (seen.send !== send)
    seen = { send, copies: "location" in globalThis && NATIVE.test(Function.prototype.toString.call(send)) };
  return seen.copies;
}

interface Waiter {
  readonly mark: number;
  readonly resolve: () => void;
}

const NONE: readonly Waiter[] = [];

class Adapter implements SessionSocket {
  readonly #ws: WebSocketLike;
  /** Of a WebSocket of a browser, which has to be asked whether its buffer has emptied. */
  readonly #asks: Clock | undefined;
  readonly #stream: WrittenStream | undefined;
  readonly #overSocket: boolean;
  /** Frames that may still join those that are corked; 0 while nothing is. And what was unsent before them. */
  #room = 0;
  #before = 0;
  #waiters = NONE;
  /** While something is unsent. */
  #written: (() => void) | undefined;
  events: SocketEvents | undefined;

  constructor(ws: WebSocketLike, clock: Clock, stream: WrittenStream | undefined, overSocket: boolean) {
    this.#ws = ws;
    this.#stream = stream;
    this.#overSocket = overSocket;
    if (ws.on === undefined) this.#asks = clock;
    else ws.close = closeByName;
  }

  private get native(): boolean {
    return this.#asks !== undefined;
  }

  get protocol(): string {
    return this.#ws.protocol;
  }

  get bufferedAmount(): number {
    return this.#room > 0 ? this.#before : this.buffered;
  }

  private get buffered(): number {
    return this.#ws.bufferedAmount ?? 0;
  }

  cork(): boolean {
    if (this.#stream === undefined) return false;
    if (this.#room > 0) return true;
    this.#before = this.buffered;
    this.#room = CORKED;
    this.#stream.cork();
    return true;
  }

  uncork(): void {
    if (this.#room === 0) return;
    this.#room = 0;
    this.#stream?.uncork();
  }

  send(payload: Payload, lent = false): void {
    const ws = this.#ws;
    if (ws.readyState !== OPEN) return;
    if (this.native) {
      ws.send(payload);
      if (lent && typeof payload !== "string" && copies(ws)) frames.giveBack(payload);
      return;
    }
    if (isLarge(payload)) {
      this.sendLarge(payload);
      return;
    }
    this.#written ??= () => this.settle();
    ws.send(this.bufferedAmount > 0 ? alone(payload) : payload, this.#written);
    // A large text is lent by nobody, and not kept back either.
    if (this.#room === 1 || payload.length >= LARGE) this.uncork();
    else if (this.#room > 0) this.#room--;
  }

  /**
   * Its memory is given back when the network has taken all of it, or never will: `ws` holds it no longer. Where nothing is
   * unsent that is so at once; `ws` tells it in a later turn, when a file would have taken much more memory.
   */
  private sendLarge(payload: Uint8Array): void {
    let held = this.#overSocket;
    const giveBack = () => {
      if (held) frames.giveBack(payload);
      held = false;
    };
    this.#ws.send(this.bufferedAmount > 0 ? alone(payload) : payload, () => {
      giveBack();
      this.settle();
    });
    this.uncork();
    // Not where that is not told: it may be queued.
    if (this.#ws.bufferedAmount === 0) giveBack();
  }

  close(code: number, reason: string): void {
    this.uncork();
    // A script may close with 1000 and from 3000 on only; the name then says the rest.
    this.#ws.close(this.native && code < 3000 ? 1000 : code, reason);
  }

  terminate(): void {
    this.uncork();
    if (this.#ws.terminate === undefined) this.#ws.close();
    else this.#ws.terminate();
  }

  pause(): void {
    if (this.#ws.readyState === OPEN) this.#ws.pause?.();
  }

  resume(): void {
    if (this.#ws.readyState < CLOSED) this.#ws.resume?.();
  }

  drained(mark: number): Promise<void> {
    if (this.bufferedAmount <= mark || this.#ws.readyState === CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters = [...this.#waiters, { mark, resolve }];
      if (this.#waiters.length === 1) this.poll();
    });
  }

  private poll(): void {
    if (this.#waiters.length > 0) this.#asks?.schedule(() => this.settle(), POLL_MS);
  }

  /** Less may be unsent than before. */
  settle(): void {
    if (this.buffered === 0) this.#written = undefined;
    const waiters = this.#waiters;
    if (waiters === NONE) return;
    const { buffered } = this;
    const done = ({ mark }: Waiter) => this.#ws.readyState === CLOSED || buffered <= mark;
    const left = waiters.filter((waiter) => !done(waiter));
    this.#waiters = left.length === 0 ? NONE : left;
    for (const waiter of waiters) if (done(waiter)) waiter.resolve();
    this.poll();
  }

  listen(events: SocketEvents): void {
    this.events = events;
    if (this.native) listenNatively(this.#ws, this);
    else listenByEmitter(this.#ws, this);
  }
}

/** For as long as the peer is slow: a piece of a block would hold the whole block, which no limit counts. */
const alone = (payload: Payload): Payload =>
  typeof payload === "string" || payload.buffer.byteLength <= 2 * payload.byteLength
    ? payload
    : new Uint8Array(payload);

const isLarge = (payload: Payload): payload is Uint8Array => typeof payload !== "string" && payload.length >= LARGE;

/** `ws` closes with 1008 for too many fragments, before it reports them; in the registry every size is 1009. */
function closeByName(this: WebSocketLike, code?: number, reason?: string): void {
  const { close } = Object.getPrototypeOf(this) as WebSocketLike;
  if (code === 1008 || code === 1009) close.call(this, 1009, "too-big");
  else close.call(this, code, reason);
}

function listenNatively(ws: WebSocketLike, adapter: Adapter): void {
  ws.binaryType = "arraybuffer";
  ws.addEventListener("message", ({ data }: { data: string | ArrayBuffer }) => {
    adapter.events?.onMessage(typeof data === "string" ? data : new Uint8Array(data));
  });
  ws.addEventListener("close", ({ code, reason }: { code: number; reason: string }) => {
    adapter.events?.onClose(code, reason);
    adapter.settle();
  });
}

/** Where a WebSocket has its adapter, so that the same functions can listen to all of them. */
const ADAPTER = Symbol("sealwire");
type Adapted = WebSocketLike & { [ADAPTER]?: Adapter };

function listenByEmitter(ws: Adapted, adapter: Adapter): void {
  ws.binaryType = "nodebuffer";
  ws[ADAPTER] = adapter;
  ws.on?.("message", onMessage);
  ws.on?.("error", onError);
  ws.on?.("close", onClose);
}

function onMessage(this: Adapted, data: Uint8Array, isBinary: boolean): void {
  this[ADAPTER]?.events?.onMessage(isBinary ? data : data.toString());
}

function onError(this: Adapted, { code }: { code?: string }): void {
  if (code?.startsWith("WS_ERR_")) this[ADAPTER]?.events?.onError(LIMITS.has(code) ? "E_TOO_BIG" : "E_FRAME", code);
}

function onClose(this: Adapted, code: number, reason: Uint8Array): void {
  const adapter = this[ADAPTER];
  adapter?.events?.onClose(code, reason.toString());
  adapter?.settle();
}
