import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { Writable } from "node:stream";

const OPTIONS = { authTagLength: 16 };
const [SEQ, TAG] = [8, 16];

export interface BareGcm {
  seal(data: Uint8Array): Uint8Array;
  open(frame: Uint8Array): Uint8Array;
}

const BLOCK = 16_384;
let [block, used] = [new Uint8Array(BLOCK), 0];

/** A piece of memory that messages share: one of its own costs more than all that is written into it. */
function cut(length: number): Uint8Array {
  if (length > BLOCK / 4) return cutLarge(length);
  if (used + length > BLOCK) [block, used] = [new Uint8Array(BLOCK), 0];
  used += length;
  return block.subarray(used - length, used);
}

const large: Uint8Array[] = [];
let turn = 0;

/** A chunk of a file: with so many in turn, each is on the wire long before it is written again. */
function cutLarge(length: number): Uint8Array {
  turn = (turn + 1) % 64;
  if ((large[turn]?.length ?? 0) < length) large[turn] = new Uint8Array(length);
  return (large[turn] as Uint8Array).subarray(0, length);
}

/** What node:crypto costs a message however it is used, and no protocol: a number, AES-256-GCM, nothing that is checked. */
export function bareGcm(raw: Uint8Array): BareGcm {
  const key = createSecretKey(raw);
  const [iv, theirs] = [Buffer.alloc(12), Buffer.alloc(12)];
  let seq = 0;
  return {
    seal(data) {
      iv.writeUInt32BE(++seq, 8);
      const cipher = createCipheriv("aes-256-gcm", key, iv, OPTIONS);
      const text = cipher.update(data);
      cipher.final();
      const frame = cut(SEQ + text.length + TAG);
      frame.set(iv.subarray(4));
      frame.set(text, SEQ);
      frame.set(cipher.getAuthTag(), SEQ + text.length);
      return frame;
    },
    open(frame) {
      const end = frame.length - TAG;
      theirs.set(frame.subarray(0, SEQ), 4);
      const decipher = createDecipheriv("aes-256-gcm", key, theirs, OPTIONS);
      decipher.setAuthTag(frame.subarray(end));
      const text = decipher.update(frame.subarray(SEQ, end));
      decipher.final();
      return text;
    },
  };
}

/** Frames of one turn leave by one system call, as those of a session do. */
export function corking(stream: Pick<Writable, "cork" | "uncork">): () => void {
  let corked = false;
  const uncork = () => {
    corked = false;
    stream.uncork();
  };
  return () => {
    if (corked) return;
    corked = true;
    stream.cork();
    queueMicrotask(uncork);
  };
}

const LENGTH = 4;

/** Messages of one turn in one frame, sealed once. `send` takes a frame; what `push` is given is sent at the end of the turn. */
export function gather(seal: BareGcm["seal"], send: (frame: Uint8Array) => void): (data: Uint8Array) => void {
  let waiting: Uint8Array[] = [];
  const flush = () => {
    const text = new Uint8Array(waiting.reduce((sum, { length }) => sum + LENGTH + length, 0));
    const view = new DataView(text.buffer);
    let at = 0;
    for (const data of waiting) {
      view.setUint32(at, data.length);
      text.set(data, at + LENGTH);
      at += LENGTH + data.length;
    }
    waiting = [];
    send(seal(text));
  };
  return (data) => {
    if (waiting.push(data) === 1) queueMicrotask(flush);
  };
}

/** Each message of such a frame, as memory of its own. */
export function scatter(text: Uint8Array, take: (data: Uint8Array) => void): void {
  const view = new DataView(text.buffer, text.byteOffset, text.length);
  for (let at = 0; at < text.length; ) {
    const end = at + LENGTH + view.getUint32(at);
    take(new Uint8Array(text.subarray(at + LENGTH, end)));
    at = end;
  }
}
