import type { Call } from "@sealwire/core";

/** What travels between page, bot and server. One table for all three, so that a typing error does not compile. */
export interface DemoTopics {
  "chat.join": Call<{ room: string }, { you: string; members: string[] }>;
  "chat.say": { text: string };
  "chat.msg": ChatMessage;
  "chat.members": { members: string[] };
  "file.begin": Call<FileOffer, { id: number }>;
  /** Takes an upload up again, also from another session of the same user: says which chunk is due. */
  "file.continue": Call<{ id: number }, { next: number }>;
  /** 8 bytes of head, then the bytes of the chunk: bytes can only be the whole of a message's data. */
  "file.chunk": Call<Uint8Array, { received: number }>;
  "file.end": Call<{ id: number; sha256: string }, FileInfo>;
  "file.abort": Call<{ id: number }, { removed: boolean }>;
  "file.ready": FileInfo;
  "file.get": Call<{ id: number; index: number }, Uint8Array>;
}

export type ChatMessage = { from: string; text: string; at: number };
export type FileOffer = { name: string; size: number; type: string };
export type FileInfo = { id: number; name: string; size: number; type: string; from: string; sha256: string };

/** 128 KiB stays below the message limit at every level and on both wires, also where `nest` encodes three times. */
export const CHUNK_BYTES: number = 128 * 1024;
/** Chunks in flight: enough to hide the round trip, few enough to bound memory at 512 KiB on each side. */
export const CHUNKS_IN_FLIGHT: number = 4;
export const FILE_BYTES_MAX: number = 50 * 1024 * 1024;

const CHUNK_HEAD = 8;

export function packChunk(id: number, index: number, bytes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(CHUNK_HEAD + bytes.length);
  const view = new DataView(packed.buffer);
  view.setUint32(0, id);
  view.setUint32(4, index);
  packed.set(bytes, CHUNK_HEAD);
  return packed;
}

export function unpackChunk(packed: Uint8Array): { id: number; index: number; bytes: Uint8Array } {
  if (packed.length <= CHUNK_HEAD) throw new RangeError("A chunk carries at least one byte after its head.");
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  return { id: view.getUint32(0), index: view.getUint32(4), bytes: packed.subarray(CHUNK_HEAD) };
}
