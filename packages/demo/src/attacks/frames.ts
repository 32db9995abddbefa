import type { RelayConnection } from "../relay/connection.ts";
import type { Direction, Frame, Intervention } from "../relay/types.ts";
import { fromBase64url, toBase64url, toBytes, toText } from "../wire/bytes.ts";
import { readFrame, writeHead } from "../wire/cbor-frame.ts";
import { type FrameKind, viewFrame } from "../wire-view.ts";

export function isKind(frame: Frame, ...kinds: FrameKind[]): boolean {
  return kinds.includes(viewFrame(frame).kind);
}

/** Acts on the first frame of this kind and direction, then goes. */
export function onceOn(
  connection: RelayConnection,
  direction: Direction,
  kinds: readonly FrameKind[],
  act: (frame: Frame) => readonly Frame[],
): void {
  const intervention: Intervention = (d, frame) => {
    if (d !== direction || !isKind(frame, ...kinds)) return undefined;
    stop();
    return act(frame);
  };
  const stop = connection.intervene(intervention);
}

/** Changes one segment of compact JOSE; counted from the end where negative. */
export function withSegment(frame: Frame, index: number, change: (bytes: Uint8Array) => Uint8Array): Frame {
  const segments = toText(frame.data).split(".");
  const at = index < 0 ? segments.length + index : index;
  segments[at] = toBase64url(change(fromBase64url(segments[at] ?? "") ?? new Uint8Array(0)));
  return { data: toBytes(segments.join(".")), binary: false };
}

/** Changes one byte string of a binary frame, with a new length head. */
export function withField(frame: Frame, index: number, change: (bytes: Uint8Array) => Uint8Array): Frame {
  const items = readFrame(frame.data) ?? [];
  const item = items.at(index);
  if (item?.kind !== "bytes") return frame;
  const changed = change(item.value);
  const parts = [
    frame.data.subarray(0, item.start),
    writeHead(2, changed.length),
    changed,
    frame.data.subarray(item.end),
  ];
  return { data: concat(parts), binary: true };
}

/** Rewrites the sequence number of `[3, h, seq, …]`, which a proxy can read and write on the binary wire. */
export function withSeq(frame: Frame, seq: number): Frame {
  const items = readFrame(frame.data) ?? [];
  const [opcode, , field] = items;
  if (opcode?.kind !== "uint" || opcode.value !== 3 || field?.kind !== "uint") return frame;
  return {
    data: concat([frame.data.subarray(0, field.start), writeHead(0, seq), frame.data.subarray(field.end)]),
    binary: true,
  };
}

/** Takes the last part of a complete JOSE object away: the signature of a JWS, the tag of a JWE. */
export function stripEnd(frame: Frame): Frame {
  const none = (): Uint8Array => new Uint8Array(0);
  return frame.binary ? withField(frame, -1, none) : withSegment(frame, -1, none);
}

/** Flips one bit in the middle of what is protected: the ciphertext, or the payload where the level only signs. */
export function flipBit(frame: Frame): Frame {
  const flip = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    const middle = copy.length >> 1;
    copy[middle] = (copy[middle] ?? 0) ^ 1;
    return copy;
  };
  if (!frame.binary) {
    const sealed = toText(frame.data).split(".").length === 5;
    return withSegment(frame, sealed ? 3 : 1, flip);
  }
  const opcode = readFrame(frame.data)?.[0];
  const index = opcode?.kind === "uint" ? { 1: 2, 2: 4, 3: 3, 4: 2 }[opcode.value] : undefined;
  return index === undefined ? frame : withField(frame, index, flip);
}

/**
 * The number that the receiver of this direction waits for, as far as a proxy can read it: from the `seq` of the short
 * binary frames. On the text wire it stays hidden in the IV, and nothing needs it.
 */
export function nextSeq(connection: RelayConnection, direction: Direction): number {
  for (const frame of connection.recorder.frames().reverse()) {
    if (frame.direction !== direction || !frame.binary) continue;
    const [opcode, , seq] = readFrame(frame.kept) ?? [];
    if (opcode?.kind === "uint" && opcode.value === 3 && seq?.kind === "uint") return seq.value + 1;
  }
  return 1;
}

/** The last complete frame of this kind that the relay still has. */
export function captured(connection: RelayConnection, direction: Direction, kind: FrameKind): Frame | undefined {
  return connection.recorder
    .frames()
    .filter((f) => f.direction === direction && f.size === f.kept.length && !f.close)
    .map((f): Frame => ({ data: f.kept, binary: f.binary }))
    .findLast((frame) => isKind(frame, kind));
}

function concat(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
