import { ownShare, type Shares } from "./profile.ts";
import type { Results } from "./results.ts";
import { spell } from "./svg.ts";
import { table } from "./table.ts";
import type { FileTable } from "./traffic/run.ts";

/** Of parts that are less than this of all, nobody learns anything. */
const LEAST = 0.005;

/** Where the time of a message goes, and that of a handshake: what the bounds that are missed are missed by. */
export function profileParts({ profiles }: Results): string[] {
  return profileTable(
    "## Where the time of the server goes",
    `${OF_BUSY}; 50 connections, 4 messages of each in flight, 16 where they are gathered. ${OUTSIDE}`,
    profiles,
  );
}

export function handshakeProfileParts({ handshakes: { profiles } }: Results): string[] {
  return profileTable(
    "### Where the time of a handshake goes",
    `${OF_BUSY}; \`floor\` is the \`ws\` connection with as many messages, and the operations. ${OUTSIDE}`,
    profiles,
  );
}

/** The same for a file. */
export function fileProfileParts({ to, profiles }: FileTable): string[] {
  const ends = Object.entries(profiles).flatMap(([kind, { server, client }]) => [
    [`${kind}: server`, server],
    [`${kind}: client`, client],
  ]);
  return profileTable(
    `### Where the time of a file to the ${to} goes`,
    `${OF_BUSY.replace("its main thread", "the main threads")}. ${OUTSIDE}`,
    Object.fromEntries(ends),
  );
}

/** The same for sessions of a page. */
export function ownTimeParts({ ownTime }: Results): string[] {
  return ownTime === undefined
    ? []
    : profileTable(
        "## Where the time goes that sessions of a page take themselves",
        `${OF_BUSY}; both ends in Node, 256 B, 32 in flight, WebCrypto does nothing but copy, which is in \`bench\`.`,
        { sessions: ownTime },
      );
}

const OF_BUSY = "Of the busy time of its main thread, by what was at work, itself and not what it called";
const OUTSIDE = "Threads of the collector and of the kernel are not in it.";

function profileTable(title: string, text: string, profiles: Readonly<Record<string, Shares>>): string[] {
  const kinds = Object.keys(profiles);
  if (kinds.length === 0) return [];
  const parts = [...new Set(Object.values(profiles).flatMap((shares) => Object.keys(shares)))];
  const share = (kind: string, part: string) => profiles[kind]?.[part] ?? 0;
  const most = (part: string) => Math.max(...kinds.map((kind) => share(kind, part)));
  const percent = (of: number) => (of < LEAST ? "" : `${(of * 100).toFixed(1)} %`);
  const rows = parts
    .filter((part) => most(part) >= LEAST)
    .sort((a, b) => most(b) - most(a))
    .map((part) => [part, ...kinds.map((kind) => percent(share(kind, part)))]);
  const own = ["lines of Sealwire's own", ...kinds.map((kind) => percent(ownShare(profiles[kind] as Shares)))];
  return [title, text, table(["", ...kinds], [...rows, own])];
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
