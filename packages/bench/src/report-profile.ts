import type { Results } from "./results.ts";
import { spell } from "./svg.ts";
import { table } from "./table.ts";

/** Of parts that are less than this of all, nobody learns anything. */
const LEAST = 0.005;

/** Where the time of a message goes: what the bounds that are missed are missed by. */
export function profileParts({ profiles }: Results): string[] {
  const kinds = Object.keys(profiles);
  if (kinds.length === 0) return [];
  const parts = [...new Set(Object.values(profiles).flatMap((shares) => Object.keys(shares)))];
  const share = (kind: string, part: string) => profiles[kind]?.[part] ?? 0;
  const most = (part: string) => Math.max(...kinds.map((kind) => share(kind, part)));
  const percent = (of: number) => (of < LEAST ? "" : `${(of * 100).toFixed(1)} %`);
  return [
    "## Where the time of the server goes",
    "Of the busy time of its main thread, by what was at work, itself and not what it called; 50 connections, 16 messages of each in flight. Threads of the collector and of the kernel are not in it.",
    table(
      ["", ...kinds],
      parts
        .filter((part) => most(part) >= LEAST)
        .sort((a, b) => most(b) - most(a))
        .map((part) => [part, ...kinds.map((kind) => percent(share(kind, part)))]),
    ),
  ];
}

/** Objects of an idle connection. */
export function consistsParts({ consists }: Results): string[] {
  const { sealwire, ws } = consists;
  if (sealwire === undefined || ws === undefined) return [];
  const rows = Object.entries(sealwire)
    .map(([name, { count, bytes }]) => {
      const bare = ws[name] ?? { count: 0, bytes: 0 };
      return { name, count: count - bare.count, bytes: bytes - bare.bytes };
    })
    .filter(({ bytes }) => bytes >= 16)
    .sort((a, b) => b.bytes - a.bytes);
  const sum = rows.reduce((all, { bytes }) => all + bytes, 0);
  return [
    `What the heap holds of an idle session above a bare connection, in all ${spell(sum)} B; keys of OpenSSL and the like are outside of it:`,
    table(
      ["", "objects", "bytes"],
      rows.map(({ name, count, bytes }) => [name, spell(count), spell(bytes)]),
    ),
  ];
}
