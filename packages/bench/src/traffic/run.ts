import { Child } from "../child.ts";
import type { Place } from "../echo/world.ts";
import type { Shares } from "../profile.ts";
import type { TrafficKind } from "./peers.ts";
import type { Dialing, Giving, Spreading } from "./side.ts";

/** A server and its clients, in two processes. */
export class Traffic {
  readonly kind: TrafficKind;
  readonly server: Child = new Child("traffic/side.js");
  readonly clients: Child = new Child("traffic/side.js");

  constructor(kind: TrafficKind) {
    this.kind = kind;
  }

  async open(count: number): Promise<void> {
    const place = await this.server.ask<Place>("listen", this.kind);
    const dialing: Dialing = { kind: this.kind, place, count };
    await this.clients.ask("dial", dialing);
  }

  /** Milliseconds from the first message until the last one has arrived, and microseconds of the server's CPU for all. */
  async spread(spreading: Spreading, subscribers: number): Promise<{ ms: number; cpu: number }> {
    const before = await this.server.cpu();
    const arrived = this.clients.ask<number>("messages", spreading.messages * subscribers);
    const start = await this.server.ask<number>("spread", spreading);
    const ms = (await arrived) - start;
    return { ms, cpu: (await this.server.cpu()) - before };
  }

  /** `up`: from the client to the server. */
  async transfer(giving: Giving, up: boolean): Promise<{ ms: number; cpu: number; clientCpu: number }> {
    const [from, to] = up ? [this.clients, this.server] : [this.server, this.clients];
    const [before, clientBefore] = [await this.server.cpu(), await this.clients.cpu()];
    const arrived = to.ask<number>("bytes", giving.bytes);
    const start = await from.ask<number>("give", giving);
    const ms = (await arrived) - start;
    return {
      ms,
      cpu: (await this.server.cpu()) - before,
      clientCpu: (await this.clients.cpu()) - clientBefore,
    };
  }

  /** Where the time of both ends goes while the file is transferred so many times. */
  async profile(giving: Giving, up: boolean, times: number): Promise<Profiles> {
    const both = [this.server, this.clients] as const;
    await Promise.all(both.map((end) => end.ask("startProfile")));
    for (let i = 0; i < times; i++) await this.transfer(giving, up);
    const [server, client] = await Promise.all(both.map((end) => end.ask<Shares>("stopProfile")));
    return { server: server as Shares, client: client as Shares };
  }

  /** Every session once. */
  async resume(): Promise<{ ms: number; cpu: number }> {
    const before = await this.server.cpu();
    const ms = await this.clients.ask<number>("resume");
    return { ms, cpu: (await this.server.cpu()) - before };
  }

  async end(): Promise<void> {
    await Promise.all([this.server.end(), this.clients.end()]);
  }
}

/** All of them are there all the time; in each round one after the other works. The first round is not counted. */
async function inRounds(
  all: readonly Traffic[],
  rounds: number,
  connections: number,
  work: (traffic: Traffic, round: number) => Promise<void>,
): Promise<void> {
  try {
    for (const traffic of all) await traffic.open(connections);
    for (let round = -1; round < rounds; round++) {
      const turn = Math.max(0, round) % all.length;
      for (const traffic of [...all.slice(turn), ...all.slice(0, turn)]) await work(traffic, round);
    }
  } finally {
    for (const traffic of all) await traffic.end();
  }
}

export interface FanOutFigure {
  /** Microseconds of the server's CPU for one delivery, one value a round. */
  readonly cpu: number[];
  /** Milliseconds from one message until the last subscriber has it, one value a round. */
  readonly last: number[];
}

export interface FanOutTable {
  readonly subscribers: number;
  readonly figures: Readonly<Record<string, FanOutFigure>>;
}

const FAN_OUT = ["ws", "socket.io", "sealwire"] as const;
/** Deliveries of one round by which the CPU is told. */
const DELIVERIES = 2000;

/** One message of 256 B to everybody who is connected. */
export async function fanOut(
  { sizes, rounds }: { readonly sizes: readonly number[]; readonly rounds: number },
  say: (what: string) => void,
): Promise<FanOutTable[]> {
  const tables: FanOutTable[] = [];
  for (const subscribers of sizes) {
    const figures = Object.fromEntries(FAN_OUT.map((kind) => [kind, { cpu: [], last: [] } as FanOutFigure]));
    const all = FAN_OUT.map((kind) => new Traffic(kind));
    const messages = Math.ceil(DELIVERIES / subscribers);
    say(`fan-out to ${subscribers}`);
    await inRounds(all, rounds, subscribers, async (traffic, round) => {
      const many = await traffic.spread({ size: 256, messages }, subscribers);
      const { ms } = await traffic.spread({ size: 256, messages: 1 }, subscribers);
      if (round < 0) return;
      figures[traffic.kind]?.cpu.push(many.cpu / (messages * subscribers));
      figures[traffic.kind]?.last.push(ms);
    });
    tables.push({ subscribers, figures });
  }
  return tables;
}

export interface FileFigure {
  /** Megabytes (10^6) a second, one value a round. */
  readonly perSecond: number[];
  /** Milliseconds of CPU for the file, one value a round: of the server, and of the client. */
  readonly cpu: number[];
  readonly clientCpu: number[];
}

export interface Profiles {
  readonly server: Shares;
  readonly client: Shares;
}

export interface FileTable {
  readonly to: "server" | "client";
  /** Of the kinds that cipher, but for a quick run. */
  readonly profiles: Record<string, Profiles>;
  readonly bytes: number;
  readonly chunk: number;
  readonly figures: Readonly<Record<string, FileFigure>>;
}

const CHUNK = 65_536;
const FILE = ["ws", "bare", "sealwire"] as const;

/**
 * One file over one connection, in chunks; the sender waits where more than 1 MiB is unsent. `profiled`: times that it is
 * transferred once more for a profile; 0 for none.
 */
export async function file(
  { rounds, bytes, profiled }: { readonly rounds: number; readonly bytes: number; readonly profiled: number },
  say: (what: string) => void,
): Promise<FileTable[]> {
  const giving: Giving = { bytes, chunk: CHUNK };
  const table = (to: FileTable["to"]): FileTable => ({
    to,
    ...giving,
    profiles: {},
    figures: Object.fromEntries(FILE.map((kind) => [kind, { perSecond: [], cpu: [], clientCpu: [] } as FileFigure])),
  });
  const [up, down] = [table("server"), table("client")];
  say(`a file of ${bytes / 1e6} MB`);
  let watched = 0;
  await inRounds(
    FILE.map((kind) => new Traffic(kind)),
    rounds,
    1,
    async (traffic, round) => {
      if (watched++ < FILE.length) await traffic.server.ask("watch");
      for (const { to, figures, profiles } of [up, down]) {
        const { ms, cpu, clientCpu } = await traffic.transfer(giving, to === "server");
        if (round < 0) continue;
        figures[traffic.kind]?.perSecond.push(bytes / 1000 / ms);
        figures[traffic.kind]?.cpu.push(cpu / 1000);
        figures[traffic.kind]?.clientCpu.push(clientCpu / 1000);
        if (round === rounds - 1 && profiled > 0 && traffic.kind !== "ws")
          profiles[traffic.kind] = await traffic.profile(giving, to === "server", profiled);
      }
    },
  );
  return [up, down];
}
