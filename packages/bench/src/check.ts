import type { Answer, InFlightTable } from "./browser/page.ts";
import { HELD_SIZE } from "./data.ts";
import { ratioOf } from "./echo/run.ts";
import type { MicroTable } from "./micro/run.ts";
import { ownShare, type Shares } from "./profile.ts";
import type { EchoTable, Results } from "./results.ts";
import { type Figure, quantile, ratio } from "./rounds.ts";
import type { FileTable } from "./traffic/run.ts";

/** One line of what the project holds itself to. */
export interface Verdict {
  readonly what: string;
  readonly bound: string;
  readonly value: number;
  readonly met: boolean;
  readonly unit: string;
  /** What the same takes with the bare cipher, or the bare operations, and no protocol. */
  readonly floor: number | undefined;
  /** What would be left to be measured if the lines of Sealwire's packages took no time. */
  readonly rest: number | undefined;
  /** Of a bound that is missed: the share of what those lines take that they could take and meet it. */
  readonly allowance: number | undefined;
}

export type Bound = { readonly most: number } | { readonly least: number };

interface Beside {
  readonly unit?: string;
  readonly floor?: number;
  readonly rest?: number | undefined;
}

function verdict(what: string, value: number, bound: Bound, { unit = "×", floor, rest }: Beside = {}): Verdict {
  const [text, met] =
    "most" in bound
      ? [`at most ${bound.most}`, value <= bound.most]
      : [`at least ${bound.least}`, value >= bound.least];
  const allowance = met || rest === undefined ? undefined : allowanceOf(value, bound, rest);
  return { what, value, bound: text, met, unit, floor, rest, allowance };
}

/** 0 where the bound is missed by what is left without those lines. */
export function allowanceOf(value: number, bound: Bound, rest: number): number {
  // What has to be as large as possible is so many times as fast as something else: its time is the inverse.
  const time = "most" in bound ? (of: number) => of : (of: number) => 1 / of;
  const allowed = time("most" in bound ? bound.most : bound.least) - time(rest);
  return Math.max(0, allowed / (time(value) - time(rest)));
}

/** Ratios within the run: they hold on any machine, or nowhere. */
export function check(r: Results): readonly Verdict[] {
  const object = pick(r.micro, "object", 256);
  const bytes = pick(r.micro, "bytes", 256);
  const large = pick(r.micro, "bytes", 1_048_576);
  const jose = "jose CompactEncrypt, compactDecrypt";
  const many = echoOf(r.echo, "50 connections, 4 in flight");
  const pipelined = r.echo.find((t) => t.what === "50 connections, 16 in flight") ?? missing("16 in flight");
  const batched = (kind: string) =>
    ratioOf(pipelined.figures[kind]?.perSecond ?? [], pipelined.figures.ws?.perSecond ?? []);
  const transfer = (to: FileTable["to"], kind = "sealwire") => {
    const { figures } = r.file.find((t) => t.to === to) ?? missing(`a file to the ${to}`);
    return ratioOf(figures[kind]?.perSecond ?? [], figures.ws?.perSecond ?? []);
  };
  /** Either end can be what the other one waits for: as if all of the time were that of the end with more lines of its own. */
  const transferWithout = (to: FileTable["to"]) => {
    const profiles = r.file.find((t) => t.to === to)?.profiles.sealwire;
    return profiles && transfer(to) / (1 - Math.max(ownShare(profiles.server), ownShare(profiles.client)));
  };
  const file = (to: FileTable["to"]) =>
    verdict(
      `50 MB to the ${to} in chunks of 64 KiB, of raw ws`,
      transfer(to),
      { least: 0.6 },
      { floor: transfer(to, "bare"), rest: transferWithout(to) },
    );
  const { ws, sealwire: own } = many;
  const p99 = (name: string) =>
    quantile(
      (r.latency.figures[name] ?? []).map((l) => l.p99),
      0.5,
    );
  const { cpu, bare, profiles } = r.handshakes;
  const above = (times: readonly number[]) => times.map((value, i) => value - (cpu.ws[i] as number));
  const idle = r.memory.at(-1);
  return [
    verdict(
      "seal and open an object of 256 B, against the floor",
      ratio(object("sealwire aead"), object("bare AES-256-GCM, cbor-x")),
      { most: 1.25 },
    ),
    verdict("jose, against bytes of 256 B", ratio(bytes(jose), bytes("sealwire aead")), { least: 7 }),
    verdict("jose, against an object of 256 B", ratio(object(jose), object("sealwire aead")), { least: 5 }),
    verdict("jose, against bytes of 1 MiB", ratio(large(jose), large("sealwire aead")), { least: 20 }),
    verdict("mac, bytes of 256 B, against two HMACs", ratio(bytes("sealwire mac"), bytes("2 × bare HMAC-SHA-256")), {
      most: 1.5,
    }),
    verdict(
      "echo, server's CPU a message: ws + jose against it",
      ratioOf(many.jose.cpu, own.cpu),
      { least: 7 },
      {
        floor: ratioOf(many.jose.cpu, many.bare.cpu),
        rest: without(r.profiles.sealwire, own.cpu, (left) => ratioOf(many.jose.cpu, left)),
      },
    ),
    verdict(
      "echo, messages a second, of raw ws",
      ratioOf(own.perSecond, ws.perSecond),
      { least: 0.4 },
      { floor: ratioOf(many.bare.perSecond, ws.perSecond) },
    ),
    verdict(
      "echo in batches, 16 in flight, messages a second, of raw ws",
      batched("batched"),
      { least: 1 },
      { floor: batched("bare, gathered") },
    ),
    verdict(
      "latency at half load, p99, against raw ws",
      p99("sealwire") / p99("ws"),
      { most: 1.5 },
      { floor: p99("bare") / p99("ws") },
    ),
    verdict(
      "handshake, server's CPU above a bare connection, against its bare operations",
      ratioOf(above(cpu.sealwire), bare),
      { most: 1.5 },
      {
        floor: ratioOf(above(cpu.floor), bare),
        rest: without(profiles.sealwire, cpu.sealwire, (left) => ratioOf(above(left), bare)),
      },
    ),
    verdict(
      `memory of an idle session above a bare connection, of ${idle?.connections}`,
      ((idle?.sealwire.live ?? Number.NaN) - (idle?.ws.live ?? 0)) / 1024,
      { most: 4 },
      { unit: " KiB" },
    ),
    file("server"),
    file("client"),
    verdict("bytes on the wire beyond 256 B, seq 65,535", overheadOf(r, 1), { most: 64 }, { unit: " B" }),
    verdict("the same of each message of 16 in a batch", overheadOf(r, 16), { most: 24 }, { unit: " B" }),
    ...r.browsers.flatMap(({ name, answer }) => heldInBrowser(name, answer)),
    verdict(
      "client for browsers, minified and gzipped",
      r.bundle.connect.gzip / 1000,
      { most: 25 },
      { unit: " kB", floor: r.bundle.envelopes.gzip / 1000 },
    ),
  ];
}

