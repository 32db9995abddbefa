import type { BundleFigure } from "./bundle.ts";
import { measured, type Verdict } from "./check.ts";
import type { Pauses } from "./child.ts";
import { type Latency, ratioOf } from "./echo/run.ts";
import { plot } from "./plot.ts";
import { microParts } from "./report-micro.ts";
import { consistsParts, fileProfileParts, handshakeProfileParts, profileParts } from "./report-profile.ts";
import type { Results } from "./results.ts";
import { quantile } from "./rounds.ts";
import { bars, spell } from "./svg.ts";
import { table } from "./table.ts";

const SIDES = ["server", "load"] as const;

/** The whole report; its plots are written beside it. */
export function report(r: Results, verdicts: readonly Verdict[]): string {
  return [
    "# Benchmarks",
    `Written by \`npm run bench\` on ${r.when}: ${r.machine}. Every contender in the same run; what has quartiles (in brackets, beside the median) was measured in interleaved rounds. Times of one machine say little about another one, ratios more.`,
    "## What the project holds itself to",
    table(
      ["", "measured", "bound", "", "without a protocol", "without its own time", "its lines may take"],
      verdicts.map(({ what, value, unit, bound, met, floor, rest, allowance }) => [
        what,
        measured(value, unit),
        bound,
        met ? "met" : "**missed**",
        ...[floor, rest].map((of) => (of === undefined ? "" : `${of.toFixed(2)}${unit}`)),
        allowance === undefined ? "" : `${(100 * allowance).toFixed(0)} %`,
      ]),
    ),
    "Without a protocol is what the bare cipher of node:crypto around each message, each turn's messages or each chunk makes of the same row, frames of one turn written together as sessions do it, for the handshake its bare operations in as many messages, and in browsers the bare calls at two ends, with their bytes in the memory of claims and frames: no numbers are looked at, nothing is checked, kept or sent again. For the size of the client it is Sealwire's envelopes, keys and checks of claims, with cbor-x, and no session. A bound that this misses too is not missed by the protocol alone.",
    "Without its own time: about what would be left if the lines of Sealwire's packages took none. For the server that is everything else in the profiles below: sockets, ciphers, keys, built-in functions, `ws`, the engine, and the collection of what those lines allocate. For a file it is as if the end with more lines of its own were what takes all of the time. Where this misses the bound too, faster lines alone do not reach it. For browsers it is without what sessions take beyond bare calls where WebCrypto copies for both; where a cipher works on a thread of its own, the page's lines run beside it, and the two do not simply add up.",
    "Its lines may take: of a bound that is missed, the share of their own time of today with which it would be met, everything else being as it is.",
    "`jose` rows: how many times as long jose takes. The handshake row is what a connection costs the server above a bare `ws` connection; the floor of an object is cbor-x and the bare cipher.",
    ...microParts(r),
    ...echoParts(r),
    ...profileParts(r),
    ...trafficParts(r),
    ...otherParts(r),
  ]
    .join("\n\n")
    .concat("\n");
}

function echoParts({ echo, latency }: Results): string[] {
  const parts = echo.flatMap(({ what, size, figures }) => {
    const title = `Echo: ${what}, ${size.toLocaleString("en-US")} B`;
    const rows = Object.entries(figures);
    return [
      `## ${title}`,
      plot(
        `echo-${what.replace(/\W+/g, "-")}`,
        bars(
          title,
          "messages/s",
          rows.map(([name, { perSecond }]) => ({
            name,
            value: quantile(perSecond, 0.5),
            own: name === "sealwire" || name === "batched",
          })),
        ),
      ),
      table(
        ["", "messages/s", "quartiles", "server's CPU µs a message", "quartiles"],
        rows.map(([name, { perSecond, cpu }]) => [name, ...spread(perSecond), ...spread(cpu)]),
      ),
    ];
  });
  const rows = Object.entries(latency.figures).map(([name, all]) => [
    name,
    ...quantiles(all),
    ...SIDES.flatMap((side) => {
      const median = (what: keyof Pauses) =>
        quantile(
          all.map(({ pauses }) => pauses[side][what]),
          0.5,
        );
      return [spell(median("longest")), `${(100 * median("share")).toFixed(1)} %`];
    }),
  ]);
  if (rows.length > 0)
    parts.push(
      `## Latency at ${spell(latency.rate)} messages/s, half of what Sealwire echoes, 50 connections, 256 B`,
      "`bare` is what node:crypto makes of it without any protocol: the objects of its ciphers are freed by the collector, many at once. Where collections of both sides together take more than 1 % of the time, the slowest 1 % of the messages can all be ones that met one.",
      table(
        [
          "",
          "p50 ms",
          "p99 ms",
          "p99.9 ms",
          ...SIDES.flatMap((side) => [`longest collection, ${side}, ms`, "of its time"]),
        ],
        rows,
      ),
    );
  return parts;
}

