import { Child } from "./child.ts";
import type { Kind, Place } from "./echo/world.ts";

export interface MemoryFigure {
  readonly connections: number;
  /** Bytes of the server's process for one idle connection. */
  readonly sealwire: number;
  readonly ws: number;
}

interface Memory {
  readonly live: number;
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

async function perConnection(kind: Kind, connections: number): Promise<number> {
  const server = new Child("echo/server.js");
  const load = new Child("echo/load.js");
  try {
    const place = await server.ask<Place>("serve", kind);
    // What is made once is there before the first reading.
    await load.ask("open", { kind, place, count: 20 });
    const before = await server.ask<Memory>("memory");
    await load.ask("more", { kind, place, count: connections });
    const after = await server.ask<Memory>("memory");
    return (after.live - before.live) / connections;
  } finally {
    await Promise.all([server.end(), load.end()]);
  }
}
