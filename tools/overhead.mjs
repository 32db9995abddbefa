#!/usr/bin/env node
// What sealing adds to 256 bytes of data, topic chat.msg, level aead, codec cbor, binary wire. Prints JSON for README.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const PAYLOAD = 256;
export const SEQS = [1, 255, 65535, 65536];

/**
 * Bytes on the wire beyond the payload, by sequence number. Nothing in them depends on the keys.
 * @param {{ MessageSealer: any, encodeClaims: any, aeadKey: any, macKey: any }} core from the sources or from dist
 * @returns {{ seq: number, frame: number, overhead: number }[]}
 */
export function overheads({ MessageSealer, encodeClaims, aeadKey, macKey }) {
  const keys = {
    kid: "A".repeat(22),
    iv: new Uint8Array(12),
    aead: aeadKey(new Uint8Array(32)),
    mac: macKey(new Uint8Array(32)),
  };
  const sealer = new MessageSealer({ wire: "binary", level: "aead", codec: "cbor", epoch: 0, keys });
  return SEQS.map((seq) => {
    // exp of any moment from 1970 to 2106 takes five bytes, those of the first days aside.
    const claims = encodeClaims("cbor", { seq, exp: 1_893_456_060, top: "chat.msg", data: new Uint8Array(PAYLOAD) });
    const frame = sealer.application(seq, claims).length;
    return { seq, frame, overhead: frame - PAYLOAD };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = new URL("../packages/core/dist/", import.meta.url);
  if (!existsSync(dist)) {
    console.error("packages/core is not built: npm run build");
    process.exit(1);
  }
  const [sealer, codec, node] = await Promise.all(
    ["envelope/sealer.js", "envelope/codec.js", "crypto/node.js"].map((path) => import(new URL(path, dist).href)),
  );
  console.log(JSON.stringify(overheads({ ...sealer, ...codec, ...node })));
}