function trafficParts({ fanOut, file }: Results): string[] {
  const parts = fanOut.map(({ subscribers, figures }) => {
    const title = `Fan-out of 256 B to ${subscribers.toLocaleString("en-US")}`;
    const rows = Object.entries(figures);
    const all = rows.map(([name, { cpu }]) => ({
      name,
      value: quantile(cpu, 0.5),
      own: name === "sealwire" || name === "batched",
    }));
    return [
      `## ${title}`,
      plot(`fan-out-${subscribers}`, bars(`${title}: server's CPU a delivery`, "µs", all)),
      table(
        ["", "server's CPU µs a delivery", "quartiles", "ms until the last has it", "quartiles"],
        rows.map(([name, { cpu, last }]) => [name, ...spread(cpu), ...spread(last)]),
      ),
    ];
  });
  const files = file.map((one) => {
    const { to, bytes, chunk, figures } = one;
    const title = `A file of ${bytes / 1e6} MB to the ${to}, in chunks of ${chunk / 1024} KiB`;
    const rows = Object.entries(figures);
    const all = rows.map(([name, { perSecond }]) => ({
      name,
      value: quantile(perSecond, 0.5),
      own: name === "sealwire" || name === "batched",
    }));
    return [
      `## ${title}`,
      plot(`file-to-${to}`, bars(title, "MB/s", all)),
      "`bare` is `ws` with one cipher object a chunk and no protocol: the buffers that node:crypto makes have the collector mark the whole heap again and again, whoever calls it.",
      table(
        ["", "MB/s", "quartiles", "server's CPU ms for all", "quartiles", "client's CPU ms", "quartiles"],
        rows.map(([name, f]) => [name, ...spread(f.perSecond), ...spread(f.cpu), ...spread(f.clientCpu)]),
      ),
      ...fileProfileParts(one),
    ];
  });
  return [...parts, ...files].flat();
}

/** Median, and quartiles. */
const spread = (of: readonly number[]): [string, string] => [
  spell(quantile(of, 0.5)),
  `[${spell(quantile(of, 0.25))}, ${spell(quantile(of, 0.75))}]`,
];

/** Of a list of rounds: 50 %, 99 % and 99.9 %, each with its quartiles over the rounds. */
const quantiles = (rounds: readonly Pick<Latency, "p50" | "p99" | "p999">[]): string[] =>
  (["p50", "p99", "p999"] as const).map((part) => spread(rounds.map((l) => l[part])).join(" "));

const against = (a: readonly number[], b: readonly number[]): string => ratioOf(a, b).toFixed(2);

function otherParts(r: Results): string[] {
  const { handshakes, memory, overhead, bundle, startUp } = r;
  const between = (of: readonly number[]) => spread(of).join(" ");
  return [
    "## Handshakes and resumes",
    table(
      ["", "server's CPU µs", "quartiles"],
      [
        [
          "a Sealwire connection, with proof of possession by a client that the server has not seen lately",
          ...spread(handshakes.cpu.sealwire),
        ],
        ["the same, signatures on the threads of libuv", ...spread(handshakes.cpu.pooled)],
        ["a bare ws connection", ...spread(handshakes.cpu.ws)],
        ["a bare ws connection with as many messages, and the operations", ...spread(handshakes.cpu.floor)],
        ["the cryptographic operations of a handshake alone, over and over", ...spread(handshakes.bare)],
        ["a connection cut, and its session resumed on another one", ...spread(handshakes.resume)],
      ],
    ),
    `A Sealwire connection is ${against(handshakes.cpu.sealwire, handshakes.cpu.floor)} times the \`ws\` connection with the same operations and as many messages. ${between(handshakes.perSecond.sealwire)} handshakes/s, ${between(handshakes.perSecond.pooled)} with signatures on threads: one client process, six at a time, the work of both ends. ${between(handshakes.resumesPerSecond)} resumes/s, one after the other.`,
    ...handshakeProfileParts(r),
    "Messages of 20 sessions, 500 a second, to a server that gets 60 handshakes a second beside them:",
    table(
      ["signatures", "p50 ms", "p99 ms", "p99.9 ms"],
      [
        ["at once, as Sealwire does it", ...quantiles(handshakes.beside.sealwire)],
        ["on the threads of libuv", ...quantiles(handshakes.beside.pooled)],
      ],
    ),
    "## Memory of the server for an idle connection",
    table(
      ["connections", "Sealwire", "bare ws", "Sealwire, resident", "bare ws, resident"],
      memory.map(({ connections, sealwire, ws }) => [
        String(connections),
        ...[sealwire.live, ws.live, sealwire.rss, ws.rss].map((bytes) => `${spell(bytes / 1024)} KiB`),
      ]),
    ),
    "The first two are what lives, in the heap and in buffers outside of it; what is resident has keys of OpenSSL, sockets and the room that the heap keeps as well.",
    ...consistsParts(r),
    "## Bytes beyond 256 B of data, topic of 8 characters",
    table(
      ["seq", "messages under it", "bytes of each"],
      overhead.map(({ seq, items, bytes }) => [String(seq), String(items), spell(bytes)]),
    ),
    "## Size and start",
    `The client for browsers, with \`connect\` alone: ${sizeOf(bundle.connect)}; with all that it exports: ${sizeOf(bundle.all)}; envelopes alone, without a session: ${sizeOf(bundle.envelopes)}. What it consists of, each share being what the whole is smaller by without it:`,
    table(
      ["", "`connect`: kB minified", "kB gzipped", "all: kB minified", "kB gzipped"],
      partNames(bundle).map((part) => [part, ...sharesOf(bundle.connect, part), ...sharesOf(bundle.all, part)]),
    ),
    table(
      ["import", "ms"],
      Object.entries(startUp).map(([name, ms]) => [name, spell(ms)]),
    ),
  ];
}

const kB = (bytes: number): string => spell(bytes / 1000);
const sizeOf = ({ minified, gzip }: BundleFigure): string => `${kB(minified)} kB minified, ${kB(gzip)} kB gzipped`;
const partNames = ({ connect, all }: Results["bundle"]): string[] => [
  ...new Set([...connect.parts, ...all.parts].map(({ part }) => part)),
];

function sharesOf({ parts }: BundleFigure, name: string): [string, string] {
  const found = parts.find(({ part }) => part === name);
  return found === undefined ? ["", ""] : [kB(found.minified), kB(found.gzip)];
}
