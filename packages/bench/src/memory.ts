import { Child } from "./child.ts";
import type { Kind, Place } from "./echo/world.ts";
import type { HeapShare } from "./heap.ts";

export interface MemoryFigure {
  readonly connections: number;
  /** Of the server's process, for one idle connection. */
  readonly sealwire: Memory;
  readonly ws: Memory;
}

/** Bytes. */
export interface Memory {
  /** What lives in the heap, and buffers outside of it. */
  readonly live: number;
  /** What the process has of the machine's memory: also keys of OpenSSL, sockets, and room that the heap keeps for later. */
  readonly rss: number;
}

/** What a connection that does nothing holds at the server, after collection. */
export async function memory(counts: readonly number[], say: (what: string) => void): Promise<MemoryFigure[]> {
  const figures: MemoryFigure[] = [];
  for (const connections of counts) {
    say(`memory: ${connections} idle connections`);
    figures.push({
      connections,
      sealwire: await perConnection("sealwire", connections),
      ws: await perConnection("ws", connections),
    });
  }
  return figures;
}

async function perConnection(kind: Kind, connections: number): Promise<Memory> {
  const [before, after] = await around<Memory>(kind, connections, "memory");
  return { live: (after.live - before.live) / connections, rss: (after.rss - before.rss) / connections };
}

/** What the server answers to `question`, before and after so many connect. */
async function around<T>(kind: Kind, connections: number, question: string): Promise<[before: T, after: T]> {
  const server = new Child("echo/server.js");
  const load = new Child("echo/load.js");
  try {
    const place = await server.ask<Place>("serve", kind);
    // What is made once is there before the first reading.
    await load.ask("open", { kind, place, count: 20 });
    const before = await server.ask<T>(question);
    await load.ask("more", { kind, place, count: connections });
    return [before, await server.ask<T>(question)];
  } finally {
    await Promise.all([server.end(), load.end()]);
  }
}

/** Objects and bytes of the heap for one idle connection, by kind. Memory outside of the heap is not among it. */
export type Consists = Readonly<Record<string, HeapShare>>;

export async function consists(kind: Kind, connections: number): Promise<Consists> {
  const [before, after] = await around<Record<string, HeapShare>>(kind, connections, "heap");
  const each = Object.entries(after).map(([name, { count, bytes }]): [string, HeapShare] => {
    const old = before[name] ?? { count: 0, bytes: 0 };
    return [name, { count: (count - old.count) / connections, bytes: (bytes - old.bytes) / connections }];
  });
  // What comes and goes by itself.
  return Object.fromEntries(each.filter(([, { bytes }]) => bytes >= 8).sort(([, a], [, b]) => b.bytes - a.bytes));
}