const overheadOf = ({ overhead }: Results, count: number): number =>
  overhead.find(({ seq, items }) => seq === 65_535 && items === count)?.bytes ?? Number.NaN;

/** The most that is at work at once, each in its envelope: a session keeps WebCrypto as busy as whoever calls it bare. */
export function heldInBrowser(browser: string, answer: Answer | undefined): readonly Verdict[] {
  const table = answer?.inFlight.filter(({ size }) => size === HELD_SIZE).at(-1);
  // What was not measured is not met.
  if (table === undefined) return [verdict(`${browser}, ${HELD_SIZE} B through sessions`, Number.NaN, { most: 1.15 })];
  const {
    "sealwire sessions": own,
    "bare WebCrypto AES-GCM": bare,
    "bare WebCrypto AES-GCM, two ends": ends,
  } = table.figures as Record<string, Figure>;
  const spared = (own as Figure).rounds.map((time, i) => time - (ownRounds(table)[i] as number));
  const rest = ratioOf(spared, (bare as Figure).rounds);
  const what = `${browser}, ${HELD_SIZE} B through sessions, ${table.inFlight} in flight, against bare WebCrypto`;
  const floor = ratio(ends as Figure, bare as Figure);
  return [verdict(what, ratio(own as Figure, bare as Figure), { most: 1.15 }, { floor, rest })];
}

/** What a session does itself for a message at both ends: what it takes without a cipher beyond the bare calls without one. */
export const ownMicroseconds = (table: InFlightTable): number => quantile(ownRounds(table), 0.5);

function ownRounds({ figures }: InFlightTable): readonly number[] {
  const { "sealwire sessions, no cipher": own, "bare calls, no cipher": bare } = figures as Record<string, Figure>;
  return (own as Figure).rounds.map((time, i) => time - ((bare as Figure).rounds[i] as number));
}

/** What `ratio` makes of these times without the share of them that a profile found in Sealwire's own lines. */
const without = (
  profile: Shares | undefined,
  times: readonly number[],
  ratio: (left: readonly number[]) => number,
): number | undefined => profile && ratio(times.map((time) => time * (1 - ownShare(profile))));

function pick(tables: readonly MicroTable[], what: "bytes" | "object", size: number): (name: string) => Figure {
  const table = tables.find((t) => t.what === what && t.size === size);
  return (name) => table?.figures[name] ?? missing(`${name}, ${what} of ${size} B`);
}

function echoOf(
  tables: readonly EchoTable[],
  what: string,
): Record<"ws" | "bare" | "jose" | "sealwire", EchoTable["figures"][string]> {
  return (tables.find((t) => t.what === what)?.figures ?? missing(what)) as never;
}

const missing = (what: string): never => {
  throw new Error(`not measured: ${what}`);
};

export const measured = (value: number, unit: string): string =>
  Number.isNaN(value) ? "not measured" : `${value.toFixed(2)}${unit}`;

/** For a terminal. */
export function verdictLines(verdicts: readonly Verdict[]): string {
  const width = Math.max(...verdicts.map(({ what }) => what.length));
  const line = ({ what, value, unit, bound, met, floor, rest, allowance }: Verdict) =>
    `${met ? "✓" : "✗"} ${what.padEnd(width)}  ${measured(value, unit).padStart(12)}  ${bound.padEnd(13)}${beside("without a protocol", floor, unit)}${beside("without its own time", rest, unit)}${beside("its lines may take", allowance && 100 * allowance, " %")}`.trimEnd();
  return verdicts.map(line).join("\n");
}

const beside = (what: string, value: number | undefined, unit: string): string =>
  value === undefined ? "" : `  ${what} ${value.toFixed(2)}${unit}`;
