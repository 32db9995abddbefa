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
}

async function openAll(opening: Opening): Promise<void> {
  for (const { line } of lines) line.close();
  lines = [];
  await openMore(opening);
}

async function openMore({ kind, place, count }: Opening): Promise<void> {
  for (let i = 0; i < count; i++) {
    const connected: Connected = { line: undefined as never, onReply: () => {}, due: [] };
    connected.line = await open(kind, place, () => connected.onReply());
    lines.push(connected);
  }
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
  flood,
  pace: async (options: PacedOptions) => {
    const sorted = Float64Array.from(await pace(options)).sort();
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), count: sorted.length };
  },
});
