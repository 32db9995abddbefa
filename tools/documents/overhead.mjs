// What a sealed message adds on the wire, by the built core: the figures of the README and of the test that bounds them.

import { aeadKey, macKey } from "../../packages/core/dist/crypto/node.js";
import { encodeClaims } from "../../packages/core/dist/envelope/codec.js";
import { MessageSealer } from "../../packages/core/dist/envelope/sealer.js";

export const SEQUENCES = [1, 255, 65_535, 65_536];

/** Bytes of one frame beyond its 256 bytes of application data: level aead, codec cbor, binary wire, topic chat.msg. */
export async function overhead(seq) {
  const keys = {
    kid: "A".repeat(22),
    iv: new Uint8Array(12),
    aead: aeadKey(new Uint8Array(32)),
    mac: macKey(new Uint8Array(32)),
  };
  const sealer = new MessageSealer({ wire: "binary", level: "aead", codec: "cbor", epoch: 0, keys });
  const claims = encodeClaims("cbor", { seq, exp: 1_893_456_060, top: "chat.msg", data: new Uint8Array(256) });
  return (await sealer.application(seq, claims)).length - 256;
}

export async function overheadTable() {
  const cells = await Promise.all(SEQUENCES.map(overhead));
  const head = SEQUENCES.map((seq) => seq.toLocaleString("en-US"));
  return `| sequence number | ${head.join(" | ")} |\n|${"---|".repeat(head.length + 1)}\n| bytes | ${cells.join(" | ")} |`;
}
