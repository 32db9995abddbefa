import { expect, it } from "vitest";
import { overheads } from "../../../../tools/overhead.mjs";
import { aeadKey, macKey } from "../../src/crypto/node.ts";
import { encodeClaims } from "../../src/envelope/codec.ts";
import { MessageSealer } from "../../src/envelope/sealer.ts";
import { openPair } from "../support/pair.ts";

it("adds exactly this many bytes to 256 bytes of data at aead, cbor, binary; at most 64 below seq 65,536", () => {
  const table = overheads({ MessageSealer, encodeClaims, aeadKey, macKey });
  expect(table.map(({ seq, overhead }) => [seq, overhead])).toEqual([
    [1, 58],
    [255, 60],
    [65535, 62],
    [65536, 66],
  ]);
  for (const { seq, overhead } of table) if (seq < 65536) expect(overhead).toBeLessThanOrEqual(64);
});

it("is what a session sends", async () => {
  const pair = await openPair();
  await pair.client.session!.send("chat.msg", new Uint8Array(256));
  expect(pair.link.log.at(-1)!.payload.length - 256).toBe(58);
});
