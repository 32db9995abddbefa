import type { Payload } from "../envelope/sealer.ts";
import type { Time } from "./payload.ts";

/** The transport as the driver sees it: a WebSocket whose subprotocol is selected. Made by the client and the server SDK. */
export interface SessionSocket {
  /** The selected subprotocol; empty where the server selected none. */
  readonly protocol: string;
  /** Bytes handed over and not yet written to the network. */
  readonly bufferedAmount: number;
  /** `lent`: bytes of `frames`, to be given back to them once they were copied or written. Default: false. */
  send(payload: Payload, lent?: boolean): void;
  /**
   * What is sent from here on leaves at `uncork`, or earlier: one system call then serves several frames. False where that
   * cannot be.
   */
  cork?(): boolean;
  uncork?(): void;
  close(code: number, reason: string): void;
  /** Ends the connection without waiting for the peer. */
  terminate(): void;
  /** Stops and restarts reading; without effect in browsers, whose WebSocket cannot pause. */
  pause(): void;
  resume(): void;
  /** Resolves when at most `mark` bytes are unsent, or the socket is closed. Never rejects. */
  drained(mark: number): Promise<void>;
  /** Set once by the driver. `onClose` comes exactly once, after the last message. */
  listen(events: SocketEvents): void;
}

export interface SocketEvents {
  onMessage(payload: Payload): void;
  /** The transport itself refused a message: its size or number of fragments, or broken framing. */
  onError(code: "E_TOO_BIG" | "E_FRAME", detail: string): void;
  onClose(code: number, reason: string): void;
}

/** Time from outside: core has no clock of its own. */
export interface Clock {
  /** Milliseconds since 1970, by the wall clock. */
  unix(): number;
  /** Milliseconds of a clock that never jumps. */
  elapsed(): number;
  /** Both of one moment, where that costs less than to ask twice. */
  time?(): Time;
  /** Runs `fn` once after `ms`; the result cancels it. A timer must not keep a process alive by itself. */
  schedule(fn: () => void, ms: number): () => void;
}
