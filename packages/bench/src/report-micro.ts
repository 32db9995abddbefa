import type { Answer } from "./browser/page.ts";
import { ownMicroseconds } from "./check.ts";
import type { MicroTable } from "./micro/run.ts";
import { plot } from "./plot.ts";
import { ownTimeParts } from "./report-profile.ts";
import type { Results } from "./results.ts";
import { type Figure, ratio } from "./rounds.ts";
import { bars, spell } from "./svg.ts";
import { table } from "./table.ts";

/** Seal and open, in Node and in the browsers; in these also what sessions make of it. */
export function microParts(r: Results): string[] {
  const { micro, browsers } = r;
  return [
    "## Seal and open",
    "Each contender in a process of its own, warmed by as much CPU time as every other one; the processes take turns in every round. In the browsers all of them share a page. `sealwire` without more is the binary wire with codec cbor.",
    ...microTables("", "", micro),
    ...browsers.flatMap(({ name, answer, missing }) =>
      answer === undefined
        ? [`## ${name}`, `**Not measured: ${missing}.**`]
        : [
            `## ${name}`,
            `WebCrypto of \`${answer.agent}\`; the page has no clock of CPU time.`,
            ...microTables(`${name}: `, `${name.toLowerCase()}-`, answer.micro),
            ...inFlightParts(name, answer),
          ],
    ),
    ...ownTimeParts(r),
  ];
}

function microTables(where: string, file: string, tables: readonly MicroTable[]): string[] {
  return tables.flatMap(({ what, size, figures }) => {
    const title = `${where}Seal and open, ${what} of ${size.toLocaleString("en-US")} B`;
    const rows = Object.entries(figures).sort(([, a], [, b]) => a.median - b.median);
    const all = rows.map(([name, { median: value }]) => ({ name, value, own: name.startsWith("sealwire") }));
    const hasCpu = rows.some(([, { cpu }]) => cpu > 0);
    return [
      `### ${title}`,
      plot(`${file}${what}-${size}`, bars(title, "µs", all)),
      table(
        ["", "µs", "quartiles", ...(hasCpu ? ["CPU µs"] : [])],
        rows.map(([name, f]) => [
          name,
          spell(f.median),
          `[${spell(f.low)}, ${spell(f.high)}]`,
          ...(hasCpu ? [spell(f.cpu)] : []),
        ]),
      ),
    ];
  });
}

/** Both ends of the session are in the page, so that a message is sealed and opened, as by the bare calls. */
function inFlightParts(name: string, { inFlight }: Answer): string[] {
  return [
    `### ${name}: messages through a session, several in flight`,
    table(
      [
        "",
        "in flight",
        "pages",
        "bare WebCrypto µs",
        "quartiles",
        "sessions µs",
        "quartiles",
        "ratio",
        "two ends µs",
        "their own µs",
        "batches µs",
        "ratio",
      ],
      inFlight.map((one) => {
        const [bare, own, batches, ends] = Object.values(one.figures) as [Figure, Figure, Figure, Figure];
        return [
          `${one.size.toLocaleString("en-US")} B`,
          String(one.inFlight),
          String(one.pages),
          ...[bare, own].flatMap((f) => [spell(f.median), `[${spell(f.low)}, ${spell(f.high)}]`]),
          ratio(own, bare).toFixed(2),
          spell(ends.median),
          spell(ownMicroseconds(one)),
          spell(batches.median),
          ratio(batches, bare).toFixed(2),
        ];
      }),
    ),
    "The bound holds the sessions (where there are several pages, each is one round, which is its median) in which each message has an envelope of its own; batches are what they do by default with what is sent in one turn. Two ends are the same bare calls in one function that seals and one that opens, where data is copied into claims, ciphertext into a frame, and data out of the claims. Their own time is what they take, both ends together, beyond the bare calls where WebCrypto copies for both.",
  ];
}
