import { Child, type Pauses } from "../child.ts";
import type { Shares } from "../profile.ts";
import { quantile } from "../rounds.ts";
import type { LoadOptions, PacedOptions } from "./load.ts";
import type { Kind, Place } from "./world.ts";

export interface EchoFigure {
  /** One value a round. */
  readonly perSecond: readonly number[];
  /** Microseconds of the server's CPU a message, one value a round. */
  readonly cpu: readonly number[];
}

export interface EchoOptions {
  readonly kinds: readonly Kind[];
  readonly connections: number;
  readonly inFlight: number;
  readonly size: number;
  readonly rounds: number;
  readonly ms: number;
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly count: number;
  readonly pauses: { readonly server: Pauses; readonly load: Pauses };
}

/** A server and its load, in two processes: with two cores, one for each. */
export class Echo {
  readonly kind: Kind;
  readonly server: Child = new Child("echo/server.js");
  readonly load: Child = new Child("echo/load.js");
  #place: Place | undefined;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  async open(count: number): Promise<void> {
    this.#place ??= await this.server.ask<Place>("serve", this.kind);
    await this.load.ask("open", { kind: this.kind, place: this.#place, count });
  }

  async flood(options: LoadOptions): Promise<{ perSecond: number; cpu: number }> {
    const before = await this.server.cpu();
    const replies = await this.load.ask<number>("flood", options);
    const cpu = ((await this.server.cpu()) - before) / replies;
    return { perSecond: (replies * 1000) / options.ms, cpu };
  }

  async pace(options: PacedOptions): Promise<Latency> {
    const pauses = async () => ({ server: await this.server.pauses(), load: await this.load.pauses() });
    await pauses();
    const latency = await this.load.ask<Omit<Latency, "pauses">>("pace", options);
    return { ...latency, pauses: await pauses() };
  }

  /** Where the time of the server's main thread goes meanwhile. */
  async profile(options: LoadOptions): Promise<Shares> {
    await this.server.ask("startProfile");
    await this.load.ask("flood", options);
    return await this.server.ask<Shares>("stopProfile");
  }

  async end(): Promise<void> {
    await Promise.all([this.server.end(), this.load.end()]);
  }
}

/** All of them are there all the time; in each round one after the other works. */
export async function echo(o: EchoOptions, say: (what: string) => void): Promise<Record<string, EchoFigure>> {
  const all = o.kinds.map((kind) => new Echo(kind));
  const figures = Object.fromEntries(o.kinds.map((kind) => [kind, { perSecond: [] as number[], cpu: [] as number[] }]));
  try {
    for (const one of all) await one.open(o.connections);
    const load = { size: o.size, inFlight: o.inFlight, ms: o.ms };
    // Once uncounted: the engine compiles.
    for (const one of all) await one.flood({ ...load, ms: Math.min(o.ms, 1000) });
    for (let round = 0; round < o.rounds; round++) {
      say(`echo: ${o.connections} connections, ${o.inFlight} in flight, round ${round + 1} of ${o.rounds}`);
      for (const one of all) {
        const { perSecond, cpu } = await one.flood(load);
        figures[one.kind]?.perSecond.push(perSecond);
        figures[one.kind]?.cpu.push(cpu);
      }
    }
  } finally {
    for (const one of all) await one.end();
  }
  return figures;
}

/** One after the other, each with this load. */
export async function profiles(
  kinds: readonly Kind[],
  connections: number,
  load: LoadOptions,
  say: (what: string) => void,
): Promise<Record<string, Shares>> {
  const all: Record<string, Shares> = {};
  for (const kind of kinds) {
    say(`profile of the server: ${kind}`);
    const one = new Echo(kind);
    try {
      await one.open(connections);
      await one.flood(load);
      all[kind] = await one.profile(load);
    } finally {
      await one.end();
    }
  }
  return all;
}

/** Each at the same rate, half of what the slower one does. */
export async function latency(
  kinds: readonly Kind[],
  rate: number,
  { rounds, ms, size, connections }: Pick<EchoOptions, "rounds" | "ms" | "size" | "connections">,
  say: (what: string) => void,
): Promise<Record<string, readonly Latency[]>> {
  const all = kinds.map((kind) => new Echo(kind));
  const figures = Object.fromEntries(kinds.map((kind) => [kind, [] as Latency[]]));
  try {
    for (const one of all) await one.open(connections);
    for (const one of all) await one.pace({ size, rate, ms: Math.min(ms, 1000) });
    for (let round = 0; round < rounds; round++) {
      say(`latency at ${Math.round(rate)} messages/s, round ${round + 1} of ${rounds}`);
      for (const one of all) figures[one.kind]?.push(await one.pace({ size, rate, ms }));
    }
  } finally {
    for (const one of all) await one.end();
  }
  return figures;
}

/** Ratio of the medians over the rounds, each pair of one round. */
export const ratioOf = (a: readonly number[], b: readonly number[]): number =>
  quantile(
    a.map((value, i) => value / (b[i] as number)),
    0.5,
  );
