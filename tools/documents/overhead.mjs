// The figures of the README, by the built core.

import { aeadKey, macKey } from "../../packages/core/dist/crypto/node.js";
import { encodeClaims } from "../../packages/core/dist/envelope/codec.js";
import { MessageSealer } from "../../packages/core/dist/envelope/sealer.js";
import { overheads } from "../overhead.mjs";

export function overheadTable() {
  const table = overheads({ MessageSealer, encodeClaims, aeadKey, macKey });
  const row = (name, cells) => `| ${[name, ...cells].join(" | ")} |`;
  const head = row(
    "sequence number",
    table.map(({ seq }) => seq.toLocaleString("en-US")),
  );
  return [
    head,
    `|${"---|".repeat(table.length + 1)}`,
    row(
      "bytes",
      table.map(({ overhead }) => overhead),
    ),
  ].join("\n");
}
