import { randomBytes } from "node:crypto";
import { answer } from "../child.ts";
import { type Kind, type Line, open, type Place } from "./world.ts";

export interface LoadOptions {
  readonly size: number;
  /** Messages of each connection that are on the way at once. */
  readonly inFlight: number;
  readonly ms: number;
}

export interface PacedOptions {
  readonly size: number;
  /** Messages a second, over all connections. */
  readonly rate: number;
  readonly ms: number;
}

interface Connected {
  line: Line;
  onReply: () => void;
  /** When the messages were due that have no reply yet, oldest first. */
  due: number[];
}

let lines: Connected[] = [];

interface Opening {
  readonly kind: Kind;
  readonly place: Place;
  readonly count: number;
  /** Connections that are being made at the same time. Default: 1. */
  readonly atOnce?: number;
}

interface Arriving extends Pick<Opening, "kind" | "place"> {
  readonly rate: number;
  readonly ms: number;
}

async function openAll(opening: Opening): Promise<void> {
  for (const { line } of lines) line.close();
  lines = [];
  await openMore(opening);
}

async function openMore({ kind, place, count, atOnce = 1 }: Opening): Promise<void> {
  let left = count;
  const some = async () => {
    while (left-- > 0) await openOne(kind, place);
  };
  await Promise.all(Array.from({ length: atOnce }, some));
}

async function openOne(kind: Kind, place: Place): Promise<void> {
  const connected: Connected = { line: undefined as never, onReply: () => {}, due: [] };
  connected.line = await open(kind, place, () => connected.onReply());
  lines.push(connected);
}

/** So many connections a second for so many milliseconds, whether the last one is made or not; all are closed at the end. */
async function arrive({ kind, place, rate, ms }: Arriving): Promise<void> {
  const all: Promise<void>[] = [];
  const start = performance.now();
  for (; all.length < (ms * rate) / 1000; await sleep(start + (all.length * 1000) / rate - performance.now()))
    all.push(openOne(kind, place));
  await Promise.all(all);
  await openAll({ kind, place, count: 0 });
}

/** Each reply sends the next message: as many a second as both sides can. */
async function flood({ size, inFlight, ms }: LoadOptions): Promise<number> {
  const data = new Uint8Array(randomBytes(size));
  let [replies, running] = [0, true];
  for (const connected of lines) {
    connected.onReply = () => {
      replies++;
      if (running) connected.line.send(data);
    };
    for (let i = 0; i < inFlight; i++) connected.line.send(data);
  }
  await sleep(ms);
  running = false;
  const counted = replies;
  await sleep(100);
  return counted;
}

/** At a fixed rate, whatever comes back; milliseconds from when a message was due to its reply. */
async function pace({ size, rate, ms }: PacedOptions): Promise<readonly number[]> {
  const data = new Uint8Array(randomBytes(size));
  const latencies: number[] = [];
  for (const connected of lines) {
    connected.due = [];
    connected.onReply = () => latencies.push(performance.now() - (connected.due.shift() as number));
  }
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < ms) {
    const now = performance.now();
    for (; sent < ((now - start) / 1000) * rate; sent++) {
      const connected = lines[sent % lines.length] as Connected;
      connected.due.push(start + (sent / rate) * 1000);
      connected.line.send(data);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sleep(200);
  return latencies;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

answer({
  open: openAll,
  more: openMore,
  arrive,
  flood,
  pace: async (options: PacedOptions) => {
    const sorted = Float64Array.from(await pace(options)).sort();
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), count: sorted.length };
  },
});
