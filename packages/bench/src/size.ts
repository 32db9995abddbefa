import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { encodeBatch, encodeClaims, MessageSealer } from "@sealwire/core/internal";
import { aeadKey, macKey } from "@sealwire/core/internal/node";
import { quantile } from "./rounds.ts";

/**
 * Bytes that a message takes beyond its data: 256 B, topic of 8 characters, aead, binary wire, cbor, by sequence number and
 * by how many share it.
 */
export function overhead(seq: number, items = 1): number {
  const data = new Uint8Array(256);
  const keys = {
    kid: "A".repeat(22),
    iv: new Uint8Array(12),
    aead: aeadKey(new Uint8Array(32)),
    mac: macKey(new Uint8Array(32)),
  };
  const sealer = new MessageSealer({ wire: "binary", level: "aead", codec: "cbor", epoch: 0, keys });
  // exp of any moment from 1970 to 2106 takes five bytes, those of the first days aside.
  const [common, item] = [
    { seq, exp: 1_893_456_060 },
    { top: "chat.msg", data },
  ];
  const claims =
    items === 1
      ? encodeClaims("cbor", { ...common, ...item })
      : encodeBatch("cbor", common, new Array(items).fill(item));
  return ((sealer.application(seq, claims) as Uint8Array).length - items * data.length) / items;
}

/** Milliseconds that an import takes in a fresh process, median. */
export function startUp(modules: readonly string[], rounds: number): Record<string, number> {
  const times: Record<string, number[]> = Object.fromEntries(modules.map((name) => [name, []]));
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  for (let round = 0; round < rounds; round++) {
    for (const name of modules) {
      const script = `const t = performance.now(); await import(${JSON.stringify(name)}); console.log(performance.now() - t)`;
      const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd, encoding: "utf8" });
      times[name]?.push(Number(out));
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, quantile(values, 0.5)]));
}
