import { bareOperations } from "./bare-handshake.ts";
import { Child } from "./child.ts";
import type { Latency as Paced } from "./echo/run.ts";
import type { Kind, Place } from "./echo/world.ts";
import type { Shares } from "./profile.ts";
import { Traffic } from "./traffic/run.ts";

type Latency = Omit<Paced, "pauses">;
type Name = "sealwire" | "pooled" | "ws" | "floor";
/** Servers to which connections are made: what each is called here, and its kind. */
const SERVERS: Readonly<Record<Name, Kind>> = { sealwire: "bound", pooled: "pooled", ws: "ws", floor: "floor" };
const NAMES = Object.keys(SERVERS) as readonly Name[];
/** Where signatures are made and verified: at once, or on libuv's threads. */
const WAYS = ["sealwire", "pooled"] as const;

/** Each list has one value a round. */
export interface HandshakeFigures {
  /**
   * Microseconds of the server's CPU for one connection: with proof of possession and all at once; with signatures on the
   * threads of libuv; of `ws` alone; of `ws` with as many messages and the bare operations.
   */
  readonly cpu: Readonly<Record<Name, readonly number[]>>;
  readonly perSecond: Readonly<Record<Name, readonly number[]>>;
  /** Microseconds for the cryptographic operations of the server in one handshake, over and over. */
  readonly bare: readonly number[];
  /** Of messages to a server that has handshakes to do beside them. */
  readonly beside: Readonly<Record<(typeof WAYS)[number], readonly Latency[]>>;
  /** As `cpu`, for a connection that was cut and whose session was taken up again on the same server. */
  readonly resume: readonly number[];
  readonly resumesPerSecond: readonly number[];
  /** Where the time of the server goes. Empty where none was taken. */
  readonly profiles: Readonly<Partial<Record<Name, Shares>>>;
}

const none = () => ({
  cpu: { sealwire: [], pooled: [], ws: [], floor: [] } as Record<Name, number[]>,
  perSecond: { sealwire: [], pooled: [], ws: [], floor: [] } as Record<Name, number[]>,
  bare: [] as number[],
  beside: { sealwire: [], pooled: [] } as Record<(typeof WAYS)[number], Latency[]>,
  resume: [] as number[],
  resumesPerSecond: [] as number[],
  profiles: {} as Partial<Record<Name, Shares>>,
});

export const NO_HANDSHAKES: HandshakeFigures = none();

export interface HandshakeEffort {
  readonly rounds: number;
  /** Connections of one round. */
  readonly count: number;
  /** Connections before the first round: a server that runs for a while has its code compiled. */
  readonly warm: number;
  /** Connections of a profile; 0 for none. */
  readonly profiled: number;
}

/** Connections that are being made at the same time. */
const AT_ONCE = 6;
const BESIDE = { connections: 20, size: 256, rate: 500 };
/** Handshakes a second beside messages: half of what two cores get done, with the work of their clients. */
const ARRIVING = 60;

/** A server, the load whose connections count, and another one whose sessions send meanwhile. */
class Side {
  readonly kind: Kind;
  readonly server: Child = new Child("echo/server.js");
  readonly load: Child = new Child("echo/load.js");
  readonly talk: Child = new Child("echo/load.js");
  #place: Place | undefined;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  async #opening(count: number) {
    this.#place ??= await this.server.ask<Place>("serve", this.kind);
    return { kind: this.kind, place: this.#place, count, atOnce: AT_ONCE };
  }

  /** Microseconds of the server's CPU for each connection, and connections a second. */
  async connect(count: number): Promise<{ cpu: number; perSecond: number }> {
    const opening = await this.#opening(count);
    const before = await this.server.cpu();
    const start = performance.now();
    await this.load.ask("open", opening);
    const seconds = (performance.now() - start) / 1000;
    const cpu = ((await this.server.cpu()) - before) / count;
    await this.load.ask("open", { ...opening, count: 0 });
    return { cpu, perSecond: count / seconds };
  }

  /** Where the time of the server's main thread goes meanwhile. */
  async profile(count: number): Promise<Shares> {
    const opening = await this.#opening(count);
    await this.server.ask("startProfile");
    await this.load.ask("open", opening);
    const shares = await this.server.ask<Shares>("stopProfile");
    // Their ends are no part of it.
    await this.load.ask("open", { ...opening, count: 0 });
    return shares;
  }

  /** Messages of sessions that were there before, while others connect. */
  async beside(ms: number): Promise<Latency> {
    const opening = await this.#opening(BESIDE.connections);
    await this.talk.ask("open", opening);
    const arrived = this.load.ask("arrive", { ...opening, rate: ARRIVING, ms: ms + 500 });
    const latency = await this.talk.ask<Latency>("pace", { size: BESIDE.size, rate: BESIDE.rate, ms });
    await arrived;
    return latency;
  }

  async end(): Promise<void> {
    await Promise.all([this.server.end(), this.load.end(), this.talk.end()]);
  }
}

/** Connections, sessions that are taken up again, and the bare operations, in this process: in the same rounds. */
export async function handshakes(
  { rounds, count, warm, profiled }: HandshakeEffort,
  say: (what: string) => void,
): Promise<HandshakeFigures> {
  const figures = none();
  const resumed = new Traffic("sealwire");
  const sides = NAMES.map((name) => ({ name, side: new Side(SERVERS[name]) }));
  const bare = bareOperations();
  try {
    say("handshakes: warming up");
    for (const { side } of sides) await side.connect(warm);
    await resumed.open(count);
    await resumed.resume();
    await bare.run(warm);
    for (let round = 0; round < rounds; round++) {
      say(`handshakes: round ${round + 1} of ${rounds}`);
      const turn = round % sides.length;
      for (const { name, side } of [...sides.slice(turn), ...sides.slice(0, turn)]) {
        const { cpu, perSecond } = await side.connect(count);
        figures.cpu[name].push(cpu);
        figures.perSecond[name].push(perSecond);
        if (name === "sealwire" || name === "pooled") figures.beside[name].push(await side.beside(10 * count));
      }
      const { ms, cpu } = await resumed.resume();
      figures.resume.push(cpu / count);
      figures.resumesPerSecond.push((count * 1000) / ms);
      const before = process.cpuUsage();
      await bare.run(count);
      const { user, system } = process.cpuUsage(before);
      figures.bare.push((user + system) / count);
    }
    if (profiled > 0)
      for (const { name, side } of sides) {
        if (name === "pooled") continue;
        say(`profile of the server: handshakes of ${name}`);
        figures.profiles[name] = await side.profile(profiled);
      }
  } finally {
    for (const { side } of sides) await side.end();
    await resumed.end();
  }
  return figures;
}
