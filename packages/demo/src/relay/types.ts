import type { FrameKind } from "../wire-view.ts";

/** client to server, server to client */
export type Direction = "c2s" | "s2c";

/** One WebSocket message as it crosses the relay. */
export interface Frame {
  readonly data: Uint8Array;
  readonly binary: boolean;
}

/** What the relay did with a frame. */
export type Fate = "forwarded" | "changed" | "dropped" | "injected";

/** What the relay remembers of a frame: its size, its first bytes and its fate. */
export interface RecordedFrame {
  /** Counts all frames and closes of the connection from 1. */
  readonly n: number;
  readonly direction: Direction;
  readonly at: number;
  readonly binary: boolean;
  readonly size: number;
  /** At most `KEPT_BYTES` of the frame. */
  readonly kept: Uint8Array;
  readonly fate: Fate;
  readonly kind: FrameKind;
  /**
   * The sequence number that is sealed inside; 0 where there is none. A proxy can count the sealed frames that the sender
   * itself sent in this direction, and the hellos of a resume say in clear where the count goes on.
   */
  readonly seq: number;
  /** Set instead of bytes where this records a WebSocket close frame: those are not protected by anything. */
  readonly close?: { readonly code: number; readonly reason: string };
}

/**
 * Sees each frame before it is forwarded and returns what is forwarded instead: `[]` drops, `[a, b]` inserts,
 * `undefined` leaves the frame to the next intervention. It runs synchronously, so that frames keep their order.
 */
export type Intervention = (direction: Direction, frame: Frame) => readonly Frame[] | undefined;

export const KEPT_BYTES = 2048;
export const KEPT_FRAMES = 200;
